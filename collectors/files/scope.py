"""What is watched: the roots and what is left out below them. Pure apart from `resolve_roots`."""

from __future__ import annotations

import fnmatch
import functools
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from collectors.files.settings import FileSettings

ROOTS = b""
"""The directory of the roots: not on disk; its names are the roots' full paths."""

# Made by the kernel on each read; comparing them means nothing.
_NEVER = (b"/proc", b"/sys")
_GLOB = re.compile(r"[*?\[]")


def join(directory: bytes, name: bytes) -> bytes:
    """Return the path of *name* in *directory* (`ROOTS` included)."""
    if directory == ROOTS:
        return name
    return directory + name if directory == b"/" else directory + b"/" + name


def split(path: bytes) -> tuple[bytes, bytes]:
    """Return the directory and the name of an absolute path."""
    head, _, name = path.rpartition(b"/")
    return head or b"/", name


def below(path: bytes, directory: bytes) -> bool:
    """Tell whether *path* is *directory* or lies below it."""
    return path == directory or path.startswith(directory.rstrip(b"/") + b"/")


class Own(NamedTuple):
    """A place that is watched whatever the settings say."""

    root: bytes
    """A directory."""
    pattern: re.Pattern[bytes] | None = None
    """What matters in it, as paths below it; None: all."""

    def holds(self, path: bytes) -> bool:
        """Tell whether *path* is part of it."""
        if not below(path, self.root):
            return False
        return self.pattern is None or bool(self.pattern.fullmatch(path[len(self.root) + 1 :]))


class Scope:
    """Roots and exclusions, ready for fast questions about one path at a time."""

    def __init__(
        self, roots: Iterable[bytes], exclude: Iterable[str], own: Iterable[Own] = ()
    ) -> None:
        """*roots* are absolute, without symbolic links; nested ones fold into the outer one.

        *own* places no exclusion of a path takes away; of those outside the roots only what
        matters is watched.
        """
        self._prefixes = set(_NEVER)
        names: list[str] = []
        paths: list[str] = []
        for pattern in exclude:
            if not _GLOB.search(pattern) and pattern.startswith("/"):
                self._prefixes.add(os.fsencode(pattern.rstrip("/")))
            elif "/" in pattern:
                paths.append(pattern)
            else:
                names.append(pattern)
        self._parents = {split(prefix)[0] for prefix in self._prefixes}
        self._names = _compile(names)
        self._paths = _compile(paths)
        self._own = tuple(own)
        outer = _outermost(roots)
        apart = [place for place in self._own if not self._covered(place.root, outer)]
        self._apart = frozenset(_outermost(place.root for place in apart))
        self._narrow = tuple(
            (root, tuple(place for place in apart if below(place.root, root)))
            for root in sorted(self._apart)
        )
        self._last: tuple[bytes, bool] = (ROOTS, True)
        self.roots = tuple(sorted({*outer, *self._apart}))
        self._walked = frozenset(self.roots)

    def _covered(self, path: bytes, outer: Iterable[bytes]) -> bool:
        """Tell whether the walk from one of the *outer* roots comes by *path*."""
        for root in outer:
            if below(path, root):
                steps = path[len(root.rstrip(b"/")) :].split(b"/")[1:] if path != root else []
                where = root
                for step in steps:
                    if self._left_out(where, step):
                        return False
                    where = join(where, step)
                return True
        return False

    def _left_out(self, directory: bytes, name: bytes) -> bool:
        if self._names is not None and self._names.match(name):
            return True
        path = join(directory, name)
        return path in self._prefixes or bool(self._paths is not None and self._paths.match(path))

    def excluding(self, directory: bytes) -> Callable[[bytes], object] | None:
        """Return what tells of a name in *directory* whether it is left out; None: no name is.

        The same answers as `excluded`, for all names of one directory.
        """
        if self._paths is not None or directory in self._parents or self._near_own(directory):
            return functools.partial(self.excluded, directory)
        return None if self._names is None else self._names.match

    def excluded(self, directory: bytes, name: bytes) -> bool:
        """Tell whether *name* in *directory*, itself inside the scope, is left out."""
        if self._near_own(directory):
            path = join(directory, name)
            if path in self._walked:
                return directory != ROOTS  # it has a walk of its own
            for root, places in self._narrow:
                # A root of the settings below an own place has a walk of its own.
                if path.startswith(root) and self.root_of(path) == root:
                    return not any(place.holds(path) or below(place.root, path) for place in places)
        if self._names is not None and self._names.match(name):
            return True
        path = join(directory, name)
        if path in self._prefixes or (self._paths is not None and self._paths.match(path)):
            return not any(place.holds(path) for place in self._own)
        return False

    def entry(self, directory: bytes, name: bytes) -> tuple[bytes, bytes] | None:
        """Return where *name* in *directory* stands in the baseline, None when it is left out.

        A root stands in `ROOTS`, also where the directory around it is watched for an own place.
        """
        if not self.excluded(directory, name):
            return directory, name
        path = join(directory, name)
        return (ROOTS, path) if path in self._walked else None

    def _near_own(self, directory: bytes) -> bool:
        """Tell whether an own place with a walk of its own lies in *directory*, or around it."""
        last, near = self._last
        if last is not directory:
            near = directory == ROOTS or any(
                below(directory, root) or split(root)[0] == directory for root in self._apart
            )
            self._last = (directory, near)  # at once: two threads ask
        return near

    def holds(self, path: bytes) -> bool:
        """Tell whether *path* is watched: below a root (or one), and no part of it left out."""
        root = self.root_of(path)
        if root is None:
            return False
        directory = root
        for name in path[len(root) :].strip(b"/").split(b"/") if path != root else ():
            if self.excluded(directory, name):
                return False
            directory = join(directory, name)
        return True

    def root_of(self, path: bytes) -> bytes | None:
        """Return the root that holds *path*, the innermost where they are nested."""
        return next((root for root in reversed(self.roots) if below(path, root)), None)


def _compile(patterns: list[str]) -> re.Pattern[bytes] | None:
    if not patterns:
        return None
    text = "|".join(f"(?:{fnmatch.translate(pattern)})" for pattern in patterns)
    return re.compile(os.fsencode(text))


def _outermost(roots: Iterable[bytes]) -> tuple[bytes, ...]:
    kept: list[bytes] = []
    for root in sorted(set(roots)):
        if not any(below(root, outer) for outer in kept):
            kept.append(root)
    return tuple(kept)


def resolve_roots(paths: Iterable[str]) -> list[bytes]:
    """Return the real paths behind *paths* (``/bin`` is ``/usr/bin`` on a merged system)."""
    return [os.path.realpath(os.fsencode(path)) for path in paths]


def agent_directory(state_dir: Path) -> Path:
    """Return the agent's own directory, given ``<agent>/sensors/<name>``; else *state_dir*."""
    parent = state_dir.parent
    return parent.parent if parent.name == "sensors" else state_dir


def make_scope(
    settings: FileSettings, state_dir: Path, also: Iterable[str] = (), own: Iterable[Own] = ()
) -> Scope:
    """Return the scope of *settings*, without the agent's own files; *also* are further roots.

    *own* places are watched in any case.

    The sensor's database changes on each event: watched, it would wake itself for ever.
    """
    agent = os.path.realpath(agent_directory(state_dir))
    roots = resolve_roots((*settings.paths, *also))
    return Scope(roots, (*settings.exclude, agent), own)
