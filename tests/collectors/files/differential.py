"""The real sensor beside random operations: differential.py [mounts] [backend=NAME] [COUNT [SEED]].

Without COUNT it takes sequences from stdin, one JSON object a line, and answers each with the list
of its faults; with COUNT it makes its own. One sensor serves all sequences, each in a directory of
its own; "mounts" needs a mount namespace of our own.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import shutil
import sqlite3
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from collectors.api import Keys
from collectors.files import dirty, tree
from collectors.files.baseline import FILE
from collectors.files.rows import Stored
from collectors.files.sensor import FilesSensor
from collectors.files.settings import FileSettings
from collectors.files.worker import Worker
from collectors.kinds import FileChange
from collectors.paths import PathGuard, SafePath
from collectors.sighting import Sighting
from tests.collectors.files.context import BACKEND
from tests.collectors.files.operations import KINDS, Operation, Playground
from tests.patience import PATIENCE

dirty.DEBOUNCE = 0.05  # a product's second is a test's eternity


class MemoryContext:
    """`collectors.api.SensorContext` whose spool is a list."""

    def __init__(self, directory: Path) -> None:
        self.state_dir = directory / "sensors" / "files"
        self.state_dir.mkdir(parents=True)
        self.stopping = threading.Event()
        self.guard = PathGuard(b"k" * 32)
        self.keys = Keys(fleet=b"f" * 32, fleet_epoch=1)
        self.changes: list[FileChange] = []
        self.others: list[Any] = []
        self.told = threading.Condition()
        self._cursor = 0

    def now(self) -> int:
        return time.time_ns()

    def emit(self, sighting: Sighting) -> None:
        raise AssertionError("the files sensor hands over, it does not emit")

    def handover(self, source: str, upto: int, sightings: Sequence[Sighting]) -> None:
        with self.told:
            self._cursor = upto
            for sighting in sightings:
                if isinstance(sighting.record, FileChange):
                    self.changes.append(sighting.record)
                else:
                    self.others.append(sighting.record)
            self.told.notify_all()

    def cursor(self, source: str) -> int:
        return self._cursor

    def publish(self, paths: Sequence[SafePath]) -> None:
        pass

    def beat(self) -> None:
        pass


class Seen(NamedTuple):
    """What must be equal on disk and in the baseline."""

    kind: int
    mode: int
    uid: int
    gid: int
    inode: int
    size: int
    digest: str | None


class Sensor:
    """The sensor at work over ``DIRECTORY/watched``."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.root = directory / "watched"
        self.root.mkdir()
        (directory / "outside").mkdir()
        self.outside = directory / "outside"
        self.context = MemoryContext(directory / "agent")
        self.error: BaseException | None = None
        self._worker: Worker | None = None
        self._markers = 0
        self._read = 0
        self._sensor = FilesSensor(
            FileSettings(
                paths=(str(self.root),),
                exclude=(),
                coalesce=0.01,
                packages=False,
                reconcile_interval="1h",
                **{"backend": os.environ.get(BACKEND, "inotify"), **settings},
            ),
            self.context.state_dir,
        )
        self._thread = threading.Thread(target=self._run, name="sensor", daemon=True)
        self._thread.start()
        self._until(lambda: self._sensor.coverage()["state"] == "watching", "the first baseline")
        path = f"file:{self.context.state_dir / FILE}?mode=ro"
        self._view = sqlite3.connect(path, uri=True, isolation_level=None)

    def _run(self) -> None:
        make = Worker.__init__

        def remember(worker: Worker, *arguments: Any, **named: Any) -> None:
            make(worker, *arguments, **named)
            self._worker = worker

        Worker.__init__ = remember  # type: ignore[method-assign, assignment]
        try:
            self._sensor.run(self.context)
        except BaseException as error:
            self.error = error
            raise
        finally:
            Worker.__init__ = make  # type: ignore[method-assign]

    def stop(self) -> None:
        """Stop it."""
        self.context.stopping.set()
        self._thread.join(PATIENCE)
        self._view.close()

    def settle(self) -> None:
        """Wait until all that has happened is told: a marker made now comes after it."""
        self._markers += 1
        marker = self.root / f".marker{self._markers}"
        marker.write_bytes(b"")
        wanted = str(marker)

        def told() -> bool:
            changes = self.context.changes
            while self._read < len(changes):
                self._read += 1
                if changes[self._read - 1].path == wanted:
                    return True
            return False

        self._until(told, f"{marker} told")
        marker.unlink()

    def reconcile(self) -> None:
        """Compare the whole tree now, and wait for the end of it."""
        worker = self._worker
        assert worker is not None
        self.settle()
        begun = time.monotonic()
        worker._due = 0.0
        worker._dirty.wake()
        self._until(
            lambda: (
                float(self._sensor.coverage()["last_reconcile_age"]) < time.monotonic() - begun
                and not worker._reconciler.running
                and worker._due > begun
            ),
            "the comparison of the tree",
        )

    def _until(self, condition: Any, what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        with self.context.told:
            while not condition():
                if self.error is not None:
                    raise RuntimeError(f"the sensor has died: {self.error!r}")
                if time.monotonic() > deadline:
                    raise RuntimeError(f"not within {PATIENCE:g} s: {what}")
                self.context.told.wait(0.005)

    def view(self, top: bytes) -> dict[bytes, Seen]:
        """Return what the baseline holds below *top*, by guarded path."""
        stem = self.context.guard.guard(top)
        query = (
            "SELECT d.path, f.name, f.state, f.outcome, f.digest, f.flags FROM directory d"
            " JOIN file f ON f.directory = d.id WHERE d.path = ? OR d.path > ? AND d.path < ?"
        )
        found = {}
        for path, name, *rest in self._view.execute(query, (stem, stem + b"/", stem + b"0")):
            row = Stored(*rest).row()
            plain = row.type in ("file", "symlink")
            found[path + b"/" + name] = Seen(
                stat.S_IFMT(row.mode),
                stat.S_IMODE(row.mode),
                row.uid,
                row.gid,
                row.inode,
                row.size if plain else 0,
                row.digest.hex() if row.digest and row.outcome == "hashed" else None,
            )
        return found

    def disk(self, top: bytes) -> tuple[dict[bytes, Seen], dict[bytes, tuple[int, int]]]:
        """Return the same from the disk, and device and inode of each."""
        guard = self.context.guard
        found: dict[bytes, Seen] = {}
        inodes: dict[bytes, tuple[int, int]] = {}
        stack = [top]
        while stack:
            where = stack.pop()
            directory = tree.open_directory(where)
            try:
                for name in tree.names(directory):
                    path = where + b"/" + name
                    state = os.stat(name, dir_fd=directory, follow_symlinks=False)
                    key = bytes(guard.guard(path))
                    found[key] = _seen(directory, name, state)
                    inodes[key] = (state.st_dev, state.st_ino)
                    if stat.S_ISDIR(state.st_mode):
                        stack.append(path)
            finally:
                os.close(directory)
        return found, inodes


def _seen(directory: int, name: bytes, state: os.stat_result) -> Seen:
    kind = stat.S_IFMT(state.st_mode)
    digest = None
    if kind == stat.S_IFREG:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=directory)
        with open(descriptor, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
    plain = kind in (stat.S_IFREG, stat.S_IFLNK)
    size = state.st_size if plain else 0
    mode = stat.S_IMODE(state.st_mode)
    return Seen(kind, mode, state.st_uid, state.st_gid, state.st_ino, size, digest)


class Trial:
    """Sequences of operations against one sensor."""

    def __init__(self, sensor: Sensor, *, mounts: bool) -> None:
        self._sensor = sensor
        self._mounts = mounts
        self._number = 0
        self._last: tuple[int, bytes] | None = None
        self._begins = (0, 0)
        """How much had been told when the sequence before and this one began."""

    def run(self, operations: Sequence[Operation], *, warm: bool) -> list[str]:
        """Play one sequence and return its faults. *warm*: the sensor knows its directory."""
        sensor = self._sensor
        self._number += 1
        inside = os.fsencode(sensor.root / f"e{self._number}")
        outside = os.fsencode(sensor.outside / f"e{self._number}")
        self._begins = (self._begins[1], len(sensor.context.changes))
        os.mkdir(outside)
        os.mkdir(inside)
        if warm:
            sensor.settle()
        play = Playground(inside, outside, self._nap, mounts=self._mounts)
        try:
            play.play(operations)
            faults = self._compare(play, self._number)
        finally:
            play.release()
            play.unmount()
            shutil.rmtree(outside, ignore_errors=True)
            shutil.rmtree(inside, ignore_errors=True)
        return faults

    def _nap(self, milliseconds: int) -> None:
        if milliseconds:
            time.sleep(milliseconds / 1000)
        else:
            self._sensor.settle()

    def _compare(self, play: Playground, number: int) -> list[str]:
        # What is written to is left alone first, and what was mounted is compared bit by bit, long
        # trees for seconds: the marker that settles the rest is told meanwhile.
        deadline = time.monotonic() + PATIENCE / 2
        while True:
            self._sensor.settle()
            faults = self._differences(play, play.unseen, compared=False) + self._ghosts()
            if not faults or time.monotonic() > deadline:
                break
        self._last = (number, play.inside)
        if play.unseen or play.mounted or number % 10 == 0:
            self._sensor.reconcile()
            found = self._differences(play, set(), compared=True)
            faults += [f"after a comparison: {fault}" for fault in found]
        return faults

    def _differences(
        self, play: Playground, excused: set[tuple[int, int]], *, compared: bool
    ) -> list[str]:
        view = self._sensor.view(play.inside)
        disk, inodes = self._sensor.disk(play.inside)
        faults = []
        for path in sorted(view.keys() | disk.keys()):
            have, want = view.get(path), disk.get(path)
            if have == want or self._blind(play, path, compared=compared):
                continue
            if have and want and inodes[path] in excused and have.inode == want.inode:
                continue
            faults.append(f"view of {path!r}: {have}, on disk: {want}")
        shown = {str(self._sensor.context.guard.display(SafePath(path))): path for path in disk}
        present, last, told = replay(self._changes(play.inside))
        faults += told
        if not play.unmounted:
            faults += [f"untold: {path!r}" for path in sorted(shown.keys() - present)]
            faults += [f"told, not there: {path!r}" for path in sorted(present - shown.keys())]
        for shown_path, path in shown.items():
            change = last.get(shown_path)
            if change is None or inodes[path] in excused or disk[path].digest is None:
                continue
            if change.sha256 != disk[path].digest:
                faults.append(f"told last of {path!r}: {change.action} {change.sha256}")
        return [fault.replace("D" * 200, "D200") for fault in faults]

    def _blind(self, play: Playground, path: bytes, *, compared: bool) -> bool:
        """Tell whether the view may differ from the disk at *path*, because of a mount."""
        guard = self._sensor.context.guard
        if path in [bytes(guard.guard(top)) for top in play.mounted] and not compared:
            return True  # the name of a mount point is looked at when its directory is
        tops = [bytes(guard.guard(top)) for top in play.unmounted]
        return any(path == top or path.startswith(top + b"/") for top in tops)

    def _ghosts(self) -> list[str]:
        """Return what was told of the sequence before and is not gone since."""
        if self._last is None:
            return []
        number, inside = self._last
        present, _, told = replay(self._changes(inside))
        return told + [f"e{number}, removed, not told: {path!r}" for path in sorted(present)]

    def _changes(self, top: bytes) -> list[FileChange]:
        guard = self._sensor.context.guard
        stem = str(guard.display(guard.guard(top))) + "/"
        changes = self._sensor.context.changes[self._begins[0] :]
        return [change for change in changes if change.path.startswith(stem)]


def replay(changes: Sequence[FileChange]) -> tuple[set[str], dict[str, FileChange], list[str]]:
    """Return what is present after *changes*, the last of each path, and what makes no sense."""
    present: set[str] = set()
    last: dict[str, FileChange] = {}
    faults = []
    for change in changes:
        path = str(change.path)
        if (change.action == "created") == (path in present):
            known = "present" if path in present else "absent"
            faults.append(f"{change.action} told of {path!r}, {known} ({change.found_by})")
        if change.action == "deleted":
            present.discard(path)
            last.pop(path, None)
        else:
            present.add(path)
            last[path] = change
    return present, last, faults


def random_sequence(chance: random.Random) -> tuple[list[Operation], bool]:
    """Return operations, and whether the sensor knows the directory first."""
    length = chance.choice((3, 6, 10, 20, 40))
    operations: list[Operation] = [
        (chance.choice(KINDS), *(chance.randrange(60) for _ in range(3))) for _ in range(length)
    ]
    return operations, chance.random() < 0.5


def main() -> None:
    """See the module."""
    arguments = sys.argv[1:]
    mounts = "mounts" in arguments
    settings = dict(each.split("=") for each in arguments if "=" in each)
    numbers = [int(each) for each in arguments if each.isdigit()]
    directory = Path(tempfile.mkdtemp(prefix="ronda-differential."))
    sensor = Sensor(directory, **settings)
    trial = Trial(sensor, mounts=mounts)
    try:
        if numbers:
            _try_many(trial, *numbers)
        else:
            for line in sys.stdin:
                order = json.loads(line)
                print(json.dumps(trial.run(order["operations"], warm=order["warm"])), flush=True)
    finally:
        sensor.stop()
        shutil.rmtree(directory, ignore_errors=True)


def _try_many(trial: Trial, count: int, seed: int = 0) -> None:
    begin = time.monotonic()
    faulty = 0
    for number in range(seed, seed + count):
        operations, warm = random_sequence(random.Random(number))
        faults = trial.run(operations, warm=warm)
        if faults:
            faulty += 1
            operations, faults = _shrink(trial, operations, faults, warm=warm)
            print(f"seed {number}, warm {warm}: {operations}")
            print(*(f"    {fault}" for fault in faults), sep="\n", flush=True)
    took = time.monotonic() - begin
    each = 1000 * took / count
    print(f"{count} sequences, {faulty} with faults, {each:.0f} ms each", flush=True)


def _shrink(
    trial: Trial, operations: list[Operation], faults: list[str], *, warm: bool
) -> tuple[list[Operation], list[str]]:
    """Leave out what is not needed for a fault; one that needs luck stays longer than it must."""
    index = 0
    while index < len(operations):
        fewer = operations[:index] + operations[index + 1 :]
        for _ in range(2):
            now = trial.run(fewer, warm=warm)
            if now:
                operations, faults = fewer, now
                break
        else:
            index += 1
    return operations, faults


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
