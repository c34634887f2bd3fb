"""From bytes to what the store takes: whatever comes in, only refusals come out."""

from __future__ import annotations

import tracemalloc
from typing import Any

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from collectors import wire
from collectors.kinds import KINDS, AgentSilent, Scrubbed
from server.fleet.agents import Standing
from server.ingest.batch import Refusal, open_batch, own_event
from tests.server.ingest.rig import make_event

KEY = b"k" * 32
STANDING = Standing("a", "dinkes")


def body(*events: dict[str, Any], last: int = 9) -> bytes:
    header = wire.Header(
        version=1, agent="a", epoch=1, first=1, last=last, sent=1, host="web1", host_id="h",
        boot_id="b", agent_version="0.1.0",
    )  # fmt: skip
    return wire.encode_batch(header, [wire.encode_event(event) for event in events])


@given(st.binary())
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        open_batch(data, STANDING, KEY, 1)
    assert caught.value.status in {400, 413, 426}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text()
    | st.binary() | st.just(msgspec.msgpack.Ext(5, b"x")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
NAMES = st.sampled_from(
    ["ronda.kind", "@timestamp", "event.severity", "event.sequence", "event.module", "file.path",
     "event.action", "ronda.data.tallies", "agent.id", "newer"]
)  # fmt: skip


@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_any_event_is_taken_whole_or_refused_by_name(changes: dict[str, Any]) -> None:
    event = make_event(1) | changes
    refusal: Refusal | None
    try:
        opened = open_batch(body(event), STANDING, KEY, 1)
    except Refusal as caught:
        refusal = caught
    else:
        refusal = None
    if refusal is not None:
        assert refusal.status == 400
        assert len(refusal.sequences) <= 1
        return
    (new,) = opened.new.events
    fields = msgspec.json.decode(new.fields)
    assert "agent.id" not in fields
    assert fields["ronda.kind"] == new.kind
    assert (event.keys() - {"agent.id"}) <= fields.keys()


def test_each_bad_event_is_named() -> None:
    bad = {"event.severity": 9}
    data = body(make_event(1) | bad, make_event(2), make_event(3) | bad)
    with pytest.raises(Refusal) as caught:
        open_batch(data, STANDING, KEY, 1)
    assert (caught.value.status, caught.value.sequences) == (400, [1, 3])


OURS = sorted(tag for tag, kind in KINDS.items() if kind.collector_only)


@pytest.mark.parametrize("kind", OURS)
def test_what_only_the_collector_tells_is_refused_from_agents(kind: str) -> None:
    data = body(make_event(1), make_event(2) | {"ronda.kind": kind}, make_event(3))
    with pytest.raises(Refusal, match=f"{kind} of files: only the collector") as caught:
        open_batch(data, STANDING, KEY, 1)
    assert (caught.value.status, caught.value.sequences) == (400, [2])


def test_no_agent_speaks_as_the_collector() -> None:
    data = body(make_event(1) | {"event.module": "collector"}, make_event(2))
    with pytest.raises(Refusal, match="only the collector") as caught:
        open_batch(data, STANDING, KEY, 1)
    assert caught.value.sequences == [1]


@pytest.mark.parametrize("kind", ["file.change", "new.kind"])
def test_other_kinds_are_taken(kind: str) -> None:
    (new,) = open_batch(body(make_event(1) | {"ronda.kind": kind}), STANDING, KEY, 1).new.events
    assert new.kind == kind


@pytest.mark.parametrize("tallies", [7, [7], [{"tokens": 7}], [{"tokens": [7, "ab"]}], []])
def test_tallies_of_a_newer_kind(tallies: Any) -> None:
    event = make_event(1) | {"ronda.kind": "new.kind", "ronda.data.tallies": tallies}
    (new,) = open_batch(body(event), STANDING, KEY, 1).new.events
    found = msgspec.json.decode(new.fields)["ronda.data.tallies"]
    assert "ab" not in str(found)


def test_own_events_have_all_their_fields() -> None:
    event = own_event(AgentSilent(agent="a", host=Scrubbed("web1"), since=5), 7, 9)
    fields = msgspec.json.decode(event.fields)
    assert (event.kind, event.severity, event.observed) == ("agent.silent", 3, 9)
    assert (fields["event.action"], fields["event.sequence"]) == ("silent", 7)


def raw_body(*events: bytes, last: int = 9) -> bytes:
    header = wire.Header(
        version=1, agent="a", epoch=1, first=1, last=last, sent=1, host="web1", host_id="h",
        boot_id="b", agent_version="0.1.0",
    )  # fmt: skip
    return wire.encode_batch(header, events)


def with_field(value: bytes) -> bytes:
    """Return event 1 with a field of any msgpack bytes, however broken."""
    event = make_event(1)
    plain = wire.encode_event(event)
    head = 1 if plain[0] & 0xF0 == 0x80 else 3
    size = (len(event) + 1).to_bytes(2, "big")
    return b"\xde" + size + plain[head:] + b"\xa1x" + value


def test_a_small_request_does_not_become_gigabytes_of_objects() -> None:
    count = 3_000_000
    hostile = with_field(b"\xdd" + count.to_bytes(4, "big") + b"\x90" * count)  # empty lists
    data = raw_body(hostile)
    assert len(data) < 20_000
    tracemalloc.start()
    try:
        with pytest.raises(Refusal, match="at most") as caught:
            open_batch(data, STANDING, KEY, 1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert caught.value.sequences == [1]
    assert peak < 16 * count  # as objects they are 64 bytes each


def test_a_million_events_of_nothing_are_not_made() -> None:
    plain = zstandard.ZstdDecompressor().decompressobj().decompress(body())
    packed = msgspec.msgpack.encode(msgspec.msgpack.decode(plain) | {"events": [None] * 1_000_000})
    with pytest.raises(Refusal, match="too many") as caught:
        open_batch(zstandard.ZstdCompressor().compress(packed), STANDING, KEY, 1)
    assert caught.value.status == 413


@pytest.mark.parametrize(
    "value",
    [
        b"\x91" * 33 + b"\x01",  # whoever reads the JSON back would run out of stack
        b"\x91" * 900 + b"\x01",
        b"\x81\xa1y" * 33 + b"\x01",
        b"\x91" * 5000 + b"\x01",
        b"\xa3\xed\xa0\x80",  # a lone surrogate
        b"\xa1\xff",
        b"\x81\x91\x01\x01",  # a list as a key
        b"\xd4\x05\x00",
    ],
)
def test_one_poisonous_event_is_named_and_no_other(value: bytes) -> None:
    good = make_event(2)
    data = raw_body(with_field(value), wire.encode_event(good))
    with pytest.raises(Refusal) as caught:
        open_batch(data, STANDING, KEY, 1)
    assert caught.value.status == 400
    assert caught.value.sequences in ([1], [])
    assert not set(caught.value.sequences) - {1}


def test_lists_in_lists_are_kept_up_to_a_depth() -> None:
    opened = open_batch(raw_body(with_field(b"\x91" * 32 + b"\x01")), STANDING, KEY, 1)
    assert opened.new.events[0].fields.count("[") == 32
