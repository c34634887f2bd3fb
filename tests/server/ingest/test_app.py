"""Batches over real TLS: what must not be stored, and what must, once."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
from pathlib import Path
from typing import Any

import pytest
import zstandard

from collectors import wire
from collectors.event import seal
from collectors.kinds import Scrubbed, SensitiveData, Tally
from collectors.sighting import Sighting
from server.ingest.app import MAX_AT_ONCE
from server.ingest.writer import MAX_PIECES
from server.ledger import Ledger
from server.store.events import EventStore
from server.store.query import parse_query
from tests.patience import until
from tests.server.ingest.rig import Agent, Collector, make_event, new_agent


def stored(store: EventStore, agent: Agent) -> list[int]:
    found = store.search(parse_query(f"agent={agent.id}"), newest_first=False)
    return sorted(event.sequence for event in found)


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 400, "cut short"),
        (b"nonsense", 400, "not zstd"),
        (zstd(b"nonsense"), 400, "not a batch"),
        (zstd(b""), 400, "not a batch"),
        (b"x" * ((4 << 20) + 1), 413, "send fewer"),
        (zstd(b"\x00" * (64 << 20)), 413, "after decompression"),
    ],
)
def test_refuses_what_is_no_batch(
    agent: Agent, store: EventStore, body: bytes, status: int, reason: str
) -> None:
    answer = agent.post("/v1/batch", body)
    assert (answer.status, stored(store, agent)) == (status, [])
    assert reason in answer.json["reason"]


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_refuses_a_truncated_batch(agent: Agent, store: EventStore, cut: int) -> None:
    assert agent.post("/v1/batch", agent.batch([1, 2])[:-cut]).status == 400
    assert stored(store, agent) == []


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"version": 99}, 426, "update the collector first"),
        ({"version": 0}, 426, "update the agent"),
        ({"agent": "someone-else"}, 403, "another agent"),
        ({"epoch": 0}, 400, "positive"),
        ({"first": 0}, 400, "positive"),
        ({"epoch": 2**63}, 400, "too large"),
        ({"last": 2**63}, 400, "too large"),
        ({"first": 2}, 400, "outside first..last"),
    ],
)
def test_refuses_a_header(
    agent: Agent, store: EventStore, changes: dict[str, Any], status: int, reason: str
) -> None:
    answer = agent.post("/v1/batch", agent.batch([1, 2, 3], header=changes))
    assert answer.status == status
    assert reason in answer.json["reason"]
    assert stored(store, agent) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"event.severity": 9},
        {"file.size": "big"},
        {"@timestamp": 2**63},
        {"@timestamp": "now"},
        {"ronda.kind": ""},
        {"ronda.kind": "x" * 100},
    ],
)
def test_names_the_bad_event_and_stores_nothing(
    agent: Agent, store: EventStore, changes: dict[str, Any]
) -> None:
    bodies = [wire.encode_event(make_event(number)) for number in (1, 2, 3)]
    bodies[1] = wire.encode_event(make_event(2) | changes)
    answer = agent.post("/v1/batch", wire.encode_batch(agent.header(1, 3), bodies))
    assert (answer.status, answer.json["sequences"]) == (400, [2])
    assert stored(store, agent) == []
    # As the agent does next: without the bad one.
    skip = wire.Skipped(first=2, last=2, cause="quarantined")
    answer = agent.post("/v1/batch", agent.batch([1, 3], skipped=[skip]))
    assert (answer.status, answer.json["acknowledged"]) == (200, 3)


def test_an_event_without_a_sequence_cannot_be_named(agent: Agent) -> None:
    event = make_event(1)
    del event["event.sequence"]
    body = wire.encode_batch(agent.header(1, 1), [wire.encode_event(event)])
    answer = agent.post("/v1/batch", body)
    assert (answer.status, answer.json["sequences"]) == (400, [])


@pytest.mark.parametrize(
    "skip",
    [
        wire.Skipped(first=1, last=9, cause="spool_full"),
        wire.Skipped(first=3, last=2, cause="spool_full"),
        wire.Skipped(first=2, last=2, cause="held"),
        wire.Skipped(first=2, last=2, cause=""),
        wire.Skipped(first=2, last=2, cause="spool_full", severity=7),
    ],
)
def test_refuses_impossible_skips(agent: Agent, skip: wire.Skipped) -> None:
    assert agent.post("/v1/batch", agent.batch([1, 3], skipped=[skip])).status == 400


def test_two_agents_do_not_mix(collector: Collector, agent: Agent, tmp_path: Path) -> None:
    other = new_agent(collector, tmp_path, "bkd")
    answer = agent.post("/v1/batch", other.batch([1]))
    assert answer.status == 403
    assert other.beat().json["acknowledged"] == 0


def test_only_the_paths_there_are(agent: Agent) -> None:
    assert agent.post("/v1/enroll", b"{}").status == 404
    assert agent.post("/", b"").status == 404


def test_stores_once_and_acknowledges(agent: Agent, store: EventStore) -> None:
    assert agent.send(1, 2, 3).json["acknowledged"] == 3
    assert agent.send(2, 3, 4).json["acknowledged"] == 4
    assert agent.send(9).json["acknowledged"] == 4  # urgent, ahead of its turn
    assert agent.send(1, 2, 3, 4).json["acknowledged"] == 4
    assert agent.send(5, 6, 7, 8, 9, 10).json["acknowledged"] == 10
    assert stored(store, agent) == list(range(1, 11))
    assert agent.beat().json["acknowledged"] == 10


def test_a_new_epoch_begins_at_one(agent: Agent, store: EventStore) -> None:
    agent.send(1, 2)
    agent.epoch += 1
    assert agent.beat().json["acknowledged"] == 0
    assert agent.send(1).json["acknowledged"] == 1
    assert stored(store, agent) == [1, 1, 2]


def test_skipped_is_acknowledged_and_explained(agent: Agent, store: EventStore) -> None:
    skip = wire.Skipped(first=2, last=5, cause="spool_full", severity=1)
    answer = agent.post("/v1/batch", agent.batch([1, 6], skipped=[skip]))
    assert answer.json["acknowledged"] == 6
    (report,) = [one for one in Ledger.load(store.ranges()).report() if one.agent == agent.id]
    assert [(gap.first, gap.last, gap.cause) for gap in report.gaps] == [(2, 5, "spool_full")]


def test_keeps_what_it_does_not_know(agent: Agent, store: EventStore) -> None:
    newer = {"ronda.kind": "file.sparkle", "file.glitter": [1, {"deep": None}], "@new": b"\x01"}
    assert agent.post("/v1/batch", agent.batch([1], event=newer)).status == 200
    assert agent.post("/v1/batch", agent.batch([2], event={"file.colour": "blue"})).status == 200
    one, two = store.search(parse_query(f"agent={agent.id}"), newest_first=False)
    assert (one.kind, one.fields["file.glitter"]) == ("file.sparkle", [1, {"deep": None}])
    assert two.fields["file.colour"] == "blue"


def test_what_an_agent_leaves_out_as_default_is_found(agent: Agent, store: EventStore) -> None:
    assert "file.type" not in make_event(1)
    agent.send(1)
    (event,) = store.search(parse_query(f"agent={agent.id} file.type=file"))
    assert event.fields["ronda.file.found_by"] == "watch"
    assert "file.size" not in event.fields


def test_identity_comes_from_the_certificate(agent: Agent, store: EventStore) -> None:
    forged = {"agent.id": "x", "organization.name": "kominfo", "host.name": "dc1"}
    agent.post("/v1/batch", agent.batch([1], event=forged, header={"host": "web\x1b[31m1"}))
    (event,) = store.search(parse_query(f"agent={agent.id}"))
    assert (event.opd, event.fields["organization.name"]) == ("dinkes", "dinkes")
    assert (event.host, event.fields["agent.id"]) == ("web__31m1", agent.id)


def test_tokens_are_keyed_again(collector: Collector, agent: Agent, store: EventStore) -> None:
    token = "ab" * 16
    tally = Tally(type="nik", count=1, distinct=1, tokens=(token,))
    path = Scrubbed("/srv/dump.sql")
    record = SensitiveData(path=path, tallies=(tally,), types=("nik",), count=1, score=90)
    event = seal(Sighting(record=record, observed=1, module="exposure"), sequence=1, created=2)
    body = wire.encode_batch(agent.header(1, 1), [wire.encode_event(event)])
    assert agent.post("/v1/batch", body).status == 200
    (found,) = store.search(parse_query(f"agent={agent.id}"))
    key = (collector.config.state_dir / "collector.key").read_bytes()
    expected = hmac.digest(key, token.encode(), hashlib.sha256)[:16].hex()
    assert found.fields["ronda.data.tallies"][0]["tokens"] == [expected]


def test_refusals_are_reported(agent: Agent, store: EventStore) -> None:
    from tests.patience import until

    agent.post("/v1/batch", b"nonsense")
    query = parse_query(f"kind=ingest.rejected ronda.subject.agent={agent.id}")
    (event,) = until(lambda: store.search(query), "ingest.rejected")
    assert event.opd == "dinkes"
    assert "zstd" in event.fields["event.reason"]


def test_what_only_the_collector_tells_is_refused_and_the_rest_kept(
    agent: Agent, store: EventStore
) -> None:

    made_up = make_event(2) | {"ronda.kind": "network.sweep", "source.ip": "10.0.0.1"}
    bodies = [wire.encode_event(one) for one in (make_event(1), made_up, make_event(3))]
    answer = agent.post("/v1/batch", wire.encode_batch(agent.header(1, 3), bodies))
    assert (answer.status, answer.json["sequences"]) == (400, [2])
    # What our own agent does then: the refused event waits in quarantine, the others go on.
    skipped = [wire.Skipped(first=2, last=2, cause="quarantined", severity=2)]
    answer = agent.post("/v1/batch", agent.batch([1, 3], skipped=skipped))
    assert answer.json["acknowledged"] == 3
    found = store.search(parse_query(f"agent={agent.id}"))
    assert {event.kind for event in found} == {"file.change"}
    query = parse_query(f"kind=ingest.rejected ronda.subject.agent={agent.id}")
    (event,) = until(lambda: store.search(query), "ingest.rejected")
    assert "only the collector" in event.fields["event.reason"]


def test_an_agent_that_leaves_gaps_everywhere_must_close_them_first(
    collector: Collector, agent: Agent, store: EventStore, tmp_path: Path
) -> None:
    last = 0
    for start in range(1, 2 * (MAX_PIECES + 1000), 1000):
        last = start + 998
        answer = agent.post("/v1/batch", agent.batch(range(start + 1, start + 1000, 2)))
        if answer.status != 200:
            break
    assert answer.status == 503
    assert "oldest first" in answer.json["reason"]
    assert new_agent(collector, tmp_path).send(1).status == 200
    # In order it goes on as always, and the gaps close.
    answer = agent.post("/v1/batch", agent.batch(range(1, 401)))
    assert answer.json["acknowledged"] == 400
    answer = agent.post("/v1/batch", agent.batch(range(401, 801)))
    assert answer.json["acknowledged"] == 800
    assert last > 2 * MAX_PIECES


def test_one_agent_does_not_take_all_decoders(agent: Agent, collector: Collector) -> None:
    port = collector.config.agent_listen.port
    held = []
    with contextlib.ExitStack() as stack:
        for _ in range(MAX_AT_ONCE):
            connection = http.client.HTTPSConnection("127.0.0.1", port, context=agent.context)
            stack.callback(connection.close)
            connection.putrequest("POST", "/v1/batch")
            connection.putheader("content-length", "100")
            connection.endheaders(b"x")  # and never the rest
            held.append(connection)
        refused = until(lambda: (found := agent.send(1)).status == 503 and found, "a refusal")
        assert "at once" in refused.json["reason"]
        assert agent.beat().status == 200
    until(lambda: agent.send(1).status == 200, "the places are free again")
