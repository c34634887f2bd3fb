"""The other names under which files can be reached: roots that are links, and links in roots."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from collectors.exposure.web.lines import below

_DEPTH = 3
_MOST = 20_000
"""Entries looked at for all roots together."""
_BORING = frozenset((b"node_modules", b"vendor", b".git", b"cache"))


class Names:
    """Where real folders and files also appear. All text is latin-1."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        """*pairs*: the name as a URL comes to it, and the real path behind it."""
        self._pairs = tuple(dict.fromkeys(pair for pair in pairs if pair[0] != pair[1]))

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
    return Names(_pairs(dict.fromkeys(folders)))


def _pairs(folders: Iterable[str]) -> Iterator[tuple[str, str]]:
    left = _MOST
    for folder in folders:
        raw = folder.encode("latin-1")
        real = os.path.realpath(raw)
        yield folder, real.decode("latin-1")
        waiting = [(raw, 0)]
        while waiting and left > 0:
            place, depth = waiting.pop()
            try:
                with os.scandir(place) as entries:
                    for entry in entries:
                        left -= 1
                        if entry.is_symlink():
                            target = os.path.realpath(entry.path)
                            yield entry.path.decode("latin-1"), target.decode("latin-1")
                        elif depth < _DEPTH and _is_worth(entry):
                            waiting.append((entry.path, depth + 1))
            except OSError:
                continue


def _is_worth(entry: os.DirEntry[bytes]) -> bool:
    return entry.name not in _BORING and entry.is_dir(follow_symlinks=False)
