"""What a git checkout says of its files: index, HEAD, references. Runs in the bounded child.

The bytes belong to whoever can write ``.git``; git itself is never run on them. Formats:
gitformat-index(5), gitrepository-layout(5), git-pack-refs(1).

A request is msgpack ``[word, argument]`` with one descriptor; the answer is msgpack. Words:
``directory`` (of an index; argument: the directory), ``tracked`` (of an index: hashes of all names
in it and of their directories, in order), ``link`` (a ``.git`` file or ``commondir``),
``head``, ``reference`` and ``packed`` (packed-refs; argument: the reference).
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

MAX_INDEX = 128 << 20
MAX_ENTRIES = 1_000_000
MAX_PACKED = 8 << 20
_MAX_NAME = 4096
_SMALL = 8192
_HEADER = struct.Struct(">4sII")
_STAT = struct.Struct(">10I")
_EXTENDED = 0x4000
_HEX = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class Malformed(Exception):  # noqa: N818 - a fact about the bytes
    """Not an index, or one that we do not understand; ``str()`` is one word."""


class Place(NamedTuple):
    """Where an entry lies in the bytes of the index."""

    name: bytes
    """Last component."""
    offset: int
    flags: int
    """Name length left out: stage in bits 12-13, extended flags above bit 16."""


class Index(NamedTuple):
    """A parsed index."""

    data: bytes
    width: int
    """Bytes of an object id: 20 or 32."""
    directories: dict[bytes, list[Place]]
    """By directory, relative to the work tree; the top is empty."""

    def entry(self, place: Place) -> tuple[bytes, int, bytes, tuple[int, ...]]:
        """Return name, flags, object id and the ten numbers that git keeps of stat(2)."""
        numbers = _STAT.unpack_from(self.data, place.offset)
        begin = place.offset + _STAT.size
        return place.name, place.flags, self.data[begin : begin + self.width], numbers


def parse(data: bytes) -> Index:
    """Return the entries of an index of version 2, 3 or 4, of a SHA-1 or SHA-256 repository. Pure.

    Raises:
        Malformed: ``split`` (it needs another file), ``sparse``, ``version``, ``checksum`` or
            ``malformed``.
    """
    if len(data) < _HEADER.size + 20:
        raise Malformed("malformed")
    magic, version, count = _HEADER.unpack_from(data)
    if magic != b"DIRC":
        raise Malformed("malformed")
    if version not in (2, 3, 4):
        raise Malformed("version")
    if count > MAX_ENTRIES:
        raise Malformed("large")
    if hashlib.sha1(data[:-20], usedforsecurity=False).digest() == data[-20:]:
        return _parse(data, version, count, 20)
    if hashlib.sha256(data[:-32]).digest() == data[-32:]:
        return _parse(data, version, count, 32)
    if any(data[-20:]):
        raise Malformed("checksum")
    # index.skipHash: no checksum that tells the width.
    try:
        return _parse(data, version, count, 20)
    except Malformed as error:
        if str(error) != "malformed":
            raise
        return _parse(data, version, count, 32)


def _parse(data: bytes, version: int, count: int, width: int) -> Index:
    end = len(data) - width
    offset = _HEADER.size
    directories: dict[bytes, list[Place]] = {b"": []}
    previous, name = (b"", -1), b""
    for _ in range(count):
        begin = offset
        flags, offset = _flags(data, begin + _STAT.size + width, end, version)
        name, stop = _name(data, offset, end, name if version == 4 else None)
        here = (name, flags >> 12 & 3)
        _check(name, flags, here, previous)
        previous = here
        # Up to version 3 padded with one to eight NULs.
        offset = stop + 1 if version == 4 else begin + ((stop - begin) // 8 + 1) * 8
        where, _, last = name.rpartition(b"/")
        directories.setdefault(where, []).append(Place(last, begin, flags & ~0xFFF))
    _extensions(data, offset, end)
    _fill(directories)
    return Index(data, width, directories)


def _flags(data: bytes, offset: int, end: int, version: int) -> tuple[int, int]:
    """Return the flags of an entry, extended ones above bit 16, and what follows them."""
    if offset + 2 > end:
        raise Malformed("malformed")
    flags = int.from_bytes(data[offset : offset + 2], "big")
    offset += 2
    if flags & _EXTENDED:
        if version < 3 or offset + 2 > end:
            raise Malformed("malformed")
        flags |= int.from_bytes(data[offset : offset + 2], "big") << 16
        offset += 2
    return flags, offset


def _name(data: bytes, offset: int, end: int, before: bytes | None) -> tuple[bytes, int]:
    """Return a name and where its NUL stands; *before*: what it is cut from in version 4."""
    begin = b""
    if before is not None:
        strip, offset = _number(data, offset, end)
        if strip > len(before):
            raise Malformed("malformed")
        begin = before[: len(before) - strip]
    stop = data.find(b"\0", offset, min(end, offset + _MAX_NAME + 1))
    if stop < 0:
        raise Malformed("malformed")
    return begin + data[offset:stop], stop


def _check(name: bytes, flags: int, here: tuple[bytes, int], previous: tuple[bytes, int]) -> None:
    if name[-1:] == b"/" and name != b"/":
        raise Malformed("sparse")  # a directory entry of a sparse index
    if not name:
        raise Malformed("split")  # replaces an entry of the shared index
    if len(name) > _MAX_NAME or name[0] == 0x2F or here <= previous:
        raise Malformed("malformed")
    if flags & 0xFFF != min(len(name), 0xFFF):
        raise Malformed("malformed")


def _number(data: bytes, offset: int, end: int) -> tuple[int, int]:
    """Return a number in the encoding of gitformat-pack(5), OFS_DELTA, and what follows it."""
    value = 0
    for used in range(5):
        if offset >= end:
            break
        byte = data[offset]
        offset += 1
        value = (value + 1 if used else 0) << 7 | byte & 0x7F
        if not byte & 0x80:
            return value, offset
    raise Malformed("malformed")


def _extensions(data: bytes, offset: int, end: int) -> None:
    while offset < end:
        if offset + 8 > end:
            raise Malformed("malformed")
        signature = data[offset : offset + 4]
        offset += 8 + int.from_bytes(data[offset + 4 : offset + 8], "big")
        if signature == b"link":
            raise Malformed("split")
        if signature == b"sdir":
            raise Malformed("sparse")
        if not 0x41 <= signature[0] <= 0x5A:  # not optional: we must not go on without it
            raise Malformed("version")
    if offset != end:
        raise Malformed("malformed")


def _fill(directories: dict[bytes, list[Place]]) -> None:
    """Add the directories that hold directories only."""
    for where in list(directories):
        above = where
        while above:
            above = above.rpartition(b"/")[0]
            if above in directories:
                break
            directories[above] = []


def hashes(index: Index) -> bytes:
    """Return hashes of all names and directories, eight bytes each, in order. Pure."""
    found: set[bytes] = set()
    for where, places in index.directories.items():
        stem = where + b"/" if where else b""
        found.update(hashlib.blake2b(stem + p.name, digest_size=8).digest() for p in places)
        if where:
            found.add(hashlib.blake2b(where, digest_size=8).digest())
    return b"".join(sorted(found))


def link(data: bytes) -> bytes | None:
    """Return where a ``.git`` file (``gitdir: PATH``) or a ``commondir`` file leads. Pure."""
    path = data[:_SMALL].removeprefix(b"gitdir:").strip(b" \t\r\n")
    return None if not path or len(path) > _MAX_NAME or b"\0" in path or b"\n" in path else path


def head(data: bytes) -> tuple[str, bytes] | None:
    """Return ``("reference", name)`` or ``("commit", hex)`` of a HEAD file. Pure."""
    text = data[:_SMALL].strip(b" \t\r\n")
    if text.startswith(b"ref:"):
        name = text[4:].strip(b" \t")
        parts = name.split(b"/")
        plain = parts[0] == b"refs" and len(parts) > 1 and not set(parts) & {b"", b".", b".."}
        return ("reference", name) if plain and len(name) < 1024 and b"\0" not in name else None
    return ("commit", text) if _HEX.fullmatch(text) else None


def packed(data: bytes, name: bytes) -> bytes | None:
    """Return the commit of reference *name* in a packed-refs file. Pure."""
    found = re.search(rb"^([0-9a-f]{40,64}) " + re.escape(name) + rb"$", data, re.MULTILINE)
    return found[1] if found and _HEX.fullmatch(found[1]) else None


def _read(descriptor: int, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while chunk := os.pread(descriptor, 1 << 20, size):
        size += len(chunk)
        if size > limit:
            raise Malformed("large")
        chunks.append(chunk)
    return b"".join(chunks)


class _Reader:
    """Keeps the index that was read last."""

    def __init__(self) -> None:
        self._key: tuple[int, ...] = ()
        self._index: Index | str = "malformed"

    def directory(self, descriptor: int, where: bytes) -> Any:
        index = self._read(descriptor)
        if isinstance(index, str):
            return index
        places = index.directories.get(where)
        return places is not None, [index.entry(place) for place in places or ()]

    def tracked(self, descriptor: int) -> Any:
        index = self._read(descriptor)
        if isinstance(index, str):
            return index
        return hashes(index)

    def _read(self, descriptor: int) -> Index | str:
        state = os.fstat(descriptor)
        key = (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
        if key != self._key:
            self._index = "malformed"
            try:
                self._index = parse(_read(descriptor, MAX_INDEX))
            except Malformed as error:
                self._index = str(error)
            self._key = key
        return self._index


def start(init: bytes) -> Callable[[bytes, list[int]], bytes]:
    """Return the handler; see the module for what it is asked."""
    del init
    reader = _Reader()
    decoder = msgspec.msgpack.Decoder(tuple[str, bytes])

    def handle(request: bytes, descriptors: list[int]) -> bytes:
        try:
            (descriptor,) = descriptors
            word, argument = decoder.decode(request)
            answer: Any
            if word == "directory":
                answer = reader.directory(descriptor, argument)
            elif word == "tracked":
                answer = reader.tracked(descriptor)
            elif word == "packed":
                answer = packed(_read(descriptor, MAX_PACKED), argument)
            else:
                data = os.pread(descriptor, _SMALL, 0)
                answer = link(data) if word == "link" else head(data)
            return msgspec.msgpack.encode(answer)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    return handle
