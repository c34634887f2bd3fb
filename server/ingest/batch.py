"""From a request body to what the store takes. Pure."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from collectors.event import InvalidEvent, open_envelope, open_record
from collectors.kinds import KINDS, Record, tag_of
from collectors.wire import (
    MAX_EVENT,
    Batch,
    Malformed,
    TooLarge,
    UnsupportedVersion,
    WireError,
    decode_batch,
    decode_event,
)
from server.fleet.agents import Standing, safe_host
from server.store.writer import NewBatch, NewEvent, NewSkip

COLLECTOR = "collector"
"""Agent id, OPD and module of the collector's own events."""
_LARGEST = 2**63 - 1
_MAX_TEXT = 64
_MAX_DEPTH = 32
"""Maps and lists inside each other: whoever reads the JSON must not run out of stack."""
_MAX_FIELDS = 64 << 20
"""Bytes of JSON of one batch."""
_TALLIES = "ronda.data.tallies"
# What the collector vouches for; an agent's own words for it are not kept.
_RESERVED = frozenset(
    {
        "agent.id",
        "host.name",
        "organization.name",
        "event.id",
        "event.ingested",
        "ronda.epoch",
    }
)


def _defaults(kind: type[Record]) -> dict[str, Any]:
    return {
        field.encode_name: field.default
        for field in msgspec.structs.fields(kind)
        if isinstance(field.default, str | int | float)
    }


_NESTED: frozenset[Any] = frozenset({dict, list})
_NONE: dict[str, Any] = {}
DEFAULTS = {tag: _defaults(kind) for tag, kind in KINDS.items()}
"""What an agent leaves out because it is the default: rules and searches must find it."""
_OURS = frozenset(tag for tag, kind in KINDS.items() if kind.collector_only)
"""Rules believe them, for they say what several hosts have in common: no agent sends such kinds."""


