"""Which files are worth looking into. Pure."""

from __future__ import annotations

import fnmatch
import functools
import os

from collectors.exposure.settings import DEFAULT_WEB_ROOTS, ExposureSettings

# Nothing that we can read stands in these. Archives and documents go by their content alone: an
# "export.xls" is often HTML or CSV.
_MEDIA = frozenset(
    b"png jpg jpeg gif webp bmp ico svgz tif tiff heic avif psd mp3 mp4 m4a m4v avi mov mkv webm"
    b" ogg oga ogv wav flac woff woff2 ttf otf eot".replace(b"  ", b" ").split()
)
_PROGRAM = frozenset(b"so o a exe dll bin pyc pyo class jar wasm ko deb rpm mo iso img".split())
_MAGIC = (
    (b"\x89PNG", "media"),
    (b"\xff\xd8\xff", "media"),
    (b"GIF8", "media"),
    (b"RIFF", "media"),
    (b"OggS", "media"),
    (b"ID3", "media"),
    (b"wOF", "media"),
    (b"\x7fELF", "program"),
    (b"\xca\xfe\xba\xbe", "program"),
)

LOOK = "look"


def by_name(path: bytes) -> str:
    """Return ``look``, ``media`` or ``program`` for the name alone."""
    name = path.rpartition(b"/")[2].lower()
    if name[:1] == b"\0":  # a guarded component: mark, masked name, mark, token
        name = name.split(b"\0", 2)[1]
    extension = name.rpartition(b".")[2] if b"." in name else b""
    if extension in _MEDIA:
        return "media"
    return "program" if extension in _PROGRAM else LOOK


def by_magic(head: bytes) -> str:
    """Return the same for the first bytes of the content."""
    for magic, what in _MAGIC:
        if head.startswith(magic):
            return what
    return "media" if head[4:8] == b"ftyp" else LOOK


class Scope:
    """The paths of the settings. All paths are bytes."""

    def __init__(self, settings: ExposureSettings, *, own: bytes = b"") -> None:
        """*own* is the agent's state directory, which is never looked into."""
        self.told_roots = tuple(
            _absolute(root) for root in settings.web_roots if root not in DEFAULT_WEB_ROOTS
        )
        """Web roots that somebody has written into the settings."""
        self._set_roots = tuple(_absolute(root) for root in settings.web_roots)
        self._paths = tuple(_absolute(path) for path in settings.paths)
        self.serve(())
        plain = [_absolute(path) for path in settings.exclude if path.startswith("/")]
        self._excluded = (*plain, *([own] if own else ()))
        self._patterns = tuple(
            os.fsencode(pattern) for pattern in settings.exclude if not pattern.startswith("/")
        )
        self._name_excluded = functools.lru_cache(maxsize=4096)(self._matches)

    def serve(self, roots: tuple[bytes, ...]) -> None:
        """Count *roots*, which web servers are configured with, to the web roots."""
        self.web_roots = tuple(dict.fromkeys((*self._set_roots, *roots)))
        self._roots = (*self._paths, *self.web_roots)

    def other_paths(self) -> tuple[bytes, ...]:
        """Return the paths that are no web root and not below one, each once and no part of
        another."""
        roots: list[bytes] = []
        for path in sorted(self._roots, key=len):
            if not any(is_below(path, root) for root in (*self.web_roots, *roots)):
                roots.append(path)
        return tuple(roots)

    def __contains__(self, path: bytes) -> bool:
        """Tell whether *path* is to be looked into."""
        return any(is_below(path, root) for root in self._roots) and not self.excludes(path)

    def excludes(self, path: bytes) -> bool:
        """Tell whether *path*, or a directory above it, is excluded."""
        if any(is_below(path, root) for root in self._excluded):
            return True
        return any(self._name_excluded(part) for part in path.split(b"/") if part)

    def excludes_entry(self, path: bytes, name: bytes) -> bool:
        """Tell the same of *name* at *path* in a directory that is looked into already."""
        return path in self._excluded or self._name_excluded(name)

    def _matches(self, name: bytes) -> bool:
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self._patterns)

    def web_root(self, path: bytes) -> bytes | None:
        """Return the innermost web root above *path*, if any."""
        above = [root for root in self.web_roots if is_below(path, root)]
        return max(above, key=len) if above else None


def is_below(path: bytes, root: bytes) -> bool:
    """Tell whether *path* is *root* or stands below it."""
    return path == root or path.startswith(root.rstrip(b"/") + b"/")


def _absolute(path: str) -> bytes:
    return os.fsencode(os.path.normpath(path))
