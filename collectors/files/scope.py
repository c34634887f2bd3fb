"""What is watched: the roots and what is left out below them. Pure apart from `resolve_roots`."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterable
from pathlib import Path

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


class Scope:
    """Roots and exclusions, ready for fast questions about one path at a time."""

    def __init__(self, roots: Iterable[bytes], exclude: Iterable[str]) -> None:
        """*roots* are absolute, without symbolic links; nested ones fold into the outer one."""
        self.roots = _outermost(roots)
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
        self._names = _compile(names)
        self._paths = _compile(paths)

    def excluded(self, directory: bytes, name: bytes) -> bool:
        """Tell whether *name* in *directory*, itself inside the scope, is left out."""
        if self._names is not None and self._names.match(name):
            return True
        path = join(directory, name)
        return path in self._prefixes or bool(self._paths is not None and self._paths.match(path))

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
        """Return the root that holds *path*."""
        return next((root for root in self.roots if below(path, root)), None)


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


def make_scope(settings: FileSettings, state_dir: Path, also: Iterable[str] = ()) -> Scope:
    """Return the scope of *settings*, without the agent's own files; *also* are further roots.

    The sensor's database changes on each event: watched, it would wake itself for ever.
    """
    own = os.path.realpath(agent_directory(state_dir))
    return Scope(resolve_roots((*settings.paths, *also)), (*settings.exclude, own))
