"""One digest for what a package has put on this host, to be compared with other hosts.

It covers the files of the manifest that are made to be alike everywhere (no configuration, nothing
diverted) and that the sensor has hashed. Which these are depends on what a host watches; so the
list has a digest of its own, and only digests over equal lists say anything about each other.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

from collectors.files.baseline import Baseline
from collectors.files.compare import Row, row_of
from collectors.files.packages.index import Index
from collectors.files.packages.manifests import Act
from collectors.files.scope import split
from collectors.paths import PathGuard, SafePath

MAX_FILES = 50_000
"""Of one package; the largest in Debian 12 has about 20,000."""
_LIST_DIGITS = 32
_TELLING = ("install", "upgrade", "reinstall", "remove")


class Sum(NamedTuple):
    """Of one package."""

    digest: str
    """SHA-256 over path and SHA-256 of each file, in the order of the paths."""
    listed: str
    """Half a SHA-256 over the paths alone."""
    files: int
    """How many."""


class Digests:
    """Reads the baseline: what the sensor saw last, where that is still so."""

    def __init__(
        self,
        baseline: Baseline,
        index: Index,
        guard: PathGuard,
        *,
        root: bytes,
        pulse: Callable[[], None],
    ) -> None:
        self._baseline = baseline
        self._index = index
        self._guard = guard
        self._root = root
        self._pulse = pulse
        self._directories: dict[bytes, int | None] = {}

    def of(self, acts: Sequence[Act]) -> dict[str, Sum]:
        """Return the sums of the packages that *acts* put there, named as *acts* do."""
        last = {act.package: act for act in acts if act.action in _TELLING}
        found = {name: self.sum_of(name) for name, act in last.items() if act.action != "remove"}
        return {name: each for name, each in found.items() if each is not None}

    def sum_of(self, package: str) -> Sum | None:
        """Return that of one package.

        None when there is nothing to compare, or a file is just being written.
        """
        paths = self._index.files(package)
        if len(paths) > MAX_FILES:
            return None
        contents, listed, files = hashlib.sha256(), hashlib.sha256(), 0
        for path in paths:
            row = self._row(path)
            if row is None or row.outcome != "hashed" or row.digest is None:
                continue
            real = self._guard.resolve(path)
            if real is None or not _still(real, row):
                return None
            below = path[len(self._root) :]
            listed.update(below + b"\0")
            contents.update(below + b"\0" + row.digest)
            files += 1
        if not files:
            return None
        return Sum(contents.hexdigest(), listed.hexdigest()[:_LIST_DIGITS], files)

    def _row(self, path: SafePath) -> Row | None:
        where, name = split(path)
        if where not in self._directories:
            self._pulse()
            found = self._baseline.directory(SafePath(where))
            self._directories[where] = None if found is None else found.id
        number = self._directories[where]
        return None if number is None else self._baseline.row(number, name)


def _still(path: bytes, row: Row) -> bool:
    """Tell whether the file is the one that was hashed."""
    try:
        return row_of(os.lstat(path)).signature == row.signature
    except OSError:
        return False
