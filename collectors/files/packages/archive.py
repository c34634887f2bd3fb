"""What is asked of the bounded child about a package's archive, and what it answers."""

from __future__ import annotations

import msgspec


class Read(msgspec.Struct, frozen=True, tag=True):
    """Read the archive behind the one descriptor."""


class Search(msgspec.Struct, frozen=True, tag=True):
    """Look for the SHA-256 of archives in the list of packages behind the one descriptor."""

    wanted: list[bytes]
    packed: str = ""
    """``gz``, ``xz``, ``bz2``, ``zst`` or nothing."""


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One file that a package installs."""

    path: bytes
    """With a leading slash."""
    kind: str
    """``file``, ``dir``, ``symlink`` or ``other``."""
    mode: int
    user: str
    group: str
    md5: bytes = b""
    sha256: bytes = b""
    link: bytes = b""


class Control(msgspec.Struct, frozen=True, array_like=True):
    """One file of an archive's control part."""

    name: str
    mode: int
    sha256: bytes


class Contents(msgspec.Struct, frozen=True, tag=True):
    """All of an archive."""

    sha256: bytes
    package: str
    version: str
    architecture: str
    control: list[Control]
    conffiles: list[bytes]
    entries: list[Entry]

    @property
    def key(self) -> tuple[str, str, str]:
        """Return name, architecture and version."""
        return self.package, self.architecture, self.version


class Refused(msgspec.Struct, frozen=True, tag=True):
    """Not an archive, or not a list, that can be read."""


class Found(msgspec.Struct, frozen=True, tag=True):
    """The answer to `Search`: hash and size of the list (unpacked), and which archives it names."""

    sha256: bytes
    size: int
    names: list[bytes]
