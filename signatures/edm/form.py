"""The file of a register: a header, filters one after the other, and a proof that it is whole.

``RONDAEDM`` | length of the header (4 bytes) | header (msgpack) | padding to 64 bytes | cells of
each section (32-bit, little-endian) | HMAC-SHA256 over all of it under a key made of the fleet key.
Nothing in it is a value or can be tested against one without that key.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

MAGIC = b"RONDAEDM"
_ALIGN = 64
_TAG = 32
_MAX_HEADER = 64 << 10
_PIECE = 1 << 20


class BadRegister(ValueError):  # noqa: N818 - named for what it is
    """A file is no register, or not one of this fleet; ``str()`` says why."""


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """One filter."""

    type: str
    """Type of number."""
    pairs: bool = False
    """Of numbers with another column, rather than of numbers alone."""
    entries: int
    seed: int
    block: int
    offset: int
    """Bytes from the begin of the file."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a register says of itself."""

    epoch: int
    """Of the fleet key."""
    made: int
    """ns since 1970."""
    rows: int
    people: int
    """Different values of the first number."""
    left_out: int
    """Rows whose number has no valid form: they can never be found."""
    sections: tuple[Section, ...]


def start_of(header: bytes) -> int:
    """Return where the first section may begin."""
    size = len(MAGIC) + 4 + len(header)
    return -(-size // _ALIGN) * _ALIGN


def head(header: bytes) -> bytes:
    """Return the bytes before the first section."""
    data = MAGIC + len(header).to_bytes(4, "little") + header
    return data.ljust(start_of(header), b"\0")


def aligned(size: int) -> int:
    """Return *size* rounded up to where the next section may begin."""
    return -(-size // _ALIGN) * _ALIGN


def new_tag(fleet_key: bytes) -> hmac.HMAC:
    """Return the beginning of the proof."""
    key = hmac.digest(fleet_key, b"register file", hashlib.sha256)
    return hmac.new(key, digestmod=hashlib.sha256)


def parse(data: bytes, size: int) -> Header:
    """Return the header at the begin of *data*, of a file of *size* bytes.

    Raises:
        BadRegister: it is none, or names places outside of the file.
    """
    if data[: len(MAGIC)] != MAGIC:
        raise BadRegister("not a register (made with: ronda edm build)")
    length = int.from_bytes(data[len(MAGIC) : len(MAGIC) + 4], "little")
    body = data[len(MAGIC) + 4 : len(MAGIC) + 4 + length]
    if not 0 < length <= _MAX_HEADER or len(body) < length:
        raise BadRegister("the register is cut short")
    try:
        header = msgspec.msgpack.decode(body, type=Header)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadRegister(f"the register's header cannot be read: {error}") from error
    end = start_of(body)
    for section in header.sections:
        if section.offset < end or section.offset % _ALIGN or section.block < 0:
            raise BadRegister("a section lies at an impossible place")
        end = section.offset + 12 * section.block
    if aligned(end) + _TAG != size:
        raise BadRegister(f"the register has {size} bytes, not {aligned(end) + _TAG}")
    return header


def head_size() -> int:
    """Return how many bytes at the begin are enough for `parse`."""
    return len(MAGIC) + 4 + _MAX_HEADER


def verify(file: BinaryIO, size: int, fleet_key: bytes, epoch: int) -> Header:
    """Return the header of a whole register of this fleet.

    Raises:
        BadRegister: it is something else, was changed, or was made with another key.
        OSError: it cannot be read.
    """
    file.seek(0)
    header = parse(file.read(head_size()), size)
    if header.epoch != epoch:
        raise BadRegister(f"the register is for epoch {header.epoch} of the key, not {epoch}")
    tag = new_tag(fleet_key)
    file.seek(0)
    for piece in _pieces(file, size - _TAG):
        tag.update(piece)
    if not hmac.compare_digest(tag.digest(), file.read(_TAG)):
        raise BadRegister("the register was changed, or made with the key of another fleet")
    return header


def _pieces(file: BinaryIO, size: int) -> Iterator[bytes]:
    while size > 0:
        piece = file.read(min(size, _PIECE))
        if not piece:
            return
        size -= len(piece)
        yield piece
