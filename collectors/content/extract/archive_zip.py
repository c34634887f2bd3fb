"""Zip archives, by the central directory; by local headers when it is gone (APPNOTE 6.3.10).

Nothing is believed: sizes in headers bound what is read, never what is allocated; members whose
data overlap are how a small file becomes petabytes (Fifield 2019) and are refused.
"""

from __future__ import annotations

import lzma
import struct
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from collectors.content.extract.budget import Budget, Meter, PartError, damaged
from collectors.content.extract.source import Source, Stream, pieces_of
from collectors.content.extract.squeeze import inflate, step, unpack
from collectors.content.result import ENCRYPTED, TOO_LARGE, UNSUPPORTED

_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_LARGE = 0xFFFFFFFF
_DESCRIPTOR = 8
_UTF8 = 0x800
_METHODS = {0: "stored", 8: "deflate", 12: "bzip2", 14: "lzma", 93: "zstd", 95: "xz"}
_AES = 99
_LZMA_MEMORY = 64 << 20


class Entry(NamedTuple):
    """A member, as the directory tells it."""

    name: bytes
    flags: int
    method: int
    crc: int | None
    packed: int
    size: int
    offset: int
    """Of its local header."""
    end: int
    """Where the next one begins."""

    @property
    def encrypted(self) -> bool:
        """Whether a password is needed."""
        return bool(self.flags & 1) or self.method == _AES

    def text(self) -> str:
        """Return the name for people, never for a file system."""
        coding = "utf-8" if self.flags & _UTF8 else "cp437"
        try:
            return self.name.decode("utf-8")
        except UnicodeDecodeError:
            return self.name.decode(coding, "replace")


class Zip:
    """One archive. `whole` is False when its directory is gone or wrong."""

    def __init__(self, source: Source, budget: Budget) -> None:
        self._source = source
        self._budget = budget
        self.whole = True

    def entries(self) -> Iterator[Entry]:
        """Yield the members that are files.

        Raises:
            Stop: more members than allowed.
        """
        directory = _directory(self._source)
        if directory is None:
            self.whole = False
            yield from self._by_local_headers()
            return
        begin, count, shift = directory
        starts = array("Q", sorted(entry[6] + shift for entry in self._central(begin, count)))
        starts.append(begin)
        for entry in self._central(begin, count):
            offset = entry[6] + shift
            after = bisect_right(starts, offset)
            end = starts[after] if after < len(starts) else self._source.size
            if not entry[0].endswith(b"/"):
                yield Entry(*entry[:6], offset, end)

    def _central(
        self, begin: int, count: int
    ) -> Iterator[tuple[bytes, int, int, int, int, int, int]]:
        stream = Stream(pieces_of(self._source, begin))
        for _ in range(count):
            fixed = stream.read(_CENTRAL.size)
            if len(fixed) < _CENTRAL.size or fixed[:4] != b"PK\1\2":
                self.whole = False
                return
            (_, _, _, flags, method, _, _, crc, packed, size, *lengths) = _CENTRAL.unpack(fixed)
            name_length, extra_length, comment_length, *_, offset = lengths
            name = stream.read(name_length)
            extra = stream.read(extra_length)
            stream.read(comment_length)
            self._budget.member()
            size, packed, offset = _widened(extra, size, packed, offset)
            yield name, flags, method, crc, packed, size, offset

    def _by_local_headers(self) -> Iterator[Entry]:
        at = _find(self._source, b"PK\3\4", 0)
        while at >= 0:
            self._budget.member()
            fixed = self._source.read(at, _LOCAL.size)
            if len(fixed) < _LOCAL.size:
                return
            _, _, flags, method, _, _, crc, packed, size, name_length, _ = _LOCAL.unpack(fixed)
            name = self._source.read(at + _LOCAL.size, name_length)
            after = at + _LOCAL.size + name_length
            known = not flags & _DESCRIPTOR and packed != _LARGE
            following = _find(self._source, b"PK\3\4", after + (packed if known else 0))
            end = following if following >= 0 else self._source.size
            if not name.endswith(b"/"):
                yield Entry(
                    name, flags, method, crc if known else None, packed if known else end - after,
                    size if known else -1, at, end,
                )  # fmt: skip
            at = following

    def pieces(self, entry: Entry) -> Iterator[bytes]:
        """Yield what *entry* unpacks to.

        Raises:
            PartError: encrypted, damaged, overlapping another member, of an unknown method.
        """
        if entry.encrypted:
            raise PartError(ENCRYPTED, "zip member with a password")
        method = _METHODS.get(entry.method)
        if method is None:
            raise PartError(UNSUPPORTED, f"zip method {entry.method}")
        fixed = self._source.read(entry.offset, _LOCAL.size)
        if len(fixed) < _LOCAL.size or fixed[:4] != b"PK\3\4":
            raise damaged("zip header")
        *_, name_length, extra_length = _LOCAL.unpack(fixed)
        begin = entry.offset + _LOCAL.size + name_length + extra_length
        end = min(begin + entry.packed, self._source.size)
        if begin + entry.packed > max(entry.end, begin) and self.whole:
            raise damaged("zip members overlap")
        yield from self._checked(entry, self._unpacked(method, begin, end))

    def _unpacked(self, method: str, begin: int, end: int) -> Iterator[bytes]:
        meter = Meter(self._budget)
        packed = pieces_of(self._source, begin, end)
        if method == "deflate":
            yield from inflate(packed, meter, -zlib.MAX_WBITS)
        elif method == "lzma":
            yield from _lzma(Stream(packed), meter)
        elif method == "stored":
            for piece in packed:
                meter.read(len(piece))
                meter.made(len(piece))
                yield piece
        else:
            yield from unpack(method, Stream(packed), meter)

    def _checked(self, entry: Entry, pieces: Iterator[bytes]) -> Iterator[bytes]:
        crc = made = 0
        for piece in pieces:
            crc = zlib.crc32(piece, crc)
            made += len(piece)
            yield piece
        if entry.crc is not None and (crc != entry.crc or made != entry.size):
            raise damaged("zip member is not what its header says")


