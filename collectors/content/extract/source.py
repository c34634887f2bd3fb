"""Where bytes come from: a file or a held part read anywhere, or a stream read once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Protocol

PIECE = 256 << 10


class Source(Protocol):
    """Bytes that can be read back and forth."""

    size: int

    def read(self, offset: int, length: int) -> bytes:
        """Return up to *length* bytes at *offset*; fewer at the end."""


class FileSource:
    """A file behind a descriptor, which stays the caller's."""

    def __init__(self, descriptor: int, size: int) -> None:
        self.descriptor = descriptor
        self.size = size

    def read(self, offset: int, length: int) -> bytes:
        """See `Source`.

        Raises:
            OSError: reading failed.
        """
        if offset < 0 or offset >= self.size:
            return b""
        return os.pread(self.descriptor, min(length, self.size - offset), offset)


class BytesSource:
    """A part that is held in memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)

    def read(self, offset: int, length: int) -> bytes:
        """See `Source`."""
        return self.data[offset : offset + length] if offset >= 0 else b""


class SourceFile:
    """A `Source` as the libraries want it: ``read``, ``seek``, ``tell``."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._at = 0

    def read(self, length: int = -1) -> bytes:
        """Read as a file does."""
        wanted = self._source.size - self._at if length < 0 else length
        data = self._source.read(self._at, max(0, wanted))
        self._at += len(data)
        return data

    def readinto(self, buffer: memoryview) -> int:
        """Read as a file does."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Seek as a file does."""
        base = (0, self._at, self._source.size)[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        """Tell as a file does."""
        return self._at


def pieces_of(source: Source, begin: int = 0, end: int | None = None) -> Iterator[bytes]:
    """Yield the bytes of *source* from *begin* to *end*."""
    end = source.size if end is None else min(end, source.size)
    while begin < end:
        data = source.read(begin, min(PIECE, end - begin))
        if not data:
            return
        yield data
        begin += len(data)


class Stream:
    """Pieces that are read once, as if they were a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = b""
        self._at = 0

    def _fill(self, count: int) -> int:
        """Have *count* bytes at hand, fewer only at the end; return how many there are."""
        have = len(self._held) - self._at
        if have >= count:
            return have
        parts = [self._held[self._at :]]
        while have < count:
            piece = next(self._pieces, None)
            if piece is None:
                break
            parts.append(piece)
            have += len(piece)
        self._held, self._at = b"".join(parts), 0
        return have

    def peek(self, count: int) -> bytes:
        """Return up to *count* bytes without taking them."""
        self._fill(count)
        return self._held[self._at : self._at + count]

    def read(self, count: int) -> bytes:
        """Take *count* bytes, fewer only at the end."""
        self._fill(count)
        data = self._held[self._at : self._at + count]
        self._at += len(data)
        return data

    def line(self, longest: int = 64 << 10) -> bytes:
        """Take one line with its end, or *longest* bytes of a longer one; empty at the end."""
        self._fill(1)
        end = self._held.find(b"\n", self._at, self._at + longest)
        if end < 0:
            self._fill(longest)
            end = self._held.find(b"\n", self._at, self._at + longest)
        if end < 0:
            return self.read(longest)
        line = self._held[self._at : end + 1]
        self._at = end + 1
        return line

    def some(self, most: int) -> bytes:
        """Take what is at hand, at least one byte and at most *most*; empty at the end."""
        self._fill(1)
        data = self._held[self._at : self._at + most]
        self._at += len(data)
        return data

    def rest(self) -> Iterator[bytes]:
        """Take everything that is left."""
        while True:
            data = self.some(PIECE)
            if not data:
                return
            yield data

    def part(self, size: int) -> Part:
        """Return the next *size* bytes as a part of its own; `Part.end` before anything else."""
        return Part(self, size)


class Part:
    """The next bytes of a stream."""

    def __init__(self, stream: Stream, size: int) -> None:
        self._stream = stream
        self.left = size

    def pieces(self) -> Iterator[bytes]:
        """Yield them; ends early when the stream does."""
        while self.left > 0:
            data = self._stream.some(min(PIECE, self.left))
            if not data:
                return
            self.left -= len(data)
            yield data

    def end(self) -> bool:
        """Skip what nobody took; return whether all was there."""
        for _ in self.pieces():
            pass
        return self.left == 0
