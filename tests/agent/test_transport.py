"""The transport must not lose an event, send to a stranger, spin, or stand still for ever."""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.clock import SystemClock
from agent.enrolment import enroll
from agent.identity import Identity, IdentityRecord
from agent.spool import Spool
from agent.transport.courier import Courier
from agent.transport.letters import Vitals
from collectors.kinds import ClockSkew, EventQuarantined, Severity, SpoolRecreated, tag_of
from collectors.wire import Batch
from tests.agent.collector import Authority, Collector, Reply
from tests.agent.spool_helpers import flush, open_spool, sighting
from tests.patience import until


class Bench:
    """One collector, one spool, one courier."""

    def __init__(self, directory: Path, **collector: Any) -> None:
        """Enrol."""
        directory.mkdir(exist_ok=True)
        self.directory = directory
        self.collector = Collector(directory / "collector", **collector)
        self.identity = enroll(directory, self.collector.string)
        self.spool: Spool = open_spool(directory, agent=self.identity.record.agent)
        self.problems: dict[str, str] = {}
        self.told: list[tuple[str, str | None]] = []
        self.courier = self.make(self.identity)

    def make(self, identity: Identity, **more: Any) -> Courier:
        """Return a courier that is not started."""
        return Courier(
            self.spool, identity, clock=SystemClock(), on_problem=self._on_problem, **more
        )

    def _on_problem(self, source: str, text: str | None) -> None:
        self.told.append((source, text))
        if text is None:
            self.problems.pop(source, None)
        else:
            self.problems[source] = text

    def close(self) -> None:
        """Stop everything."""
        self.courier.stop()
        self.spool.close()
        self.collector.close()

    def problem(self, source: str) -> str:
        """Wait for a problem."""
        until(lambda: source in self.problems)
        return self.problems[source]

    def delivered(self) -> list[dict[str, Any]]:
        """Wait until everything is acknowledged; the events in order."""
        until(lambda: self.spool.acknowledged == self.spool.last)
        epoch = self.spool.epoch
        events = self.collector.events
        return [events[key] for key in sorted(events) if key[0] == epoch]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Ready, not started."""
    with contextlib.closing(Bench(tmp_path)) as made:
        yield made


def _of(events: list[dict[str, Any]], kind: Any) -> list[dict[str, Any]]:
    return [event for event in events if event["ronda.kind"] == tag_of(kind)]


def _refuse(bad: set[str], *, name: bool) -> Callable[[Batch], Reply | None]:
    def rule(batch: Batch) -> Reply | None:
        found = [e["event.sequence"] for e in batch.events if e.get("file.path") in bad]
        if not found:
            return None
        return 400, {"reason": "file.path: bad", "sequences": found if name else []}, {}

    return rule


def test_delivers_in_order_and_empties_the_spool(bench: Bench) -> None:
    """Everything once."""
    bench.spool.handover("files", 1, [sighting(str(n)) for n in range(1300)])
    bench.courier.start()
    events = bench.delivered()
    assert [event["file.path"] for event in events] == [f"/{n}" for n in range(1300)]
    assert max(bench.collector.sizes) <= 500
    assert bench.told == []
    bench.spool.append([sighting("late")])
    until(lambda: bench.collector.acknowledged(bench.spool.epoch) == 1301)
    until(lambda: bench.courier.status.sent == 1301)


def test_the_heartbeat_comes_first_and_carries_vitals(bench: Bench) -> None:
    """It decides about an older copy of the spool before anything is sent."""
    bench.spool.handover("files", 1, [sighting()])
    vitals = Vitals(healthy=False, problems=("x",), coverage={"files": {"watched": 3}})
    bench.courier = bench.make(bench.identity, vitals=lambda: vitals)
    order: list[int] = []
    bench.collector.rules.append(lambda _: order.append(len(bench.collector.heartbeats)))
    bench.courier.start()
    bench.delivered()
    assert order == [1]
    beat = bench.collector.heartbeats[0]
    assert (beat.healthy, beat.problems, beat.coverage) == (False, ["x"], {"files": {"watched": 3}})
    assert (beat.pending, beat.last) == (1, 1)


@pytest.mark.parametrize("name", [True, False], ids=["named", "bisected"])
def test_bad_events_are_quarantined_and_the_rest_arrives(bench: Bench, name: bool) -> None:
    """Whether or not the collector names the culprit."""
    bench.collector.rules.append(_refuse({"/7", "/8", "/311"}, name=name))
    bench.spool.handover("files", 1, [sighting(str(n)) for n in range(600)])
    bench.courier.start()
    events = bench.delivered()
    assert len(events) == 600
    told = _of(events, EventQuarantined)
    assert [event["ronda.spool.sequence"] for event in told] == [8, 9, 312]
    assert bench.spool.status().quarantined == 3


def test_a_long_run_of_bad_events_does_not_stop_the_queue(bench: Bench) -> None:
    """The newest event is tried, to tell bad events from a bad collector."""
    bench.collector.rules.append(_refuse({f"/{n}" for n in range(9)}, name=False))
    bench.spool.handover("files", 1, [sighting(str(n)) for n in range(12)])
    bench.courier.start()
    bench.delivered()
    assert bench.spool.status().quarantined == 9


def test_a_collector_that_refuses_all_does_not_empty_the_spool(bench: Bench) -> None:
    """A systematic refusal must not quarantine the whole spool."""
    bench.collector.rules.append(lambda _: (400, {"reason": "I like nothing"}, {}))
    bench.spool.handover("files", 1, [sighting(str(n)) for n in range(100)])
    bench.courier.start()
    assert "refuses all events: I like nothing" in bench.problem("delivery")
    assert bench.spool.status().quarantined <= 3


def test_too_large_is_halved_and_a_single_giant_quarantined(bench: Bench) -> None:
    """HTTP 413."""

    def rule(batch: Batch) -> Reply | None:
        size = sum(len(str(event)) for event in batch.events)
        return (413, {"reason": "too large"}, {}) if size > 20_000 else None

    bench.collector.rules.append(rule)
    bench.spool.handover("files", 1, [sighting(str(n)) for n in range(200)])
    bench.spool.handover("files", 2, [sighting("giant", pad=30_000)])
    bench.courier.start()
    events = bench.delivered()
    assert len(_of(events, EventQuarantined)) == 1
    assert len(events) == 201


def test_retry_after_is_honoured(bench: Bench) -> None:
    """A busy collector gets its pause; the problem goes when it is over."""
    replies: list[Reply | None] = [
        (503, {"reason": "shedding load"}, {"retry-after": "1"}),
        None,
    ]
    times: list[float] = []

    def rule(_: Batch) -> Reply | None:
        times.append(SystemClock().monotonic())
        return replies[min(len(times), 2) - 1]

    bench.collector.rules.append(rule)
    bench.spool.handover("files", 1, [sighting()])
    bench.courier.start()
    bench.delivered()
    assert times[1] - times[0] >= 1.0
    until(lambda: bench.told[-1] == ("delivery", None))
    assert bench.told[0] == ("delivery", "the collector is busy: shedding load")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "re-enrol"),
        (403, "re-enrol"),
        (426, "versions do not fit (update first): update the collector first"),
    ],
)
def test_refusals_that_need_a_person(bench: Bench, status: int, words: str) -> None:
    """One line, told once; events stay."""
    bench.collector.reply_to_heartbeat = (status, {"reason": "update first"}, {})
    bench.spool.handover("files", 1, [sighting()])
    bench.courier.start()
    assert words in bench.problem("uplink")
    assert bench.collector.sizes == []
    assert bench.spool.status().events == 1


def test_no_acknowledgement_no_deletion_no_spinning(bench: Bench) -> None:
    """A collector above its disk watermark takes but does not acknowledge."""

    def rule(batch: Batch) -> Reply:
        return 200, {"epoch": batch.epoch, "acknowledged": 0, "now": 0}, {}

    bench.collector.rules.append(rule)
    bench.spool.handover("files", 1, [sighting()])
    bench.courier.start()
    assert "does not acknowledge" in bench.problem("delivery")
    count = len(bench.collector.sizes)
    assert bench.spool.status().events >= 1
    assert count < 20
    bench.collector.rules.clear()
    bench.delivered()


def test_urgent_events_overtake_a_backlog(bench: Bench) -> None:
    """A critical event behind 3000 others is second to arrive, and arrives once."""
    bench.spool.handover("files", 1, [sighting(str(n)) for n in range(3000)])
    bench.spool.handover("files", 2, [sighting("critical", Severity.CRITICAL)])
    bench.courier.start()
    events = bench.delivered()
    assert bench.collector.order[0] == 3001
    assert len(events) == 3001


def test_the_collector_may_be_away(bench: Bench) -> None:
    """Down at first, then there: one line for each change."""
    collector, address = bench.collector, bench.collector.agent_url
    collector.close()
    bench.spool.handover("files", 1, [sighting(str(n)) for n in range(10)])
    bench.courier.start()
    assert "is ronda-server running there?" in bench.problem("uplink")
    port = int(address.rsplit(":", 1)[1])
    with contextlib.closing(_moved(bench, port)):
        bench.delivered()
        until(lambda: "uplink" not in bench.problems)
    assert [source for source, _ in bench.told] == ["uplink", "uplink"]


def _moved(bench: Bench, port: int) -> Collector:
    """Return a second collector of the same authority, reachable at the first one's port."""
    fresh = Collector(bench.directory / "again", authority=bench.collector.authority)
    inner = int(fresh.agent_url.rsplit(":", 1)[1])
    relay = socket.create_server(("127.0.0.1", port))
    threading.Thread(target=_relay, args=(relay, inner), daemon=True).start()
    close = fresh.close
    fresh.close = lambda: (relay.shutdown(socket.SHUT_RDWR), relay.close(), close())  # type: ignore[method-assign, assignment, func-returns-value]
    bench.collector.events = fresh.events
    return fresh


