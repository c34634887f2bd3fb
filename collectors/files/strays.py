"""Directories that were compared, while the one that held them was already gone.

A look takes the deepest directories first. One that is moved away meanwhile is recorded and told
under a path of which its parent, looked at later, knows nothing any more: nobody would ever tell
that it is gone.
"""

from __future__ import annotations

from collections.abc import Iterable

from collectors.files.baseline import Baseline
from collectors.files.scope import split
from collectors.paths import SafePath


class Strays:
    """Remembers which directories were recorded in a look, and finds those without a parent."""

    def __init__(self, baseline: Baseline, roots: Iterable[bytes]) -> None:
        """*roots* as they are stored; they have no parent."""
        self._baseline = baseline
        self._roots = frozenset(roots)
        self._added: set[bytes] = set()

    def added(self, path: bytes) -> None:
        """Take note of a directory (safe path) whose record has begun."""
        if path and path not in self._roots:
            self._added.add(path)

    def take(self) -> list[bytes]:
        """Return those that their parent does not name as a directory, and forget all.

        Only when all that was read is settled: until then the parent may come.
        """
        added, self._added = self._added, set()
        return [path for path in sorted(added) if not self._named(path)]

    def _named(self, path: bytes) -> bool:
        parent, name = split(path)
        entry = self._baseline.directory(SafePath(parent))
        row = None if entry is None else self._baseline.row(entry.id, name)
        return row is not None and row.type == "dir"
