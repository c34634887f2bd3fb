"""The headers of rpm's database, read in the bounded child.

A header has an immutable region, which is what its author signed; rpm hands it out as it is
(``HEADERIMMUTABLE``), with the signature beside it. Everything is read from the signed bytes and
nothing from what rpm says of them. Format: rpm's docs/manual/format_header.md; tags of rpmtag.h.
"""

from __future__ import annotations

import base64
import hashlib
import os
import stat
import struct
from collections.abc import Callable
from typing import IO

import msgspec

from collectors.files.packages.archive import Contents, Entry
from collectors.files.packages.rpm.listing import evr

FORMAT = "@%{DBINSTANCE}|%{RSAHEADER:base64}|%{DSAHEADER:base64}|%{HEADERIMMUTABLE:base64}"
MAX_HEADER = 48 << 20
"""Bytes; rpm itself takes 256 MB, the largest of Fedora has 5."""
MAX_ANSWER = 8 << 20
"""Bytes of rpm's output after which an answer ends (it has the last header whole)."""
MAX_FILES = 150_000
MAGIC = b"\x8e\xad\xe8\x01\0\0\0\0"
_REGION, _INDEX = 63, struct.Struct(">IIiI")
_INT16, _INT32, _STRING, _BIN, _STRINGS, _I18N = 3, 4, 6, 7, 8, 9
_NAME, _VERSION, _RELEASE, _EPOCH, _ARCH, _KEYS = 1000, 1001, 1002, 1003, 1022, 266
_MODES, _DIGESTS, _LINKS, _FLAGS, _USERS, _GROUPS = 1030, 1035, 1036, 1037, 1039, 1040
_WHERE, _NAMES, _DIRECTORIES, _ALGORITHM = 1116, 1117, 1118, 5011
_WANTED = frozenset(
    (
        *(_NAME, _VERSION, _RELEASE, _EPOCH, _ARCH, _KEYS, _MODES, _DIGESTS, _LINKS, _FLAGS),
        *(_USERS, _GROUPS, _WHERE, _NAMES, _DIRECTORIES, _ALGORITHM),
    )
)
_CONFIG, _GHOST = 1 << 0, 1 << 6
_SHA256 = 8
"""Of RFC 9580, 9.5. Files with other sums (MD5 before 2009) are known by name only."""
_KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "symlink"}

Value = list[int] | list[bytes] | bytes


class Take(msgspec.Struct, frozen=True, tag=True):
    """Read headers from *offset* of the file behind the descriptor on, `MAX_ANSWER` at most."""

    offset: int


class Header(msgspec.Struct, frozen=True, tag=True):
    """What its signed bytes say."""

    contents: Contents
    """Ghosts are entries of the kind ``ghost``; ``conffiles`` has them, too."""
    signed: bytes
    signatures: list[bytes]
    """OpenPGP, over *signed*."""
    keys: list[bytes]
    """Public keys (binary), where this is one that rpm trusts."""


class Taken(msgspec.Struct, frozen=True, tag=True):
    """One header of the answer."""

    instance: int
    """Number in the database, 0 where nothing is left."""
    header: Header | None
    """None: it cannot be read."""
    after: int
    """Where the next one begins; -1: there is none."""


class Answer(msgspec.Struct, frozen=True, tag=True):
    """One or more headers, in the order of the file."""

    taken: list[Taken]


class HeaderError(ValueError):
    """It is not as it should be; ``str()`` holds nothing of its content."""


def start(_init: bytes) -> Callable[[bytes, list[int]], bytes]:
    """Return the handler: one request, one descriptor, one answer."""
    decoder = msgspec.msgpack.Decoder(Take)

    def handle(request: bytes, descriptors: list[int]) -> bytes:
        (descriptor,) = descriptors
        with open(descriptor, "rb") as file:
            return msgspec.msgpack.encode(answer(file, decoder.decode(request).offset))

    return handle


def answer(file: IO[bytes], offset: int) -> Answer:
    """Return the headers of rpm's output from *offset* on, until they are enough for one answer."""
    taken = [take(file, offset)]
    while 0 <= taken[-1].after < offset + MAX_ANSWER:
        taken.append(take(file, taken[-1].after))
    return Answer(taken)


def take(file: IO[bytes], offset: int) -> Taken:
    """Return the header of rpm's output that begins at *offset*."""
    file.seek(offset)
    record = bytearray()
    while chunk := file.read(1 << 20):
        record += chunk
        end = record.find(b"@", 1)
        if end >= 0:
            return _taken(bytes(record[1:end]), offset + end)
        if len(record) > 2 * MAX_HEADER:
            return Taken(0, None, -1)
    return _taken(bytes(record[1:]), -1)