def _relay(listener: socket.socket, port: int) -> None:
    with contextlib.suppress(OSError):
        while True:
            inside, _ = listener.accept()
            outside = socket.create_connection(("127.0.0.1", port))
            for pair in ((inside, outside), (outside, inside)):
                threading.Thread(target=_copy, args=pair, daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for side in (source, target):
        with contextlib.suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)
        if side is source:
            side.close()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"server_life": -dt.timedelta(days=1)}, "has expired"),
        ({"name": "other.example"}, "does not name 127.0.0.1"),
        ({"authority": Authority()}, "another authority"),
    ],
    ids=["expired", "name", "authority"],
)
def test_a_wrong_server_certificate_gets_nothing(
    tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    """Neither heartbeat nor event."""
    with contextlib.closing(Bench(tmp_path / "a")) as bench:
        authority = options.setdefault("authority", bench.collector.authority)
        stranger = Collector(tmp_path / "stranger", **options)
        with contextlib.closing(stranger):
            assert (authority is bench.collector.authority) == ("another" not in words)
            bench.spool.handover("files", 1, [sighting()])
            bench.courier = bench.make(_pointing(bench.identity, stranger.agent_url))
            bench.courier.start()
            assert words in bench.problem("uplink")
            assert stranger.heartbeats == []
            assert stranger.sizes == []
            assert [source for source, _ in bench.told] == ["uplink"]


def _pointing(identity: Identity, url: str) -> Identity:
    old = identity.record
    record = IdentityRecord(
        agent=old.agent,
        opd=old.opd,
        agent_url=url,
        enroll_url=old.enroll_url,
        not_before=old.not_before,
        not_after=old.not_after,
        fleet_epoch=old.fleet_epoch,
    )
    return Identity(identity.directory, record, identity.fleet_key, identity.path_key)


def test_an_expired_own_certificate_says_re_enrol(tmp_path: Path) -> None:
    """TLS 1.3 tells only after the handshake, by an alert."""
    with contextlib.closing(Bench(tmp_path, client_life=-dt.timedelta(seconds=60))) as bench:
        bench.courier.start()
        assert "certificate has expired: re-enrol" in bench.problem("uplink")


def test_a_plain_http_port_is_explained(bench: Bench) -> None:
    """Somebody typed the wrong port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    with client:
                        client.recv(4096)
                        client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        bench.courier = bench.make(_pointing(bench.identity, url))
        bench.courier.start()
        assert "does not speak TLS" in bench.problem("uplink")
        listener.shutdown(socket.SHUT_RDWR)


def test_clock_skew_is_an_event_once_per_change(bench: Bench) -> None:
    """The host is two hours behind; then it is put right."""
    bench.collector.clock_ahead = 7200.0
    bench.courier.start()
    bench.spool.handover("files", 1, [sighting()])
    until(lambda: len(_of(bench.delivered(), ClockSkew)) == 1)
    for number in range(3):
        bench.spool.handover("files", number, [sighting()])
        bench.delivered()
    (skew,) = _of(bench.delivered(), ClockSkew)
    assert -7205 < skew["ronda.clock.skew"] < -7195
    bench.collector.clock_ahead = 0.0
    bench.spool.handover("files", 9, [sighting()])
    until(lambda: len(_of(bench.delivered(), ClockSkew)) == 2)


def test_an_older_spool_copy_is_noticed_before_it_sends(bench: Bench) -> None:
    """Nothing new hides behind numbers that the collector holds."""
    bench.spool.handover("files", 1, [sighting("old")])
    bench.spool.close()
    shutil.copy(bench.directory / "spool.db", bench.directory / "copy")
    bench.spool = open_spool(bench.directory, agent=bench.identity.record.agent)
    bench.courier = bench.make(bench.identity)
    bench.courier.start()
    bench.spool.handover("files", 2, [sighting(f"sent{n}") for n in range(5)])
    bench.delivered()
    flush(bench.spool)
    old = bench.spool.epoch
    bench.courier.stop()
    bench.spool.close()
    for suffix in ("-wal", "-shm"):
        (bench.directory / f"spool.db{suffix}").unlink(missing_ok=True)
    shutil.copy(bench.directory / "copy", bench.directory / "spool.db")
    bench.spool = open_spool(bench.directory, agent=bench.identity.record.agent)
    bench.spool.handover("files", 3, [sighting(f"new{n}") for n in range(20)])
    bench.courier = bench.make(bench.identity)
    bench.courier.start()
    until(lambda: bench.spool.epoch > old)
    events = bench.delivered()
    paths = {event.get("file.path") for event in events}
    assert {f"/new{n}" for n in range(20)} <= paths
    assert len(_of(events, SpoolRecreated)) == 1
