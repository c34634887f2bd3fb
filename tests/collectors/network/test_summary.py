"""A minute of flows becomes few lines, and no byte of it is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collectors.kinds import NetworkFlow
from collectors.network import community
from collectors.network.model import ICMP, MINUTE, State
from collectors.network.summary import FlowSummary
from tests.collectors.network.flows import START, conn, flow


def told(summary: FlowSummary, now: int, *, last: bool = False) -> list[NetworkFlow]:
    records = [sighting.record for sighting in summary.flush(now, last=last)]
    assert all(isinstance(record, NetworkFlow) for record in records)
    return [record for record in records if isinstance(record, NetworkFlow)]


def test_nothing_is_told_while_the_minute_lasts() -> None:
    summary = FlowSummary()
    told(summary, START)
    summary.see(flow())
    assert told(summary, START + 1) == []
    assert len(told(summary, START + MINUTE)) == 1


def test_nothing_is_told_of_nothing() -> None:
    assert told(FlowSummary(), START, last=True) == []


def test_connections_of_one_peer_become_one_line() -> None:
    summary = FlowSummary()
    for port in range(100):
        summary.see(flow(conn(client_port=40_000 + port)))
    summary.see(flow(conn(client_port=1), state=State.REJ))
    (line,) = told(summary, START, last=True)
    assert (line.source, line.destination, line.port) == ("203.0.113.9", "10.0.0.7", 443)
    assert (line.count, line.peers, line.source_port) == (101, 1, None)
    assert (line.sent, line.answered) == (101 * 200, 101 * 1000)
    assert line.states == {"SF": 100, "REJ": 1}


def test_a_single_conversation_keeps_its_port() -> None:
    summary = FlowSummary()
    summary.see(flow())
    (line,) = told(summary, START, last=True)
    assert line.source_port == 50_000
    assert line.community == community.of(conn())
    summary.see(flow())
    summary.see(flow())
    (line,) = told(summary, START + MINUTE, last=True)
    assert (line.count, line.community) == (2, None)


def test_the_type_of_an_icmp_message_is_no_port() -> None:
    summary = FlowSummary()
    for code in (0, 4):
        summary.see(flow(conn(port=code, proto=ICMP, client_port=8)))
    (line,) = told(summary, START, last=True)
    assert (line.transport, line.source_port, line.port) == ("icmp", None, 0)


def test_programs_are_kept_apart_and_scrubbed() -> None:
    summary = FlowSummary()
    summary.see(flow(process="nginx"))
    summary.see(flow(process="ev\x1b[2Jil"))
    lines = told(summary, START, last=True)
    assert sorted(str(line.process) for line in lines) == ["ev\\x1b[2Jil", "nginx"]


def test_the_largest_get_lines_and_the_rest_is_added_up() -> None:
    summary = FlowSummary(lines=10)
    for number in range(250):
        summary.see(flow(conn(client=f"198.51.100.{number}"), size=number * 10))
    *lines, rest = told(summary, START, last=True)
    assert {line.source for line in lines} == {f"198.51.100.{n}" for n in range(240, 250)}
    assert (rest.source, rest.destination, rest.port) == (None, None, 0)
    assert (rest.peers, rest.count) == (240, 240)
    assert summary.merged == 240


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 10**9)), max_size=400))
def test_no_byte_is_lost(flows: list[tuple[int, int]]) -> None:
    summary = FlowSummary(lines=10)
    for peer, size in flows:
        summary.see(flow(conn(client=f"10.1.{peer >> 8}.{peer & 255}"), size=size))
    lines = told(summary, START, last=True)
    assert sum(line.answered for line in lines) == sum(size for _, size in flows)
    assert sum(line.count for line in lines) == len(flows)
    assert sum(line.peers for line in lines) == len({peer for peer, _ in flows})


def test_a_clock_that_is_set_back_does_not_make_it_silent() -> None:
    summary = FlowSummary()
    told(summary, START)
    early = START - 30 * 24 * 60 * MINUTE
    summary.see(flow(at=early))
    assert len(told(summary, early)) == 1
    summary.see(flow(at=early))
    assert told(summary, early + 1) == []


def test_lines_do_not_share_what_they_count() -> None:
    summary = FlowSummary(1)
    for number, states in enumerate(([State.SF], [State.SF] * 3, [State.SF, State.REJ])):
        for state in states:
            summary.see(flow(conn(client=f"203.0.113.{number}"), state=state))
    told(summary, START)
    summary.see(flow(conn(), state=State.SF))
    summary.see(flow(conn(), state=State.REJ))
    summary.see(flow(conn(client="203.0.113.50"), state=State.SF, size=1))
    summary.see(flow(conn(client="203.0.113.51"), state=State.SF, size=1))
    first, rest = told(summary, START + MINUTE)
    assert first.states == {"SF": 1, "REJ": 1}
    assert rest.states == {"SF": 2}
