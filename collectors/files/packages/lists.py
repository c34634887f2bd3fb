"""Which archives a repository vouches for: apt's lists of packages, checked by their signature.

The chain is apt's own (apt-secure(8)): a key that the administrator or the distribution installed
signs the release file, which names the lists by hash, which name the archives by hash. It is
checked anew here, by gpgv, because everything in it lies on disk where root can write.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import subprocess
from collections.abc import Iterator
from typing import NamedTuple

GPGV = "/usr/bin/gpgv"
KEYRINGS = (b"/etc/apt/trusted.gpg.d", b"/usr/share/keyrings", b"/etc/apt/keyrings")
LISTS = b"/var/lib/apt/lists"
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MAX_KEYS = 4 << 20
_MAX_RELEASE = 16 << 20
_MAX_FILES = 200
_SECONDS = 20.0
_LINE = re.compile(rb" ([0-9a-f]{64}) +(\d+) ([\x21-\x7e]+)")
_ARMOUR = re.compile(
    rb"-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[^\n]+\n)*?\r?\n([A-Za-z0-9+/=\s]+?)"
    rb"(?:\n=[A-Za-z0-9+/]{4})?\s*-----END"
)


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
            text = self._verified(_bytes(path, _MAX_RELEASE), signature, keys)
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
                found.append(_binary(data))
        return b"".join(key for key in found if key and key[8:12] != b"KBXf")

    def _verified(self, text: bytes, signature: bytes, keys: bytes) -> bytes:
        """Return what is signed, empty when no key vouches for it."""
        if not text or not keys:
            return b""
        with contextlib.ExitStack() as stack:
            ring = stack.enter_context(_memory("keys", keys))
            status = stack.enter_context(_memory("status", b""))
            command = [self._gpgv, "--quiet", "--status-fd", str(status)]
            command += ["--keyring", f"/proc/self/fd/{ring}"]
            if signature:
                other = stack.enter_context(_memory("signature", signature))
                command += [f"/proc/self/fd/{other}", "-"]
                passed: tuple[int, ...] = (ring, status, other)
            else:
                command += ["--output", "-"]
                passed = (ring, status)
            try:
                done = subprocess.run(
                    command,
                    input=text,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    pass_fds=passed,
                    env={"LANG": "C.UTF-8", "HOME": "/nonexistent"},
                    timeout=_SECONDS,
                    check=False,
                )
            except (OSError, subprocess.TimeoutExpired):
                return b""
            said = os.pread(status, 1 << 20, 0)
        good = b"[GNUPG:] GOODSIG " in said and b"[GNUPG:] BADSIG " not in said
        return (text if signature else done.stdout) if good else b""


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


def _binary(data: bytes) -> bytes:
    """Return keys without their ASCII armour (RFC 9580, 6.2)."""
    if not data.startswith(b"-----"):
        return data
    found = b""
    for body in _ARMOUR.findall(data):
        with contextlib.suppress(ValueError):
            found += base64.b64decode(b"".join(body.split()))
    return found


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


@contextlib.contextmanager
def _memory(name: str, data: bytes) -> Iterator[int]:
    """Give a descriptor of a file in memory: gpgv wants files, and we write none."""
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)
