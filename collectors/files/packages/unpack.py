"""What the bounded child does with a package's archive: read it once, say what is in it.

deb(5): an ar archive of ``debian-binary``, ``control.tar.*`` and ``data.tar.*``, in this order. The
archive is hashed as it is read, so the hash is that of the very bytes that were looked at. Also
here, because it is as large and as foreign: looking for hashes in apt's lists of packages.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import re
import tarfile
from collections.abc import Callable
from typing import IO, cast

import msgspec

from collectors.files.packages.archive import (
    Contents,
    Control,
    Entry,
    Found,
    Read,
    Refused,
    Search,
)

MAX_ENTRIES = 150_000
"""Files of one package; the largest in Debian 12 has 46,000."""
MAX_UNPACKED = 8 << 30
"""Bytes that an archive may unpack to."""
MAX_CONTROL = 4 << 20
_CHUNK = 1 << 20
_WINDOW = 128 << 20
"""Bytes; what zstd --ultra --long=27 needs."""
_AR = b"!<arch>\n"
_FIELD = re.compile(rb"^(Package|Version|Architecture):[ \t]*([^\n]*)$", re.MULTILINE)
_SUM = re.compile(rb"^SHA256: ([0-9a-f]{64})$", re.MULTILINE)


class ArchiveError(Exception):
    """The archive is not as it should be; ``str()`` holds nothing of its content."""


def start(_init: bytes) -> Callable[[bytes, list[int]], bytes]:
    """Return the handler: one request, one descriptor, one answer."""
    decoder = msgspec.msgpack.Decoder(Read | Search)
    _zstd()  # imported before the child may open nothing more

    def handle(request: bytes, descriptors: list[int]) -> bytes:
        (descriptor,) = descriptors
        with open(descriptor, "rb", buffering=0) as file:
            wish = decoder.decode(request)
            try:
                found = search(file, wish) if isinstance(wish, Search) else read(file)
                return msgspec.msgpack.encode(found)
            except (ArchiveError, tarfile.TarError, lzma.LZMAError, EOFError, OSError, ValueError):
                return msgspec.msgpack.encode(Refused())

    return handle


class _Counting(io.RawIOBase):
    """Reads at most *size* bytes of *source* and hashes all of them."""

    def __init__(self, source: IO[bytes] | io.RawIOBase, digest: hashlib._Hash, size: int) -> None:
        self._source = source
        self._digest = digest
        self.left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self._source.read(min(len(buffer), self.left)) or b""
        self._digest.update(data)
        self.left -= len(data)
        buffer[: len(data)] = data
        return len(data)


def read(file: io.RawIOBase) -> Contents:
    """Read an archive from its first byte to its last.

    Raises:
        ArchiveError, tarfile.TarError, lzma.LZMAError, EOFError, OSError, ValueError: no archive.
    """
    digest = hashlib.sha256()
    whole = _Counting(file, digest, 1 << 62)
    if whole.read(len(_AR)) != _AR:
        raise ArchiveError("no ar archive")
    control: list[Control] = []
    texts: dict[str, bytes] = {}
    entries: list[Entry] = []
    seen: set[str] = set()
    while header := _exactly(whole, 60, end=True):
        name = header[:16].decode("ascii").strip().rstrip("/")
        size = int(header[48:58])
        member = _Counting(whole, hashlib.sha256(), size)
        part = name.partition(".tar")[0]
        if part in ("control", "data") and part not in seen:
            seen.add(part)
            stream = _unpack(name.rpartition(".")[2], member)
            if part == "control":
                control, texts = _control(stream)
            else:
                entries = _data(stream)
        while member.left:
            if not member.read(min(member.left, _CHUNK)):
                raise ArchiveError("cut short")
        if size % 2:
            whole.read(1)
    if seen != {"control", "data"}:
        raise ArchiveError("no package")
    fields = {
        key.decode(): value.decode("ascii") for key, value in _FIELD.findall(texts["control"])
    }
    return Contents(
        digest.digest(),
        fields["Package"],
        fields["Version"],
        fields["Architecture"],
        control,
        [line.split(b" ")[-1] for line in texts.get("conffiles", b"").split(b"\n") if line],
        entries,
    )


def _exactly(source: io.RawIOBase, size: int, *, end: bool = False) -> bytes:
    data = b""
    while len(data) < size:
        more = source.read(size - len(data)) or b""
        if not more:
            if end and not data:
                return b""
            raise ArchiveError("cut short")
        data += more
    return data


def _zstd() -> Callable[[IO[bytes]], IO[bytes]] | None:
    try:
        import zstandard
    except ImportError:  # a reduced installation: such archives stay unproven
        return None
    return lambda source: zstandard.ZstdDecompressor(max_window_size=128 << 20).stream_reader(
        source
    )


def _unpack(suffix: str, member: io.RawIOBase) -> IO[bytes]:
    raw = io.BufferedReader(member, _CHUNK)
    if suffix == "tar":
        return raw
    if suffix == "gz":
        return cast("IO[bytes]", gzip.open(raw))
    if suffix in ("xz", "lzma"):
        return lzma.open(raw)
    if suffix == "bz2":
        return bz2.open(raw)
    zstd = _zstd() if suffix == "zst" else None
    if zstd is None:
        raise ArchiveError("packed in an unknown way")
    return zstd(raw)


def _tar(stream: IO[bytes]) -> tarfile.TarFile:
    return tarfile.open(fileobj=stream, mode="r|", encoding="utf-8", errors="surrogateescape")


def _control(stream: IO[bytes]) -> tuple[list[Control], dict[str, bytes]]:
    found: list[Control] = []
    texts: dict[str, bytes] = {}
    with _tar(stream) as tar:
        for member in tar:
            name = member.name.removeprefix("./")
            if not member.isreg() or "/" in name or len(found) >= 1000:
                continue
            if member.size > MAX_CONTROL * 16:
                raise ArchiveError("too large")
            file = tar.extractfile(member)
            data = file.read() if file is not None else b""
            found.append(Control(name, member.mode & 0o7777, hashlib.sha256(data).digest()))
            if name in ("control", "conffiles"):
                texts[name] = data[:MAX_CONTROL]
    return found, texts


def _data(stream: IO[bytes]) -> list[Entry]:
    found: list[Entry] = []
    sums: dict[bytes, tuple[bytes, bytes]] = {}
    total = 0
    with _tar(stream) as tar:
        for member in tar:
            path = _path(member.name)
            if path is None:
                continue
            total += member.size
            if total > MAX_UNPACKED or len(found) >= MAX_ENTRIES:
                raise ArchiveError("too large")
            kind, link = "other", b""
            md5 = sha256 = b""
            if member.isreg():
                kind = "file"
                sums[path] = md5, sha256 = _hash(tar, member)
            elif member.islnk():  # another name of a file that came before
                kind = "file"
                md5, sha256 = sums.get(_path(member.linkname) or b"", (b"", b""))
            elif member.isdir():
                kind = "dir"
            elif member.issym():
                kind, link = "symlink", os.fsencode(member.linkname)
            mode = member.mode & 0o7777
            found.append(Entry(path, kind, mode, member.uname, member.gname, md5, sha256, link))
    return found


def _path(name: str) -> bytes | None:
    raw = os.fsencode(name).strip(b"/")
    parts = [part for part in raw.split(b"/") if part not in (b"", b".")]
    return None if not parts or b".." in parts else b"/" + b"/".join(parts)


def _hash(tar: tarfile.TarFile, member: tarfile.TarInfo) -> tuple[bytes, bytes]:
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    file = tar.extractfile(member)
    while file is not None and (chunk := file.read(_CHUNK)):
        md5.update(chunk)
        sha256.update(chunk)
    return md5.digest(), sha256.digest()


def search(file: io.RawIOBase, wish: Search) -> Found:
    """Return which of the wanted archives a list of packages names.

    Raises:
        lzma.LZMAError, EOFError, OSError, ValueError: the list cannot be read.
    """
    stream = _unpack(wish.packed or "tar", _Counting(file, hashlib.sha256(), MAX_UNPACKED))
    wanted = frozenset(wish.wanted)
    digest = hashlib.sha256()
    names: set[bytes] = set()
    size = 0
    rest = b""
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
        if size > MAX_UNPACKED:
            raise ArchiveError("too large")
        text, newline, tail = (rest + chunk).rpartition(b"\n")
        names.update(wanted.intersection(bytes.fromhex(s.decode()) for s in _SUM.findall(text)))
        rest = tail if newline else text + tail
    names.update(wanted.intersection(bytes.fromhex(s.decode()) for s in _SUM.findall(rest)))
    return Found(digest.digest(), size, sorted(names))
