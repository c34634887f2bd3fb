"""What the baseline knows, for people; read beside a running agent, nothing is written."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from collectors.files.baseline import FILE, Baseline
from collectors.files.compare import Row
from collectors.files.deploy.drift import (
    GIT,
    OVERFLOW,
    PACKAGES,
    Drifted,
    read_drift,
    same_state,
    within,
)
from collectors.files.deploy.windows import Window, read_windows
from collectors.files.scope import ROOTS, below, join, split
from collectors.paths import PathGuard, SafePath


class Entry(NamedTuple):
    """One name in the baseline."""

    path: SafePath
    row: Row


class Count(NamedTuple):
    """How much is known of one root."""

    root: SafePath
    directories: int
    names: int


class Totals(NamedTuple):
    """Numbers that the sensor keeps beside the differences."""

    overflow: int
    """Differences that were not kept."""
    packages: int
    """Differences that package transactions explained since the baseline was made."""
    git: int
    """The same for git checkouts."""


class View(Baseline):
    """The database of the sensor, opened for reading."""

    def __init__(self, state_dir: Path) -> None:
        """*state_dir* is the sensor's.

        Raises:
            FileNotFoundError: there is no baseline.
            sqlite3.Error: it cannot be read.
        """
        # Nothing is written here: no row waits.
        self._buffer: list[tuple[object, ...]] = []
        self._buffered: set[int] = set()
        self._unseen: set[int] = set()
        self.path = state_dir / FILE
        if not self.path.exists():
            raise FileNotFoundError(f"there is no baseline in {state_dir}: the agent has not run")
        self.connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=10.0
        )

    def close(self) -> None:
        """Close; there is nothing to take back."""
        self.connection.close()

    def at(self, path: SafePath) -> Row | None:
        """Return what the baseline knows about *path*, a root or below one."""
        for directory, name in (split(path), (ROOTS, bytes(path))):
            entry = self.directory(SafePath(directory))
            found = None if entry is None else self.row(entry.id, name)
            if found is not None:
                return found
        return None

    def find(self, path: bytes, guard: PathGuard) -> SafePath:
        """Return a path that somebody typed as the baseline spells it."""
        head, name = os.path.split(os.path.abspath(path))
        spelt = guard.guard(os.path.join(os.path.realpath(head), name))
        if self.at(spelt) is not None or not os.path.exists(path):
            return spelt
        return guard.guard(os.path.realpath(path))

    def entries(self, top: SafePath, after: SafePath | None = None) -> Iterator[Entry]:
        """Yield *top* and all below it, directory by directory; only what stands behind *after*.

        A directory's names follow one another; `after` takes the last path of an earlier call.
        """
        begin = self._place(after) if after is not None else (ROOTS, b"")
        row = self.at(top)
        if row is not None and after is None:
            yield Entry(top, row)
        where, values = within(top)
        query = f"SELECT path FROM directory WHERE {where} AND path >= ? ORDER BY path"  # noqa: S608
        for (path,) in self.connection.execute(query, (*values, begin[0])).fetchall():
            directory = SafePath(bytes(path))
            entry = self.directory(directory)
            rows = {} if entry is None else self.rows(entry.id)
            for name in sorted(rows):
                if directory != begin[0] or name > begin[1]:
                    yield Entry(SafePath(join(directory, name)), rows[name])

    def _place(self, path: SafePath) -> tuple[bytes, bytes]:
        root = self.directory(SafePath(ROOTS))
        if root is not None and self.row(root.id, path) is not None:
            return ROOTS, path
        return split(path)

    def differences(self, top: SafePath) -> Iterator[tuple[Drifted, Row | None]]:
        """Yield what differs at *top* and below, with what is there now."""
        for drifted in read_drift(self.connection, top):
            now = self.at(drifted.path)
            if not same_state(drifted.accepted, now):
                yield drifted, now

    def totals(self) -> Totals:
        """Return what is counted only."""
        return Totals(*(self.get(key) or 0 for key in (OVERFLOW, PACKAGES, GIT)))

    def counts(self) -> Iterator[Count]:
        """Yield how much is known of each root, in order; reads the whole index."""
        top = self.directory(SafePath(ROOTS))
        roots = sorted(self.rows(top.id)) if top is not None else []
        tally = {root: [0, 0] for root in roots}
        query = (
            "SELECT path, (SELECT count(*) FROM file WHERE file.directory = directory.id)"
            " FROM directory WHERE path <> ?"
        )
        for path, names in self.connection.execute(query, (ROOTS,)):
            # Nested roots: the innermost has it.
            root = next((each for each in reversed(roots) if below(path, each)), None)
            if root is not None:
                tally[root][0] += 1
                tally[root][1] += names
        for root, (directories, names) in tally.items():
            yield Count(SafePath(root), directories, names)

    def complete(self) -> bool:
        """Tell whether a first baseline was finished."""
        return bool(self.complete_roots())

    def windows(self) -> list[Window]:
        """Return the windows, the newest first."""
        return read_windows(self.connection)


def state(row: Row | None) -> dict[str, Any] | None:
    """Return a row for people and programs."""
    if row is None:
        return None
    whole = row.digest is not None and row.outcome == "hashed"
    extra = row.attributes._asdict() if row.attributes is not None else {}
    shown = {
        name: value for name, value in extra.items() if value and isinstance(value, (int, str))
    }
    return {
        "type": row.type,
        "mode": f"{row.mode & 0o7777:04o}",
        "owner": f"{row.uid}:{row.gid}",
        "size": row.size,
        "mtime": row.mtime,
        "outcome": row.outcome,
        "sha256": row.digest.hex() if whole and row.digest is not None else None,
        **shown,
    }


def change(old: Row | None, new: Row | None) -> str:
    """Return the word for the way from *old* to *new*: ``created``, ``deleted`` or ``modified``."""
    return "created" if old is None else "deleted" if new is None else "modified"


def differing(old: Row | None, new: Row | None) -> list[str]:
    """Return what differs, in words: ``mode 0644 -> 4755``."""
    if old is None or new is None:
        return []
    before, after = state(old) or {}, state(new) or {}
    words = [
        f"{name} {_short(before[name])} -> {_short(after[name])}"
        for name in ("type", "mode", "owner", "size", "sha256")
        if before[name] != after[name] and not (name == "size" and new.type == "dir")
    ]
    if old.attributes is None or new.attributes is None:
        return words
    pairs = zip(old.attributes._fields, old.attributes, new.attributes, strict=True)
    return words + [
        "xattr" if name == "others" else f"{name} {left or '-'} -> {right or '-'}"
        for name, left, right in pairs
        if left != right
    ]


def _short(value: object) -> str:
    text = "-" if value is None else str(value)
    return text[:12] if len(text) == 64 else text
