"""Turns bytes into blocks of UTF-8 that begin and end between values."""

from __future__ import annotations

import codecs
import errno
import hashlib
import os
from collections.abc import Callable, Iterator

from collectors.content.extract.budget import PartError

BLOCK = 2 << 20
"""Bytes read at once: small enough for the agent's memory limit, large enough for numpy."""
_CUT = 1 << 20
_LONGEST_KEY = 20 << 10
_SAMPLE = 256 << 10
_LEAST = 4 << 10


class Blocks:
    """Decodes and cuts large pieces."""

    def __init__(self) -> None:
        self.scanned = 0
        """Bytes yielded, decoded."""
        self.head = b""
        """First bytes, decoded."""
        self.binary = False
        """Whether the head holds NUL bytes and is no UTF-16."""

    def cut(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Yield blocks of about `BLOCK` bytes; what was read comes even when *pieces* raise.

        *pieces* but the last have at least a megabyte, see `joined`.
        """
        carry = b""
        source = self._decoded(pieces)
        while True:
            error: PartError | OSError | None = None
            try:
                piece = next(source, None)
            except (PartError, OSError) as raised:  # again, once what came before it is seen
                piece, error = None, raised
            if piece is None:
                if carry:
                    yield self.count(carry)
                if error is not None:
                    raise error
                return
            data = carry + piece if carry else piece
            if not self.head:
                self.head = data[: 64 << 10]
            at = safe_cut(data) if len(data) > _CUT else 0
            if at:
                yield self.count(data[:at])
            carry = data[at:]

    def count(self, data: bytes) -> bytes:
        """Note *data* as looked at."""
        self.scanned += len(data)
        return data

    def _decoded(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        decoder: codecs.IncrementalDecoder | None = None
        windows = False
        first = True
        for piece in pieces:
            if first:
                first = False
                encoding = wide_encoding(piece[:4096])
                if encoding:
                    decoder = codecs.getincrementaldecoder(encoding)("replace")
                self.binary = encoding is None and b"\0" in piece[:4096]
                windows = not encoding and not self.binary and is_windows(piece[:4096])
            if decoder is not None:
                yield decoder.decode(piece).encode("utf-8", "replace")
            else:
                yield piece.translate(_WINDOWS) if windows else piece


class Reader:
    """A bare file: iterate over `blocks`, then read the other attributes."""

    def __init__(
        self,
        descriptor: int,
        size: int,
        *,
        whole: int,
        sample_every: int,
        held: bytes | None = None,
    ) -> None:
        """*held*: the content where it was read already, of *size* bytes and at most *whole*."""
        self._descriptor = descriptor
        self._held = held
        self._size = size
        self._whole = whole
        self._stride = _SAMPLE * sample_every
        self.text = Blocks()
        self.complete = True
        """False when a part was skipped."""
        self.sha256: str | None = None
        self.before_sample: Callable[[], None] = lambda: None
        """Called when everything so far was looked at without gaps and a sample follows."""
        self._sample = 0

    @property
    def factor(self) -> float:
        """For how many bytes each sampled byte stands; 0 before any was sampled."""
        return (self._size - self._whole) / self._sample if self._sample else 0.0

    def blocks(self) -> Iterator[bytes]:
        """Yield the content.

        Raises:
            OSError: reading failed.
        """
        yield from self.text.cut(self._raw())
        if self._size > self._whole:
            self.before_sample()
            yield from self._sampled()

    def _raw(self) -> Iterator[bytes]:
        if self._held is not None:
            self.sha256 = hashlib.sha256(self._held).hexdigest()
            yield self._held
            return
        digest = hashlib.sha256()
        offset = 0
        limit = self._whole
        while offset < limit:
            # One byte more than there should be: the end shows without another call.
            wanted = min(BLOCK, limit - offset, max(_LEAST, self._size - offset + 1))
            data = os.pread(self._descriptor, wanted, offset)
            digest.update(data)
            offset += len(data)
            if data:
                yield data
            if len(data) < wanted:
                self.sha256 = digest.hexdigest()
                return
        if os.pread(self._descriptor, 1, offset):
            self.complete = False
        else:
            self.sha256 = digest.hexdigest()

    def _sampled(self) -> Iterator[bytes]:
        for offset in range(self._whole, self._size, self._stride):
            if self._is_hole(offset):
                length = min(_SAMPLE, self._size - offset)
                self._sample += length
                self.text.scanned += length
                continue
            data = os.pread(self._descriptor, _SAMPLE, offset)
            begin = data.find(b"\n") + 1
            end = safe_cut(data)
            if begin < end:
                self._sample += end - begin
                yield self.text.count(data[begin:end])

    def _is_hole(self, offset: int) -> bool:
        """Tell whether nothing was written there: reading it would take as long as data."""
        try:
            return os.lseek(self._descriptor, offset, os.SEEK_DATA) >= offset + _SAMPLE
        except OSError as error:
            return error.errno == errno.ENXIO  # no more data


def joined(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the same bytes in pieces of at least a megabyte."""
    ready: list[bytes] = []
    length = 0
    try:
        for piece in pieces:
            if not length and len(piece) >= _CUT:
                yield piece
                continue
            ready.append(piece)
            length += len(piece)
            if length >= _CUT:
                yield b"".join(ready)
                ready, length = [], 0
    except (PartError, OSError):
        if ready:
            yield b"".join(ready)
        raise
    if ready:
        yield b"".join(ready)


def wide_encoding(head: bytes) -> str | None:
    """Return the UTF-16 flavour of *head*, by its mark or by its NUL bytes, or None."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" not in head:
        return None
    half = len(head) // 2
    if half >= 16:
        if head[1::2].count(0) > 0.8 * half and head[0::2].count(0) == 0:
            return "utf-16-le"
        if head[0::2].count(0) > 0.8 * half and head[1::2].count(0) == 0:
            return "utf-16-be"
    return None


# What Windows-1252 writes for the blanks, dashes and quotes that separate and surround values.
_WINDOWS = bytes.maketrans(b"\xa0\x96\x97\xad\x91\x92\x93\x94", b" ---''\"\"")


def is_windows(head: bytes) -> bool:
    """Tell whether *head* is text in a one-byte encoding: it is no UTF-8."""
    if head.isascii():
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return True
    return False


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
