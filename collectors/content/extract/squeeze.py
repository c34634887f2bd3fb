"""Streams that wrap one file: gzip, bzip2, xz, zstd, zlib. Bounded output for each step."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol, cast

from collectors.content.extract.budget import Meter, PartError, damaged
from collectors.content.extract.source import PIECE, Stream
from collectors.content.result import TOO_LARGE

_XZ_MEMORY = 80 << 20
"""``xz -9`` needs 65 MiB to unpack."""
_ZSTD_WINDOW = 32 << 20
"""``zstd -19`` needs 8 MiB; only ``--long`` and ``--ultra`` need more."""
MAGIC = {
    "gzip": b"\x1f\x8b\x08",
    "bzip2": b"BZh",
    "xz": b"\xfd7zXZ\0",
    "zstd": b"\x28\xb5\x2f\xfd",
}


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def unpack(kind: str, stream: Stream, meter: Meter) -> Iterator[bytes]:
    """Yield what *stream* unpacks to; concatenated streams are one.

    Raises:
        PartError: damaged, a bomb, or a dictionary that needs too much memory.
    """
    if kind == "zstd":
        yield from _zstd(stream, meter)
    elif kind == "gzip":
        yield from inflate(stream.rest(), meter, 31, again=MAGIC["gzip"][:2])
    elif kind == "bzip2":
        yield from _blocks(stream, meter, bz2.BZ2Decompressor, MAGIC["bzip2"])
    else:
        yield from _blocks(stream, meter, _xz, MAGIC["xz"])


def _xz() -> _Decompressor:
    return cast("_Decompressor", lzma.LZMADecompressor(lzma.FORMAT_AUTO, memlimit=_XZ_MEMORY))


def inflate(
    pieces: Iterator[bytes], meter: Meter, wbits: int, again: bytes | None = None
) -> Iterator[bytes]:
    """Yield what deflated *pieces* unpack to; *again* is how a further stream begins.

    Raises:
        PartError: damaged or a bomb.
    """
    engine = zlib.decompressobj(wbits)
    try:
        for piece in pieces:
            meter.read(len(piece))
            data = piece
            while data:
                plain = engine.decompress(data, PIECE)
                if plain:
                    meter.made(len(plain))
                    yield plain
                data = engine.unconsumed_tail
                if engine.eof:
                    data = engine.unused_data
                    if again is None or not data.startswith(again[: len(data)] or again):
                        return
                    engine = zlib.decompressobj(wbits)
        # The output limit may leave something inside although the input is used up.
        while not engine.eof:
            plain = engine.decompress(b"", PIECE)
            if not plain:
                break
            meter.made(len(plain))
            yield plain
    except zlib.error as error:
        raise damaged("deflate stream") from error
    if not engine.eof:
        raise damaged("deflate stream ends too early")


def _blocks(
    stream: Stream, meter: Meter, make: Callable[[], object], magic: bytes
) -> Iterator[bytes]:
    engine = cast("_Decompressor", make())
    try:
        for piece in stream.rest():
            meter.read(len(piece))
            data = piece
            while data:
                yield from step(engine, data, meter)
                data = engine.unused_data if engine.eof else b""
                if engine.eof:
                    if not data.startswith(magic):
                        return
                    engine = cast("_Decompressor", make())
    except (OSError, EOFError, ValueError) as error:
        raise damaged("bzip2 stream") from error
    except lzma.LZMAError as error:
        if "emory" in str(error):
            raise PartError(TOO_LARGE, "needs more memory to unpack than allowed") from error
        raise damaged("xz stream") from error
    if not engine.eof:
        raise damaged("stream ends too early")


def step(engine: _Decompressor, data: bytes, meter: Meter) -> Iterator[bytes]:
    while True:
        plain = engine.decompress(data, PIECE)
        data = b""
        if plain:
            meter.made(len(plain))
            yield plain
        if engine.eof or engine.needs_input:
            return


class _Input:
    """What zstandard reads from."""

    def __init__(self, stream: Stream, meter: Meter) -> None:
        self._stream = stream
        self._meter = meter
        self.frames = Frames()

    def read(self, count: int = -1) -> bytes:
        data = self._stream.some(PIECE if count < 0 else count)
        self._meter.read(len(data))
        self.frames.feed(data)
        return data


class Frames:
    """Follows the frames of zstd (RFC 8878 3.1), since the library ends quietly inside one."""

    def __init__(self) -> None:
        self._step: Callable[[bytes], None] = self._magic
        self._wanted = 4
        self._held = b""
        self._skip = 0
        self._checksum = False

    @property
    def complete(self) -> bool:
        """Whether what was fed ends with a frame."""
        return self._step == self._magic and not self._held and not self._skip

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        at = 0
        while at < len(data):
            if self._skip:
                step = min(self._skip, len(data) - at)
                self._skip -= step
                at += step
                continue
            step = min(self._wanted - len(self._held), len(data) - at)
            self._held += data[at : at + step]
            at += step
            if len(self._held) == self._wanted:
                held, self._held = self._held, b""
                self._step(held)

    def _next(self, step: Callable[[bytes], None], wanted: int, skip: int = 0) -> None:
        self._step, self._wanted, self._skip = step, wanted, skip

    def _magic(self, data: bytes) -> None:
        if data == MAGIC["zstd"]:
            self._next(self._descriptor, 1)
        else:  # a frame to be skipped: its length follows
            self._next(self._skipped, 4)

    def _skipped(self, data: bytes) -> None:
        self._next(self._magic, 4, int.from_bytes(data, "little"))

    def _descriptor(self, data: bytes) -> None:
        single = data[0] >> 5 & 1
        self._checksum = bool(data[0] >> 2 & 1)
        content = (single, 2, 4, 8)[data[0] >> 6]
        self._next(self._block, 3, (1 - single) + (0, 1, 2, 4)[data[0] & 3] + content)

    def _block(self, data: bytes) -> None:
        header = int.from_bytes(data, "little")
        size = 1 if header >> 1 & 3 == 1 else header >> 3  # a repeated byte stands once
        if header & 1:
            self._next(self._magic, 4, size + 4 * self._checksum)
        else:
            self._next(self._block, 3, size)


def _zstd(stream: Stream, meter: Meter) -> Iterator[bytes]:
    import zstandard

    engine = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    source = _Input(stream, meter)
    try:
        with engine.stream_reader(
            source,  # type: ignore[arg-type]  # needs read() only
            read_across_frames=True,
        ) as reader:
            while plain := reader.read(PIECE):
                meter.made(len(plain))
                yield plain
    except zstandard.ZstdError as error:
        if "emory" in str(error):
            raise PartError(TOO_LARGE, "needs more memory to unpack than allowed") from error
        raise damaged("zstd stream") from error
    if not source.frames.complete:
        raise damaged("zstd stream ends too early")