def _directory(source: Source) -> tuple[int, int, int] | None:
    """Return begin, number of entries, and what is to be added to their offsets."""
    tail_at = max(0, source.size - (1 << 16) - _END.size)
    tail = source.read(tail_at, (1 << 16) + _END.size)
    found = tail.rfind(b"PK\5\6")
    if found < 0 or len(tail) - found < _END.size:
        return None
    _, _, _, _, count, size, offset, _ = _END.unpack_from(tail, found)
    end = tail_at + found
    if count == 0xFFFF or _LARGE in {size, offset}:
        where = source.read(end - 20, 20)
        if where[:4] == b"PK\6\7":
            at = int.from_bytes(where[8:16], "little")
            wide = source.read(at, _END64.size)
            if len(wide) < _END64.size or wide[:4] != b"PK\6\6":
                return None
            *_, count, size, offset = _END64.unpack(wide)
            end = at
    begin = end - size
    if begin < 0 or offset > begin or (count and source.read(begin, 4) != b"PK\1\2"):
        return None
    return begin, count, begin - offset


def _widened(extra: bytes, size: int, packed: int, offset: int) -> tuple[int, int, int]:
    """Take the 64-bit values from the extra field, in the order of those that need it."""
    values = [size, packed, offset]
    if _LARGE not in values:
        return size, packed, offset
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<2H", extra)
        field = extra[4 : 4 + length]
        if kind == 1:
            for index, value in enumerate(values):
                if value == _LARGE and len(field) >= 8:
                    values[index] = int.from_bytes(field[:8], "little")
                    field = field[8:]
        extra = extra[4 + length :]
    return values[0], values[1], values[2]


def _find(source: Source, magic: bytes, at: int) -> int:
    carry = b""
    for piece in pieces_of(source, at):
        data = carry + piece
        found = data.find(magic)
        if found >= 0:
            return at - len(carry) + found
        at += len(piece)
        carry = data[-3:]
    return -1


def _lzma(stream: Stream, meter: Meter) -> Iterator[bytes]:
    head = stream.read(9)  # version, length of the properties, the properties
    if len(head) < 9 or head[2:4] != b"\5\0":
        raise damaged("lzma header")
    rest, dictionary = head[4], int.from_bytes(head[5:9], "little")
    if dictionary > _LZMA_MEMORY:
        raise PartError(TOO_LARGE, "needs more memory to unpack than allowed")
    if rest >= 225:
        raise damaged("lzma header")
    filters = [
        {"id": lzma.FILTER_LZMA1, "dict_size": max(dictionary, 4096), "lc": rest % 9,
         "lp": rest // 9 % 5, "pb": rest // 45}
    ]  # fmt: skip
    try:
        engine = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
        for piece in stream.rest():
            meter.read(len(piece))
            yield from step(engine, piece, meter)
            if engine.eof:
                return
    except (lzma.LZMAError, ValueError) as error:
        raise damaged("lzma stream") from error
