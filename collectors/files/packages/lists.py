"""Which archives a repository vouches for: apt's lists of packages, checked by their signature.

The chain is apt's own (apt-secure(8)): a key that the administrator or the distribution installed
signs the release file, which names the lists by hash, which name the archives by hash. It is
checked anew here, by gpgv, because everything in it lies on disk where root can write.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from collectors.files.packages import openpgp

GPGV = "/usr/bin/gpgv"
KEYRINGS = (b"/etc/apt/trusted.gpg.d", b"/usr/share/keyrings", b"/etc/apt/keyrings")
LISTS = b"/var/lib/apt/lists"
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MAX_KEYS = 4 << 20
_MAX_RELEASE = 16 << 20
_MAX_FILES = 200
_LINE = re.compile(rb" ([0-9a-f]{64}) +(\d+) ([\x21-\x7e]+)")


class Listed(NamedTuple):
    """A list of packages on disk."""

    path: bytes
    packed: str


class Lists:
    """apt's lists below *root*."""

    def __init__(self, root: bytes, gpgv: str = GPGV) -> None:
        self._root = root
        self._gpgv = gpgv

    def files(self) -> Iterator[Listed]:
        """Yield the lists of packages."""
        for name in _names(self._root + LISTS):
            stem, _, suffix = name.partition(b"_Packages")
            packed = suffix.lstrip(b".").decode("ascii", "replace")
            if stem != name and packed in ("", "gz", "xz", "bz2", "zst"):
                yield Listed(self._root + LISTS + b"/" + name, packed)

    def signed(self) -> frozenset[tuple[bytes, int]]:
        """Return hash and size of every list that a release file with a good signature names."""
        if not os.access(self._gpgv, os.X_OK):
            return frozenset()
        keys = self._keys()
        found: set[tuple[bytes, int]] = set()
        for name in _names(self._root + LISTS):
            if not name.endswith((b"_InRelease", b"_Release")):
                continue
            path = self._root + LISTS + b"/" + name
            signature = b"" if name.endswith(b"_InRelease") else _bytes(path + b".gpg", 1 << 20)
            text = openpgp.verified(self._gpgv, _bytes(path, _MAX_RELEASE), signature, keys)
            found.update(_sums(text))
        return frozenset(found)

    def _keys(self) -> bytes:
        """Return all keys as one binary keyring (they may simply follow each other)."""
        found = [_bytes(self._root + b"/etc/apt/trusted.gpg", _MAX_KEYS)]
        for directory in KEYRINGS:
            for name in _names(self._root + directory):
                if b"removed" in name or not name.endswith((b".gpg", b".asc", b".pgp")):
                    continue  # the distribution keeps keys it no longer signs with
                data = _bytes(self._root + directory + b"/" + name, _MAX_KEYS)
                found.append(openpgp.binary(data))
        return b"".join(key for key in found if key and key[8:12] != b"KBXf")


def _sums(text: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield hash and size of the lists that a release file names (deb-release(5))."""
    inside = False
    for line in text.split(b"\n"):
        if not line.startswith(b" "):
            inside = line.rstrip() == b"SHA256:"
            continue
        match = _LINE.fullmatch(line.rstrip()) if inside else None
        if match and match[3].partition(b".")[0].endswith(b"/Packages"):
            yield bytes.fromhex(match[1].decode()), int(match[2])


def _names(directory: bytes) -> list[bytes]:
    try:
        return sorted(os.listdir(directory))[:_MAX_FILES]
    except OSError:
        return []


def _bytes(path: bytes, limit: int) -> bytes:
    """Return a small file, empty where it cannot be read or is larger than *limit*."""
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError:
        return b""
    with open(descriptor, "rb") as file:
        try:
            data = file.read(limit + 1)
        except OSError:
            return b""
    return data if len(data) <= limit else b""
