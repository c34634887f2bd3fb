"""A SQL dump of some 480 MB with five million NIKs: seconds, memory, error of the count.

Run: python -m bench.exposure_dump [--rows N]. Makes the dump in a temporary directory and deletes
it. The child is the agent's own, with its limits; its start is not counted.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from collectors.child import BoundedChild, Limits
from collectors.content.result import TARGET, Init, Request, ScanResult
from signatures.identifiers.regions import districts

_IN_ONE = 1000


def write_dump(path: Path, rows: int) -> None:
    """Write a dump as mysqldump does, with *rows* citizens that nobody is."""
    source = random.Random(7)
    regions = sorted(districts())
    pool = [
        f"{source.choice(regions)}{source.randint(1, 9):02d}{source.randint(1, 28):02d}"
        f"{source.randint(1, 12):02d}{source.randint(50, 99):02d}{source.randint(1, 9999):04d}"
        for _ in range(200_000)
    ]
    with path.open("w", buffering=1 << 22) as file:
        file.write("CREATE TABLE `penduduk` (`id` int, `nik` varchar(16), `alamat` varchar(99));\n")
        for begin in range(0, rows, _IN_ONE):
            values = ",".join(
                f"({at},'{pool[at * 7 % len(pool)]}','Jl. Merdeka No. {at % 900} RT 02 RW 01,"
                " Kelurahan Contoh, Kota Jambi')"
                for at in range(begin, min(rows, begin + _IN_ONE))
            )
            file.write(f"INSERT INTO `penduduk` VALUES {values};\n")


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    rows = parser.parse_args().rows
    init = msgspec.msgpack.encode(Init(key=b"f" * 32, epoch=1))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "dump.sql")
        write_dump(path, rows)
        with BoundedChild(TARGET, limits=Limits(cpu=300), init=init) as child:
            first = Path(folder, "first.csv")
            first.write_text("nik\n")
            _ask(child, first)
            begin = time.perf_counter()
            result = _ask(child, path)
            seconds = time.perf_counter() - begin
            status = Path(f"/proc/{child.pid}/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]
    (tally,) = result.tallies
    told = tally.about if tally.about is not None else tally.count
    sys.stdout.write(
        f"{seconds:.2f} s, peak {int(peak) >> 10} MB, {result.outcome}: {tally.count} counted, "
        f"about {told} of {rows} ({100 * (told - rows) / rows:+.3f} %)\n"
    )
    return 0


def _ask(child: BoundedChild, path: Path) -> ScanResult:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        request = Request(name=path.name, size=os.fstat(descriptor).st_size, seconds=300)
        answer = child.call(msgspec.msgpack.encode(request), [descriptor], 300)
    finally:
        os.close(descriptor)
    return msgspec.msgpack.decode(answer, type=ScanResult)


if __name__ == "__main__":
    sys.exit(main())
