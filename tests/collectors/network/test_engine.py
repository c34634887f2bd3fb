"""What must not happen: a packet is counted twice or not at all, a conversation has two names."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.network import block as links
from collectors.network import flow_records, headers_struct
from collectors.network.block import Block
from collectors.network.engine import Engine
from collectors.network.limits import SECOND, Limits
from collectors.network.model import (
    ACK,
    FIN,
    RST,
    SYN,
    Arp,
    Conn,
    Direction,
    Flow,
    Icmp,
    Seen,
    State,
)
from tests.collectors.network.packets import (
    blocks,
    ether,
    ip4,
    ip6,
    make_block,
    on_link,
    tcp,
    udp,
)
from tests.collectors.network.sinks import Kept

A, B, C = b"\x0a\0\0\1", b"\x0a\0\0\2", b"\x0a\0\0\3"


def run(
    *given_blocks: Block, limits: Limits | None = None, local: Sequence[bytes] = ()
) -> tuple[list[Seen], Kept, Engine]:
    """Return all that the engine tells of some blocks, and the engine."""
    kept = Kept()
    engine = Engine(kept, limits=limits, local=frozenset(local))
    seen: list[Seen] = []
    for block in given_blocks:
        engine.feed(block)
        seen += engine.drain()
    engine.finish()
    return seen + engine.drain(), kept, engine


def flows(seen: Sequence[Seen]) -> list[Flow]:
    """Return the flows among records."""
    return [each for each in seen if isinstance(each, Flow)]


def there(flags: int, data: bytes = b"", port: int = 40000, server: int = 80) -> bytes:
    """Return a packet from A to B."""
    return ether(0x0800, ip4(6, tcp(port, server, flags, data), source=A, destination=B))


def back(flags: int, data: bytes = b"", port: int = 40000, server: int = 80) -> bytes:
    """Return its answer."""
    return ether(0x0800, ip4(6, tcp(server, port, flags, data), source=B, destination=A))


@pytest.mark.parametrize(
    ("packets", "state"),
    [
        ([there(SYN)], State.S0),
        ([there(SYN), there(SYN), there(RST)], State.S0),
        ([there(SYN), back(RST | ACK)], State.REJ),
        ([there(SYN), there(FIN)], State.SH),
        ([there(SYN), back(SYN | ACK), there(ACK)], State.S1),
        ([there(SYN), back(SYN | ACK), there(FIN | ACK), back(FIN | ACK), there(RST)], State.SF),
        ([there(SYN), back(SYN | ACK), there(RST)], State.RSTO),
        ([there(SYN), back(SYN | ACK), back(RST), there(RST)], State.RSTR),
        ([there(SYN), back(SYN | ACK), there(RST), back(RST)], State.RSTO),
        ([there(ACK), back(ACK)], State.OTH),
        ([there(FIN)], State.OTH),
        ([there(0)], State.OTH),
        ([back(ACK), there(ACK)], State.OTH),
        ([back(SYN | ACK), there(ACK)], State.S1),
    ],
)
def test_how_a_connection_went(packets: list[bytes], state: State) -> None:
    seen, _, _ = run(make_block(packets))
    (flow,) = flows(seen)
    assert (flow.state, flow.conn.client, flow.conn.server_port) == (state, A, 80)
    assert flow.client_packets + flow.server_packets == len(packets)
    # The same, one packet at a time.
    single, _, _ = run(*(make_block([each]) for each in packets))
    assert flows(single)[0].state == state


@pytest.mark.parametrize(
    ("source", "destination", "client_port"),
    [(40000, 53, 40000), (53, 40000, 40000), (5000, 6000, 6000), (50001, 50000, 50001)],
)
def test_who_is_the_client_of_datagrams(source: int, destination: int, client_port: int) -> None:
    packet = ether(0x0800, ip4(17, udp(source, destination, b"x")))
    (flow,) = flows(run(make_block([packet]))[0])
    assert flow.conn.client_port == client_port


def test_bytes_packets_times_and_flags_of_both_directions() -> None:
    packets = [there(SYN), back(SYN | ACK), there(ACK, b"x" * 10), back(ACK, b"y" * 100)]
    block = make_block(packets, time=np.array([5, 6, 7, 9], np.int64))
    (flow,) = flows(run(block)[0])
    assert (flow.begin, flow.last) == (5, 9)
    assert (flow.client_packets, flow.client_bytes) == (2, 90)
    assert (flow.server_packets, flow.server_bytes) == (2, 180)
    assert (flow.client_flags, flow.server_flags) == (SYN | ACK, SYN | ACK)


def test_direction_is_that_of_who_opened_it() -> None:
    block = make_block([there(SYN)])
    expected = {(A,): "outbound", (B,): "inbound", (A, B): "internal", (C,): "external"}
    for local, direction in expected.items():
        (flow,) = flows(run(block, local=local)[0])
        assert flow.conn.direction is Direction(direction)


def test_heads_go_to_the_streams_and_bulk_does_not() -> None:
    packets = [there(SYN), back(SYN | ACK)] + [back(ACK, bytes([n]) * 1000) for n in range(50)]
    packets += [back(FIN | ACK, b"end"), there(ACK)]
    limits = Limits(head=5500)
    whole = run(make_block(packets), limits=limits)[1]
    single = run(*(make_block([each]) for each in packets), limits=limits)[1]
    for kept in (whole, single):
        assert [segment[4][:1] for segment in kept.segments] == [
            b"", b"", b"\0", b"\1", b"\2", b"\3", b"\4", b"\5", b"e",
        ]  # fmt: skip
        assert kept.ended == [kept.segments[0][0].key]
        assert [segment[1] for segment in kept.segments] == [True] + [False] * 8


def test_first_datagrams_and_all_of_dns() -> None:
    other = [ether(0x0800, ip4(17, udp(4000, 9999, bytes([n])))) for n in range(20)]
    dns = [ether(0x0800, ip4(17, udp(4000, 53, bytes([n])))) for n in range(20)]
    _, kept, _ = run(make_block(other), make_block(dns), make_block(other))
    ports = [conn.server_port for conn, *_ in kept.datagrams]
    assert (ports.count(9999), ports.count(53)) == (8, 20)


def test_silence_ends_a_conversation_and_ports_may_be_used_anew() -> None:
    def at(second: int, packet: bytes) -> Block:
        return make_block([packet], time=np.array([second * SECOND], np.int64))

    closed = [at(1, there(SYN)), at(2, back(RST | ACK)), at(3, there(SYN)), at(4, back(RST | ACK))]
    seen, kept, _ = run(*closed)
    assert [flow.state for flow in flows(seen)] == [State.REJ, State.REJ]
    assert len(kept.ended) == 2
    silent = [at(1, there(SYN)), at(12, there(SYN, port=40001)), at(13, there(SYN))]
    assert flows(run(*silent)[0])[0].begin == SECOND
    # In one block, too.
    udps = [ether(0x0800, ip4(17, udp(1, 9))) for _ in range(3)]
    times = np.array([0, 1000 * SECOND, 1001 * SECOND], np.int64)
    assert [f.client_packets for f in flows(run(make_block(udps, time=times))[0])] == [1, 2]


def test_what_goes_on_for_long_is_told_in_pieces() -> None:
    packets = [there(ACK, b"x") for _ in range(100)]
    times = np.arange(100, dtype=np.int64) * 10 * SECOND
    found = flows(run(make_block(packets, time=times))[0])
    assert [flow.ended for flow in found] == [False] * (len(found) - 1) + [True]
    assert len(found) in {3, 4}
    assert sum(flow.client_packets for flow in found) == 100
    assert len({flow.conn.key for flow in found}) == 1


def test_tick_ends_without_packets() -> None:
    engine = Engine(Kept())
    engine.feed(make_block([there(SYN)]))
    engine.tick(9 * SECOND)
    assert engine.drain() == []
    engine.tick(11 * SECOND)
    assert [flow.state for flow in flows(engine.drain())] == [State.S0]


@pytest.mark.parametrize("size", [1, 7, 64])
def test_a_full_table_forgets_the_oldest_and_counts_it(size: int) -> None:
    packets = [there(SYN, port=1024 + n) for n in range(500)] + [there(SYN, port=1024 + 499)]
    seen, kept, engine = run(make_block(packets), limits=Limits(flows=size))
    ports = [flow.conn.client_port for flow in flows(seen)]
    assert sorted(ports) == list(range(1024, 1524))
    assert engine.stats().evicted >= 500 - size
    assert len(kept.ended) == 500


def test_duplicates_of_another_place_are_dropped() -> None:
    packets = [there(SYN), there(SYN), back(SYN | ACK), back(SYN | ACK)]
    which = np.array([0, 1, 1, 0], np.int64)
    both = make_block(packets, interfaces=("eth0", "br0"), interface=which)
    seen, kept, engine = run(both)
    (flow,) = flows(seen)
    assert (flow.client_packets, flow.server_packets, flow.conn.interface) == (1, 1, "eth0")
    assert engine.stats().duplicates == 2
    assert len(kept.segments) == 2
    # Retransmissions on one place are packets.
    (flow,) = flows(run(make_block(packets))[0])
    assert (flow.client_packets, flow.server_packets) == (2, 2)
    # Block by block, and taken over after a second.
    eth = make_block([there(ACK)] * 3, interfaces=("eth0",))
    bridge = make_block([there(ACK)] * 2, interfaces=("br0",))
    later = make_block([there(ACK)], interfaces=("br0",), time=np.array([2 * SECOND], np.int64))
    (flow,) = flows(run(eth, bridge, later, bridge)[0])
    assert flow.client_packets == 6


def test_a_cooked_capture_shows_forwarded_packets_twice() -> None:
    sent = bytearray(on_link(113, ip4(17, udp(5, 6)), 0x0800))
    got = bytearray(sent)
    got[0:2] = b"\0\0"
    (flow,) = flows(run(make_block([bytes(got), bytes(sent)], link=113))[0])
    assert flow.client_packets == 1


def test_loopback_shows_each_packet_once() -> None:
    block = make_block([there(SYN)] * 2, loopback=True, outgoing=np.array([True, False]))
    seen, _, engine = run(block)
    assert flows(seen)[0].client_packets == 1
    assert engine.stats().echoes == 1


def test_pieces_have_the_ports_of_the_first() -> None:
    first = ether(0x0800, ip4(17, udp(9, 5000, b"x" * 16), fragment=0x2000, ident=7))
    second = ether(0x0800, ip4(17, b"y" * 8, fragment=3, ident=7))
    seen, kept, _ = run(make_block([first]), make_block([second]))
    (flow,) = flows(seen)
    assert (flow.client_packets + flow.server_packets, flow.fragments) == (2, 2)
    assert len(kept.datagrams) == 1


def test_icmp_and_who_has_an_address() -> None:
    ask = ether(0x0800, ip4(1, bytes([8, 0, 0, 0, 0, 1, 0, 1]) + b"abcdefgh", source=A))
    answer = ether(
        0x0800,
        ip4(1, bytes([0, 0, 0, 0, 0, 1, 0, 1]) + b"abcdefgh", source=B, destination=A),
    )
    who = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 2) + b"\2MACAA" + A + b"\2MACBB" + B
    six = bytes([136, 0, 0, 0, 0x60, 0, 0, 0]) + b"\xfe" * 16 + b"\2\1\2SIXMC"
    frames = [answer, ask, ether(0x0806, who), ether(0x86DD, ip6(58, six))]
    seen, _, _ = run(make_block(frames))
    told = [each for each in seen if isinstance(each, Icmp) and each.conn.proto == 1]
    assert [(each.type, each.from_client, each.payload) for each in told] == [
        (0, False, b"abcdefgh"),
        (8, True, b"abcdefgh"),
    ]
    assert len({each.conn for each in told}) == 1
    arps = [each for each in seen if isinstance(each, Arp)]
    assert [(each.operation, each.sender_mac, each.sender) for each in arps] == [
        (2, b"\2MACAA", A),
        (2, b"\2SIXMC", b"\xfe" * 16),
    ]


def test_packets_of_any_time_and_order_do_no_harm() -> None:
    rng = np.random.default_rng(1)
    packets = [there(SYN, port=1024 + n % 700) for n in range(3000)]
    times = rng.integers(0, (1 << 63) - 1, 3000)
    seen, _, _ = run(make_block(packets, time=times))
    assert sum(flow.client_packets for flow in flows(seen)) == 3000


Ends = frozenset[tuple[bytes, int]]


def expected_sums(given_blocks: Sequence[Block]) -> dict[tuple[int, Ends], list[int]]:
    """Count packets and bytes of conversations with ports the slow way."""
    sums: dict[tuple[int, Ends], list[int]] = {}
    for block in given_blocks:
        for row in headers_struct.parse(block).rows:
            if row.proto in {6, 17}:
                ends = frozenset(
                    {(row.source, row.source_port), (row.destination, row.destination_port)}
                )
                found = sums.setdefault((row.proto, ends), [0, 0])
                found[0] += 1
                found[1] += row.size
    return sums


@settings(max_examples=100)
@given(st.lists(blocks(), max_size=4))
def test_sums_are_those_of_the_slow_way(given_blocks: list[Block]) -> None:
    given_blocks = [
        make_block(packets_of(each), link=1)
        for each in given_blocks
        if each.link == links.ETHERNET and each.vlan is None
    ]
    seen, _, engine = run(*given_blocks)
    sums: dict[tuple[int, Ends], list[int]] = {}
    for flow in flows(seen):
        conn = flow.conn
        if conn.proto in {6, 17} and not flow.fragments:
            ends = frozenset({(conn.client, conn.client_port), (conn.server, conn.server_port)})
            found = sums.setdefault((conn.proto, ends), [0, 0])
            found[0] += flow.client_packets + flow.server_packets
            found[1] += flow.client_bytes + flow.server_bytes
    whole = expected_sums(given_blocks)
    if not engine.stats().duplicates and not any(flow.fragments for flow in flows(seen)):
        assert sums == whole
    assert engine.stats().collisions == 0


def packets_of(block: Block) -> list[bytes]:
    """Return the packets of *block*."""
    return [
        bytes(block.data[begin : begin + length])
        for begin, length in zip(block.offset.tolist(), block.captured.tolist(), strict=True)
    ]


def test_records_that_are_not_at_hand_are_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    packets = [
        packet
        for turn in range(3)
        for port in range(40_000, 40_060)
        for packet in (there(SYN if not turn else ACK, b"a" * turn, port), back(ACK, b"b", port))
    ]

    def told() -> tuple[list[Flow], list[Conn]]:
        kept = Kept()
        engine = Engine(kept, seed=1)
        for begin in range(0, len(packets), 7):
            engine.feed(make_block(packets[begin : begin + 7]))
        engine.finish()
        found = sorted(flows(engine.drain()), key=lambda flow: flow.conn.client_port)
        return found, [segment[0] for segment in kept.segments]

    plain = told()
    assert len(plain[0]) == 60
    assert set(map(repr, plain[1])) == {repr(flow.conn) for flow in plain[0]}
    monkeypatch.setattr(flow_records, "_MOST_CONNS", 8)
    monkeypatch.setattr(flow_records, "PART", 4)
    assert told() == plain
