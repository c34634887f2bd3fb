"""Reads a file in blocks that begin and end between values: plain, UTF-16 or gzip."""

from __future__ import annotations

import codecs
import hashlib
import os
import zlib
from collections.abc import Iterator

BLOCK = 2 << 20
"""Bytes read at once: small enough for the agent's memory limit, large enough for numpy."""
_CUT = 1 << 20
_LONGEST_KEY = 20 << 10
_SAMPLE = 256 << 10


class Damaged(Exception):  # noqa: N818
    """The container is cut short or corrupt."""


class Reader:
    """Iterate over `blocks`, then read the other attributes."""

    def __init__(self, descriptor: int, size: int, *, whole: int, sample_every: int) -> None:
        self._descriptor = descriptor
        self._size = size
        self._whole = whole
        self._stride = _SAMPLE * sample_every
        self.scanned = 0
        """Bytes yielded, after decompression."""
        self.complete = True
        """False when a part was skipped."""
        self.sha256: str | None = None
        self.head = b""
        """First bytes, decoded."""
        self.binary = False
        """Whether the head holds NUL bytes and is no UTF-16."""
        self.container = ""
        """``gzip`` or empty."""

    def blocks(self) -> Iterator[bytes]:
        """Yield the content.

        Raises:
            OSError: reading failed.
            Damaged: a gzip stream ends too early or is corrupt.
        """
        first = os.pread(self._descriptor, BLOCK, 0)
        if first[:3] == b"\x1f\x8b\x08":
            self.container = "gzip"
            pieces = self._inflated()
        else:
            pieces = self._raw()
        carry = b""
        for piece in self._decoded(pieces):
            data = carry + piece if carry else piece
            if not self.head:
                self.head = data[: 64 << 10]
            at = safe_cut(data) if len(data) > _CUT else 0
            if at:
                yield self._count(data[:at])
            carry = data[at:]
        if carry:
            yield self._count(carry)
        if not self.container and self._size > self._whole:
            yield from self._sampled()

    def _count(self, data: bytes) -> bytes:
        self.scanned += len(data)
        return data

    def _raw(self) -> Iterator[bytes]:
        digest = hashlib.sha256()
        offset = 0
        limit = self._whole
        while offset < limit:
            data = os.pread(self._descriptor, min(BLOCK, limit - offset), offset)
            if not data:
                break
            digest.update(data)
            offset += len(data)
            yield data
        if os.pread(self._descriptor, 1, offset):
            self.complete = False
        else:
            self.sha256 = digest.hexdigest()

    def _inflated(self) -> Iterator[bytes]:
        total = 0
        inflate = zlib.decompressobj(31)
        try:
            for piece in self._raw():
                data = piece
                while data:
                    plain = inflate.decompress(data, BLOCK)
                    total += len(plain)
                    if plain:
                        yield plain
                    if total >= self._whole:
                        self.complete = False
                        return
                    data = inflate.unconsumed_tail
                    if inflate.eof:
                        data = inflate.unused_data
                        if data[:2] != b"\x1f\x8b":
                            return
                        inflate = zlib.decompressobj(31)
        except zlib.error as error:
            raise Damaged("gzip") from error
        if not inflate.eof and self.complete:
            raise Damaged("gzip")

    def _decoded(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        decoder: codecs.IncrementalDecoder | None = None
        first = True
        for piece in pieces:
            if first:
                first = False
                encoding = wide_encoding(piece[:4096])
                if encoding:
                    decoder = codecs.getincrementaldecoder(encoding)("replace")
                self.binary = encoding is None and b"\0" in piece[:4096]
            yield decoder.decode(piece).encode("utf-8", "replace") if decoder else piece

    def _sampled(self) -> Iterator[bytes]:
        for offset in range(self._whole, self._size, self._stride):
            data = os.pread(self._descriptor, _SAMPLE, offset)
            begin = data.find(b"\n") + 1
            end = safe_cut(data)
            if begin < end:
                yield self._count(data[begin:end])


def wide_encoding(head: bytes) -> str | None:
    """Return the UTF-16 flavour of *head*, by its mark or by its NUL bytes, or None."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    half = len(head) // 2
    if half >= 16:
        if head[1::2].count(0) > 0.8 * half and head[0::2].count(0) == 0:
            return "utf-16-le"
        if head[0::2].count(0) > 0.8 * half and head[1::2].count(0) == 0:
            return "utf-16-be"
    return None


def safe_cut(data: bytes) -> int:
    """Return where *data* may be cut without splitting a value: a line, a row, a field."""
    least = max(0, len(data) - _CUT)
    at = data.rfind(b"\n", least) + 1
    if not at:
        at = data.rfind(b"),(", least) + 2
    if at <= 1:
        at = data.rfind(b",", least) + 1
    if not at:
        return len(data)
    begun = data.rfind(b"-----BEGIN", max(0, at - _LONGEST_KEY), at)
    if begun > 0 and data.rfind(b"-----END", begun, at) < 0:
        return begun  # an armoured key spans lines
    return at
