"""A sensor context with a spool that keeps its promises, and a sensor running in it."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from collectors.api import Keys, Stopped
from collectors.files.sensor import FilesSensor
from collectors.files.settings import FileSettings
from collectors.kinds import FileChange, PackageTransaction, VisibilityLost
from collectors.paths import PathGuard, SafePath
from collectors.sighting import Sighting
from tests.patience import PATIENCE, until

BACKEND = "RONDA_TEST_BACKEND"
"""Environment variable: the backend of sensors that say nothing of it (default: inotify)."""


class FakeContext:
    """`collectors.api.SensorContext` over a spool in one SQLite file, safe to kill."""

    def __init__(self, directory: Path) -> None:
        self.state_dir = directory / "sensors" / "files"
        self.state_dir.mkdir(parents=True, exist_ok=True)
        self.stopping = threading.Event()
        self.guard = PathGuard(b"k" * 32)
        self.keys = Keys(fleet=b"f" * 32, fleet_epoch=1)
        self.beats = 0
        self.published: list[bytes] = []
        self.refuse = False
        self._lock = threading.Lock()
        self.spool = sqlite3.connect(
            directory / "spool.db", isolation_level=None, check_same_thread=False, timeout=10.0
        )
        self.spool.execute("PRAGMA journal_mode=WAL")
        self.spool.execute(
            "CREATE TABLE IF NOT EXISTS event (id INTEGER PRIMARY KEY, body BLOB NOT NULL)"
        )
        self.spool.execute(
            "CREATE TABLE IF NOT EXISTS cursor (source TEXT PRIMARY KEY, upto INTEGER NOT NULL)"
        )

    def now(self) -> int:
        return time.time_ns()

    def emit(self, sighting: Sighting) -> None:
        raise AssertionError("the files sensor hands over, it does not emit")

    def handover(self, source: str, upto: int, sightings: Sequence[Sighting]) -> None:
        if self.refuse:
            raise Stopped
        with self._lock:
            self.spool.execute("BEGIN IMMEDIATE")
            bodies = [(msgspec.msgpack.encode(sighting),) for sighting in sightings]
            self.spool.executemany("INSERT INTO event (body) VALUES (?)", bodies)
            self.spool.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?)", (source, upto))
            self.spool.execute("COMMIT")

    def cursor(self, source: str) -> int:
        with self._lock:
            row = self.spool.execute("SELECT upto FROM cursor WHERE source = ?", (source,))
            found = row.fetchone()
        return int(found[0]) if found else 0

    def publish(self, paths: Sequence[SafePath]) -> None:
        self.published.extend(paths)

    def beat(self) -> None:
        self.beats += 1

    def sightings(self) -> list[Sighting]:
        with self._lock:
            rows = self.spool.execute("SELECT body FROM event ORDER BY id").fetchall()
        return [msgspec.msgpack.decode(row[0], type=Sighting) for row in rows]

    def changes(self) -> list[FileChange]:
        records = [sighting.record for sighting in self.sightings()]
        return [record for record in records if isinstance(record, FileChange)]

    def lost(self) -> list[VisibilityLost]:
        records = [sighting.record for sighting in self.sightings()]
        return [record for record in records if isinstance(record, VisibilityLost)]

    def transactions(self) -> list[PackageTransaction]:
        records = [sighting.record for sighting in self.sightings()]
        return [record for record in records if isinstance(record, PackageTransaction)]

    def close(self) -> None:
        self.spool.close()


class Running:
    """A sensor at work on a thread, as the supervisor would run it."""

    def __init__(
        self,
        directory: Path,
        paths: Sequence[Path],
        *,
        root: bytes = b"/",
        context: FakeContext | None = None,
        protect: bool = False,
        **settings: Any,
    ) -> None:
        values: dict[str, Any] = {
            "coalesce": 0.05,
            "reconcile_interval": "1h",
            "exclude": (),
            "packages": False,
            "backend": os.environ.get(BACKEND, "inotify"),
        }
        values.update(settings)
        self.context = context or FakeContext(directory)
        self.settings = FileSettings(paths=tuple(map(str, paths)), **values)
        self.sensor = FilesSensor(self.settings, self.context.state_dir, root, protect=protect)
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="sensor")
        self._thread.start()

    def _run(self) -> None:
        try:
            self.sensor.run(self.context)
        except BaseException as error:  # noqa: BLE001 - handed to the test's thread
            self.error = error

    def __enter__(self) -> Running:
        self.ready()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def ready(self) -> None:
        """Wait until the tree has been compared."""
        until(lambda: self.error or self.state() == "watching", "first comparison")
        if self.error:
            raise self.error

    def state(self) -> str:
        return str(self.sensor.coverage().get("state"))

    def stop(self) -> float:
        """Stop and return how many seconds it took."""
        begin = time.monotonic()
        self.context.stopping.set()
        self._thread.join(PATIENCE)
        took = time.monotonic() - begin
        self.context.close()
        assert not self._thread.is_alive()
        if self.error:
            raise self.error
        return took

    def wait(self, action: str, path: Path | str) -> FileChange:
        """Wait for one change."""

        def found() -> FileChange | None:
            assert self.error is None, repr(self.error)
            return next(
                (c for c in self.context.changes() if (c.action, c.path) == (action, str(path))),
                None,
            )

        result = until(found, f"{action} {path}")
        assert isinstance(result, FileChange)
        return result

    def settle(self) -> list[tuple[str, str]]:
        """Wait until a marker file made now has been told; return action and path of the rest."""
        root = Path(self.settings.paths[0])
        marker = root / f".marker-{time.monotonic_ns()}"
        marker.write_bytes(b"")
        self.wait("created", marker)
        return [(c.action, c.path) for c in self.context.changes() if ".marker-" not in c.path]


def closed(running: Running, count: int = 1) -> PackageTransaction:
    """Wait for the event of the package transaction number *count*."""

    def found() -> bool:
        assert running.error is None, repr(running.error)
        return len(running.context.transactions()) >= count

    until(found, f"transaction {count}")
    return running.context.transactions()[count - 1]