def _taken(record: bytes, after: int) -> Taken:
    parts = record.split(b"|")
    if len(parts) != 4 or not parts[0].isdigit():
        return Taken(0, None, after)
    instance = int(parts[0][:10])
    try:
        blob = _blob(parts[3])
        values = index(blob)
        header = Header(
            contents=contents(values, hashlib.sha256(MAGIC + blob).digest()),
            signed=MAGIC + blob,
            signatures=[_blob(each) for each in parts[1:3] if each.strip() != b"(none)"],
            keys=[_blob(each) for each in _strings(values, _KEYS)],
        )
    except (ValueError, struct.error):
        return Taken(instance, None, after)
    return Taken(instance, header, after)


def _blob(text: bytes) -> bytes:
    return base64.b64decode(b"".join(text.split()), validate=True)


def index(blob: bytes) -> dict[int, Value]:
    """Return tag to value of an immutable region, as it is signed.

    Raises:
        HeaderError: it is anything else.
    """
    count, size = struct.unpack_from(">II", blob)
    store = 8 + count * _INDEX.size
    if not 1 <= count <= 10_000 or len(blob) != store + size or len(blob) > MAX_HEADER:
        raise HeaderError("sizes do not fit")
    entries = list(_INDEX.iter_unpack(blob[8:store]))
    tag, kind, offset, length = entries[0]
    if (tag, kind, length) != (_REGION, _BIN, _INDEX.size) or offset != size - _INDEX.size:
        raise HeaderError("no region")
    # The trailer says how many entries the region has: all of them, or some are not signed.
    if _INDEX.unpack(blob[-_INDEX.size :]) != (_REGION, _BIN, -count * _INDEX.size, _INDEX.size):
        raise HeaderError("the region does not hold all")
    found: dict[int, Value] = {}
    for tag, kind, offset, length in entries[1:]:
        if tag in found or not 0 <= offset < size or length > size:
            raise HeaderError("entries do not fit")
        found[tag] = _value(blob, store + offset, kind, length) if tag in _WANTED else b""
    return found


def _value(blob: bytes, start: int, kind: int, length: int) -> Value:
    if kind in (_INT16, _INT32):
        code = "H" if kind == _INT16 else "I"
        return list(struct.unpack_from(f">{length}{code}", blob, start))
    if kind in (_STRING, _STRINGS, _I18N):
        parts = blob[start:].split(b"\0", length)
        if len(parts) < length + 1:
            raise HeaderError("a string has no end")
        return parts[:length]
    return blob[start : start + length]


def _strings(values: dict[int, Value], tag: int) -> list[bytes]:
    found = values.get(tag, [])
    return [each for each in found if isinstance(each, bytes)] if isinstance(found, list) else []


def _numbers(values: dict[int, Value], tag: int) -> list[int]:
    found = values.get(tag, [])
    return [each for each in found if isinstance(each, int)] if isinstance(found, list) else []


def _word(values: dict[int, Value], tag: int) -> str:
    found = _strings(values, tag)
    return found[0].decode("ascii") if found else ""


def contents(values: dict[int, Value], digest: bytes) -> Contents:
    """Return name, version and files.

    Raises:
        HeaderError, UnicodeDecodeError: they do not fit each other.
    """
    epoch = _numbers(values, _EPOCH)
    version = evr(epoch[0] if epoch else 0, _word(values, _VERSION), _word(values, _RELEASE))
    flags = _numbers(values, _FLAGS)
    entries = _entries(values, flags)
    special = [e.path for e, f in zip(entries, flags, strict=True) if f & (_CONFIG | _GHOST)]
    name, arch = _word(values, _NAME), _word(values, _ARCH)
    return Contents(digest, name, version, arch, [], special, entries)


def _entries(values: dict[int, Value], flags: list[int]) -> list[Entry]:
    directories, where = _strings(values, _DIRECTORIES), _numbers(values, _WHERE)
    names, modes = _strings(values, _NAMES), _numbers(values, _MODES)
    sums, links = _strings(values, _DIGESTS), _strings(values, _LINKS)
    users, groups = _strings(values, _USERS), _strings(values, _GROUPS)
    columns = (where, names, modes, sums, links, users, groups, flags)
    if len({len(column) for column in columns}) != 1 or len(names) > MAX_FILES:
        raise HeaderError("lists of files do not fit")
    known = _numbers(values, _ALGORITHM)[:1] == [_SHA256]
    found = []
    for at, name, mode, total, link, user, group, flag in zip(*columns, strict=True):
        if at >= len(directories):
            raise HeaderError("no such directory")
        path = os.path.normpath(b"/" + (directories[at] + name).lstrip(b"/"))
        kind = "ghost" if flag & _GHOST else _KINDS.get(stat.S_IFMT(mode), "other")
        hashed = kind == "file" and known and len(total) == 64
        found.append(
            Entry(
                path=path,
                kind=kind,
                mode=mode & 0o7777,
                user=user.decode("ascii"),
                group=group.decode("ascii"),
                sha256=bytes.fromhex(total.decode("ascii")) if hashed else b"",
                link=link,
            )
        )
    return found
