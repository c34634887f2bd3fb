"""The other names under which files can be reached: roots that are links, and links in roots."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable

from collectors.exposure.web.lines import below

_DEPTH = 3
_MOST = 40_000
"""Entries looked at for all roots together: the uppermost folders of each first."""
_BORING = frozenset((b"node_modules", b"vendor", b".git", b"cache"))


class Names:
    """Where real folders and files also appear. All text is latin-1."""

    def __init__(self, pairs: Iterable[tuple[str, str]], *, whole: bool = True) -> None:
        """*pairs*: the name as a URL comes to it, and the real path behind it.

        *whole*: whether there are no others.
        """
        self._pairs = tuple(dict.fromkeys(pair for pair in pairs if pair[0] != pair[1]))
        self.whole = whole
        self._folders: tuple[tuple[str, str], ...] = ()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Names):
            return NotImplemented
        return (self._folders, sorted(self._pairs)) == (other._folders, sorted(other._pairs))

    def __hash__(self) -> int:
        return hash(self._folders)

    def moved(self) -> bool:
        """Tell whether a root leads to another folder than when it was looked at."""
        return any(_real(folder) != real for folder, real in self._folders)

    def of(self, real: str) -> tuple[str, ...]:
        """Return all names of the file at *real*, itself first; at most 32."""
        names = {real: None}
        for _ in range(2):  # a link in a root that is a link
            for lexical, target in self._pairs:
                for name in list(names):
                    rest = below(name, target)
                    if rest is not None and len(names) < 32:
                        names[lexical + rest] = None
        return tuple(names)


def look(folders: Iterable[str]) -> Names:
    """Look for links in *folders*, not deep, and at *folders* themselves."""
    roots = tuple((folder, _real(folder)) for folder in dict.fromkeys(folders))
    pairs = list(roots)
    waiting = deque((folder.encode("latin-1"), 0) for folder, _ in roots)
    seen: set[bytes] = set()
    left = _MOST
    while waiting and left > 0:
        place, depth = waiting.popleft()
        if place in seen:
            continue
        seen.add(place)
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    left -= 1
                    if entry.is_symlink():
                        pairs.append((entry.path.decode("latin-1"), _real_of(entry.path)))
                    elif depth < _DEPTH and _is_worth(entry):
                        waiting.append((entry.path, depth + 1))
                    if left <= 0:
                        break
        except OSError:
            continue
    names = Names(pairs, whole=left > 0)
    names._folders = roots
    return names


def _real(folder: str) -> str:
    return _real_of(folder.encode("latin-1"))


def _real_of(path: bytes) -> str:
    return os.path.realpath(path).decode("latin-1")


def _is_worth(entry: os.DirEntry[bytes]) -> bool:
    return entry.name not in _BORING and entry.is_dir(follow_symlinks=False)