class Refusal(Exception):  # noqa: N818 - the sender's fault
    """A request is not taken; status and reason go back to the agent."""

    def __init__(self, status: int, reason: str, sequences: list[int] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.sequences = sequences or []


class Opened(NamedTuple):
    """A batch that may be stored."""

    header: Batch
    new: NewBatch
    size: int
    """Bytes of all fields."""


def open_batch(data: bytes, standing: Standing, key: bytes, received: int) -> Opened:
    """Decode and check a request body.

    Args:
        data: the body as the agent sent it.
        standing: of the certificate it came with.
        key: the collector's own, for value tokens.
        received: ns since 1970.

    Raises:
        Refusal: 400, 403, 413 or 426.
    """
    try:
        batch = decode_batch(data)
    except WireError as error:
        raise Refusal(_STATUS.get(type(error), 400), str(error)) from error
    _check_header(batch, standing)
    events = []
    bad: dict[int, str] = {}
    size = 0
    # One by one: only the JSON of the events before is in memory, not their objects.
    for body in batch.bodies:
        try:
            events.append(_open_event(body, batch, key))
            size += len(events[-1].fields)
        except InvalidEvent as error:
            bad[_named(body, batch)] = str(error)
        if size > _MAX_FIELDS:
            raise Refusal(413, f"over {_MAX_FIELDS} bytes of fields; send fewer events at once")
    if bad:
        # Without a sequence of its own a bad event cannot be named: the agent searches for it.
        sequences = [] if 0 in bad else sorted(bad)
        raise Refusal(400, "; ".join(list(bad.values())[:3])[:500], sequences)
    new = NewBatch(
        agent=standing.agent,
        epoch=batch.epoch,
        opd=standing.opd,
        host=safe_host(batch.host),
        received=received,
        events=events,
        skipped=[NewSkip(one.first, one.last, one.cause, one.severity) for one in batch.skipped],
    )
    return Opened(batch, new, size)


_STATUS: dict[type[WireError], int] = {Malformed: 400, TooLarge: 413, UnsupportedVersion: 426}


def _check_header(batch: Batch, standing: Standing) -> None:
    if batch.agent != standing.agent:
        raise Refusal(403, "the batch names another agent than its certificate: re-enrol")
    if max(batch.epoch, batch.last) > _LARGEST:
        raise Refusal(400, "epoch or sequence is too large")
    for skip in batch.skipped:
        if not batch.first <= skip.first <= skip.last <= batch.last:
            raise Refusal(400, "a skipped range lies outside first..last")
        if not (0 < len(skip.cause) <= _MAX_TEXT and skip.cause.isprintable()):
            raise Refusal(400, "a skipped range has no proper cause")
        if skip.cause in {"held", "expired"} or not 0 <= skip.severity <= 4:
            raise Refusal(400, "a skipped range has an impossible cause or severity")


class _Numbered(msgspec.Struct):
    sequence: int = msgspec.field(name="event.sequence")


_numbered = msgspec.msgpack.Decoder(_Numbered)


def _named(body: msgspec.Raw, batch: Batch) -> int:
    """Return the sequence of a bad event, 0 when it says none."""
    try:
        sequence = _numbered.decode(body).sequence
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return 0
    return sequence if batch.first <= sequence <= batch.last else 0


def _open_event(body: msgspec.Raw, batch: Batch, key: bytes) -> NewEvent:
    record = _decode(body)
    envelope = open_envelope(record)
    if not batch.first <= envelope.sequence <= batch.last:
        raise InvalidEvent(f"event.sequence {envelope.sequence} lies outside first..last")
    kind = envelope.kind
    if kind not in KINDS and not (0 < len(kind) <= _MAX_TEXT and kind.isprintable()):
        raise InvalidEvent("ronda.kind is not a proper name")
    if kind in _OURS or envelope.module == COLLECTOR:
        raise InvalidEvent(f"{kind} of {envelope.module}: only the collector makes such events")
    if not 0 <= envelope.observed <= _LARGEST:
        raise InvalidEvent("@timestamp is out of range")
    open_record(record)
    record = DEFAULTS.get(kind, _NONE) | record
    if not _RESERVED.isdisjoint(record):
        for name in _RESERVED & record.keys():
            del record[name]
    if _TALLIES in record:
        record[_TALLIES] = _protect(record[_TALLIES], key)
    return NewEvent(envelope.sequence, envelope.observed, kind, envelope.severity, _json(record))


def _decode(body: msgspec.Raw) -> dict[str, Any]:
    size = memoryview(body).nbytes
    if size > MAX_EVENT:
        raise InvalidEvent(f"the event has {size} bytes, at most {MAX_EVENT}")
    try:
        record = decode_event(body)
    except Malformed as error:
        raise InvalidEvent(str(error)) from error
    # The decoder makes no subclasses; nearly all events are flat.
    nested = [value for value in record.values() if value.__class__ in _NESTED]
    if nested and _deeper(nested, _MAX_DEPTH + 1):
        raise InvalidEvent(f"fields lie more than {_MAX_DEPTH} deep in each other")
    return record


def _deeper(value: Any, levels: int) -> bool:
    if value.__class__ not in _NESTED:
        return False
    inner = value.values() if isinstance(value, dict) else value
    return not levels or any(_deeper(item, levels - 1) for item in inner)


def _json(record: Mapping[str, Any]) -> str:
    try:
        return msgspec.json.encode(record).decode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidEvent(f"a field has no JSON form: {error}") from error


def _protect(tallies: Any, key: bytes) -> Any:
    """Return tallies with each token replaced by its HMAC under the collector's key.

    A stolen agent knows the fleet key, a stolen database does not: neither is enough to guess
    values from tokens.
    """
    if not isinstance(tallies, list):
        return tallies
    return [
        {**tally, "tokens": [_hmac(token, key) for token in tally["tokens"]]}
        if isinstance(tally, dict) and isinstance(tally.get("tokens"), list)
        else tally
        for tally in tallies
    ]


def _hmac(token: object, key: bytes) -> str:
    return hmac.digest(key, str(token).encode(errors="replace"), hashlib.sha256)[:16].hex()


def own_event(record: Record, sequence: int, now: int) -> NewEvent:
    """Return an event that the collector makes itself."""
    kind = tag_of(type(record))
    fields = DEFAULTS[kind] | msgspec.to_builtins(record)
    fields |= {
        "event.sequence": sequence,
        "event.severity": int(record.default_severity),
        "@timestamp": now,
        "event.created": now,
        "event.module": COLLECTOR,
    }
    return NewEvent(sequence, now, kind, int(record.default_severity), _json(fields))
