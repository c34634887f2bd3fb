"""Batches between agent and collector: msgpack in one zstd frame.

Version 1. An agent sends the newest version that it knows; a collector reads the versions from
`OLDEST` to `WIRE_VERSION` and refuses others with a reason that names the remedy. Added fields
are not a new version: readers ignore batch fields they do not know and keep event fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import zstandard

WIRE_VERSION = 1
OLDEST = 1
CONTENT_TYPE = "application/x-ronda-batch"
MAX_EVENTS = 500
MAX_COMPRESSED = 4 << 20
"""Bytes of a request body."""
MAX_PLAIN = 32 << 20
"""Bytes after decompression: a bound against zstd bombs."""
MAX_EVENT = 512 << 10
"""Bytes of one event: a byte of msgpack can become an object of 64."""


class WireError(ValueError):
    """A batch cannot be read. Subclasses tell whose turn it is; ``str()`` is the reason.

    WireError
    |-- Malformed            the sender's fault; it quarantines (HTTP 400)
    |-- TooLarge             the sender splits (HTTP 413)
    `-- UnsupportedVersion   someone must update (HTTP 426)
    """


class Malformed(WireError):  # noqa: N818
    """Not a batch."""


class TooLarge(WireError):  # noqa: N818
    """Over `MAX_COMPRESSED`, `MAX_PLAIN` or `MAX_EVENTS`."""


class UnsupportedVersion(WireError):  # noqa: N818
    """Outside `OLDEST` .. `WIRE_VERSION`."""


class Skipped(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Sequences that will never come, so that the collector may acknowledge past them."""

    first: int
    last: int
    cause: str
    """``spool_full`` or ``quarantined``."""
    severity: int = 0


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """Who sends, and which sequences the batch settles."""

    version: int
    agent: str
    """Agent id; must equal the one in the client certificate."""
    epoch: int
    first: int
    last: int
    """The batch says all there is to say about sequences first..last, both included."""
    sent: int
    """ns since 1970 by the sender's clock."""
    host: str
    """Host name, for people only."""
    host_id: str
    """Hash of the machine id: tells a clone from the original."""
    boot_id: str
    agent_version: str


class Batch(Header, frozen=True, kw_only=True):
    """A batch as the collector reads it."""

    # The bound is checked before the first element is made. Events stay bytes here: decoded all
    # at once, a small request of empty lists would fill gigabytes.
    bodies: Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MAX_EVENTS)] = msgspec.field(
        name="events", default_factory=list
    )
    skipped: Annotated[list[Skipped], msgspec.Meta(max_length=MAX_EVENTS)] = []

    @property
    def events(self) -> list[dict[str, Any]]:
        """Return all events, decoded.

        Raises:
            Malformed: one is not an event.
        """
        return [decode_event(body) for body in self.bodies]


class _Outgoing(Header, frozen=True, kw_only=True):
    events: list[msgspec.Raw] = []
    skipped: list[Skipped] = []


_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_encoder = msgspec.msgpack.Encoder()
_event_decoder = msgspec.msgpack.Decoder(dict[str, Any])
_decoder = msgspec.msgpack.Decoder(Batch)


def encode_event(event: dict[str, Any]) -> bytes:
    """Return the msgpack form in which an event waits in the spool."""
    return _encoder.encode(event)


def decode_event(body: bytes | msgspec.Raw) -> dict[str, Any]:
    """Inverse of `encode_event`.

    Raises:
        Malformed: *body* is not a msgpack map with text keys.
    """
    try:
        return _event_decoder.decode(body)
    except _UNREADABLE as error:
        raise Malformed(f"event is not msgpack: {error}") from error


def encode_batch(header: Header, bodies: Sequence[bytes], skipped: Sequence[Skipped] = ()) -> bytes:
    """Return the request body for events that `encode_event` made."""
    outgoing = _Outgoing(
        **{name: getattr(header, name) for name in Header.__struct_fields__},
        events=[msgspec.Raw(body) for body in bodies],
        skipped=list(skipped),
    )
    return zstandard.ZstdCompressor(level=3).compress(_encoder.encode(outgoing))


def decode_batch(data: bytes) -> Batch:
    """Read a request body.

    Raises:
        WireError: one of its subclasses.
    """
    if len(data) > MAX_COMPRESSED:
        raise TooLarge(f"{len(data)} bytes, at most {MAX_COMPRESSED}; send fewer events at once")
    plain = _decompress(data)
    _check_version(plain)
    try:
        batch = _decoder.decode(plain)
    except _UNREADABLE as error:
        if "of length <=" in str(error):
            raise TooLarge(f"too many events or skipped ranges, at most {MAX_EVENTS}") from error
        raise Malformed(f"not a batch: {error}") from error
    if not 1 <= batch.first <= batch.last or batch.epoch < 1:
        raise Malformed("first, last and epoch must be positive and in order")
    return batch


def _decompress(data: bytes) -> bytes:
    reader = zstandard.ZstdDecompressor(max_window_size=8 << 20).decompressobj()
    chunks: list[bytes] = []
    total = 0
    view = memoryview(data)
    try:
        # Small slices: one call may inflate its whole input before we can count it.
        for start in range(0, len(view), 4096):
            if reader.eof:
                raise Malformed("bytes after the zstd frame")
            chunk = reader.decompress(view[start : start + 4096])
            total += len(chunk)
            if total > MAX_PLAIN:
                raise TooLarge(f"over {MAX_PLAIN} bytes after decompression")
            chunks.append(chunk)
    except zstandard.ZstdError as error:
        raise Malformed(f"not zstd: {error}") from error
    if not reader.eof:
        raise Malformed("zstd frame is cut short")
    if reader.unused_data:
        raise Malformed("bytes after the zstd frame")
    return b"".join(chunks)


class _Version(msgspec.Struct):
    version: int


_version_decoder = msgspec.msgpack.Decoder(_Version)


def _check_version(plain: bytes) -> None:
    try:
        version = _version_decoder.decode(plain).version
    except _UNREADABLE as error:
        raise Malformed(f"not a batch: {error}") from error
    check_version(version)


def check_version(version: int) -> None:
    """Say who must update, if anybody must.

    Raises:
        UnsupportedVersion: *version* cannot be read here.
    """
    if version > WIRE_VERSION:
        raise UnsupportedVersion(
            f"wire version {version} is newer than {WIRE_VERSION}: update the collector first"
        )
    if version < OLDEST:
        raise UnsupportedVersion(f"wire version {version} is older than {OLDEST}: update the agent")


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True):
    """The collector's answer to a batch or heartbeat (JSON)."""

    epoch: int
    acknowledged: int
    """Highest sequence up to which everything is committed; 0 when nothing is."""
    now: int
    """The collector's clock, ns since 1970."""
    bundle: int = 0
    """Newest version of what agents are to look for (`collectors.knowledge`); 0 when none."""


class Rejection(msgspec.Struct, frozen=True, kw_only=True):
    """The collector's answer to what it does not take (JSON, with status 4xx or 503)."""

    reason: str
    sequences: list[int] = []
    """The events at fault; empty when the whole batch is."""


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """Sign of life, every 15 s, beside the event stream (msgpack)."""

    version: int
    agent: str
    epoch: int
    last: int
    """Highest sequence assigned."""
    sent: int
    host: str
    host_id: str
    boot_id: str
    agent_version: str
    pending: int = 0
    """Events in the spool that are not acknowledged."""
    healthy: bool = True
    problems: list[str] = []
    """One scrubbed sentence each."""
    coverage: dict[str, dict[str, int | float | str]] = {}
    """Per sensor: what it sees and what it does not."""
