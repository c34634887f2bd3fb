"""What it costs the collector to compare the packages of many hosts.

Every host states all its packages, in the agent's own records and on the wire's own format, through
the steps of ingest (open, store) and detection with all shipped rules. One host of each package has
other files: ``python -P -m bench.consensus [HOSTS] [PACKAGES]``.
"""

from __future__ import annotations

import hashlib
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from collectors import wire
from collectors.event import seal
from collectors.files.packages.inventory import BATCH
from collectors.kinds import PackageInventory, PackageStatement, Scrubbed
from collectors.sighting import Sighting
from server.detect.consensus import Consensus
from server.detect.engine import Engine
from server.detect.rulebook import write_down
from server.detect.runner import Runner
from server.fleet.agents import Standing
from server.ingest.batch import open_batch
from server.store.events import EventStore, EventWriter, NewBatch
from server.store.state import StateStore
from signatures.sigma_load import EVENT_RULES, load_files

ODD_EVERY = 40
"""Of so many packages one differs on one host."""


def statement(host: int, package: int) -> PackageStatement:
    """Return what a host has of a package."""
    odd = package % ODD_EVERY == 0 and host == package % 7
    text = f"{package} {host if odd else ''}".encode()
    return PackageStatement(
        name=Scrubbed(f"package-{package}:amd64"),
        version=Scrubbed(f"1:{package}.2.3-4+deb12u1"),
        digest=hashlib.sha256(text).hexdigest(),
        listed=hashlib.sha256(b"%d" % package).hexdigest()[:32],
        files=package % 300 + 1,
    )


def bodies(host: int, packages: int) -> Iterator[bytes]:
    """Yield one body for each event of a host, as its agent sends them."""
    for sequence, start in enumerate(range(0, packages, BATCH), 1):
        end = min(start + BATCH, packages)
        stated = tuple(statement(host, n) for n in range(start, end))
        record = PackageInventory(packages=stated, count=len(stated), waiting=packages - end)
        sighting = Sighting(record=record, observed=time.time_ns(), module="files")
        header = wire.Header(
            version=1, agent=f"agent-{host}", epoch=1, first=sequence, last=sequence, sent=1,
            host=f"web{host}", host_id="h", boot_id="b", agent_version="0.1.0",
        )  # fmt: skip
        yield wire.encode_batch(
            header, [wire.encode_event(seal(sighting, sequence=sequence, created=1))]
        )


class Timed(Consensus):
    """Measures its own part."""

    spent = 0.0

    def store(self, events: object, now: int) -> None:
        """As ever, with the clock beside."""
        began = time.process_time()
        super().store(events, now)  # type: ignore[arg-type]
        self.spent += time.process_time() - began


def received(host: int, packages: int, key: bytes) -> list[NewBatch]:
    """Return the batches of one host, opened as ingest opens them."""
    standing = Standing(f"agent-{host}", "dinkes")
    return [open_batch(body, standing, key, 1).new for body in bodies(host, packages)]


def megabytes(directory: Path, pattern: str) -> float:
    """Return what files hold, their journals included."""
    return sum(path.stat().st_size for path in directory.glob(pattern)) / 1e6


def main() -> None:
    """Measure and print."""
    hosts, packages = (int(text) for text in [*sys.argv[1:], "200", "800"][:2])
    rules = load_files([EVENT_RULES])
    with tempfile.TemporaryDirectory(prefix="ronda-bench.") as name:
        top = Path(name)
        with (
            closing(StateStore.open(top / "state.db")) as state,
            closing(EventWriter(top / "events")) as writer,
            closing(EventStore(top / "events")) as events,
        ):
            write_down(state, rules)
            empty = megabytes(top, "state.db*")
            runner = Runner(state, events, Engine(rules))
            timed = Timed(state)
            runner._consensus = timed
            taken = judged = 0.0
            for host in range(hosts):
                began = time.process_time()
                writer.write(received(host, packages, b"k" * 32), time.time_ns())
                taken += time.process_time() - began
                began = time.process_time()
                while runner.step():
                    pass
                judged += time.process_time() - began
            state.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            rows = {
                table: state.query(f"SELECT count(*) AS n FROM {table}")[0]["n"]
                for table in ("package_set", "package_sum", "package_agent", "package_held", "note")
            }
            kept = megabytes(top, "state.db*") - empty
            stored = megabytes(top / "events", "*")
    claims = hosts * packages
    print(f"{hosts} hosts, {packages} packages: {claims} statements in {rows} rows")
    print(f"ingest {taken:.1f} CPU s, detection {judged:.1f} CPU s, {timed.spent:.1f} of it here:")
    print(f"{1e6 * timed.spent / claims:.0f} us for each statement")
    print(f"state {kept:.1f} MB ({1e6 * kept / claims:.0f} bytes each), events {stored:.1f} MB")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:.0f} MB")


if __name__ == "__main__":
    main()
