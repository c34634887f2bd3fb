"""What must not happen: honest conversations look like loss, or anybody can make them look so."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

import numpy as np
import pytest

from collectors.network.acked import Acked
from collectors.network.block import Block
from collectors.network.engine import Engine
from collectors.network.limits import SECOND
from collectors.network.model import ACK, FIN, RST, SYN
from tests.collectors.network.packets import ether, ip4, make_block, tcp

OURS, PEER = b"\x0a\0\0\1", b"\x0a\0\0\2"
SIZE = 1000
WRAP = 1 << 32

Packet = tuple[int, bytes]
"""Time and frame."""


class Talk:
    """A conversation between a peer that sends and this host that acknowledges, or the reverse."""

    def __init__(self, *, ours: bool = False, port: int = 40000, seq: int = 5000) -> None:
        self._ends = (OURS, PEER) if ours else (PEER, OURS)
        self._port = port
        self.seq, self.other = seq, 777
        self.now = 1_764_000_000 * SECOND
        self.packets: list[Packet] = []

    def send(self, data: int = 0, flags: int = ACK, *, seq: int | None = None) -> None:
        """Have the one who sends say something; *seq*: out of turn."""
        at = self.seq if seq is None else seq
        body = tcp(self._port, 80, flags, b"x" * data, at % WRAP, self.other % WRAP)
        self._put(ip4(6, body, source=self._ends[0], destination=self._ends[1]))
        if seq is None:
            self.skip(data + bool(flags & SYN) + bool(flags & FIN))

    def skip(self, size: int = SIZE) -> None:
        """Have it send something that is not seen."""
        self.seq += size

    def answer(self, flags: int = ACK, *, ack: int | None = None) -> None:
        """Have the other one acknowledge."""
        number = self.seq if ack is None else ack
        body = tcp(80, self._port, flags, b"", self.other % WRAP, number % WRAP)
        self._put(ip4(6, body, source=self._ends[1], destination=self._ends[0]))
        if flags & (SYN | FIN):
            self.other += 1

    def _put(self, packet: bytes) -> None:
        self.now += SECOND // 100
        self.packets.append((self.now, ether(0x0800, packet)))

    def open(self) -> None:
        """Shake hands."""
        self.send(0, SYN)
        self.answer(SYN | ACK)
        self.send()

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += int(seconds * SECOND)


def watched(packets: Sequence[Packet], each: int = 7) -> Acked:
    """Return what is counted of *packets*, shown *each* at a time."""
    engine = Engine(None, local=frozenset((OURS,)), acknowledged=True)
    for begin in range(0, len(packets), each):
        engine.feed(shown(packets[begin : begin + each]))
    sums = Acked()
    for one in engine.acked().values():
        sums.bytes += one.bytes
        sums.unseen += one.unseen
        sums.holes += one.holes
    return sums


def shown(packets: Sequence[Packet], interface: str = "eth0") -> Block:
    """Return packets as one block."""
    times = np.array([at for at, _ in packets], np.int64)
    return make_block([frame for _, frame in packets], time=times, interfaces=(interface,))


BATCHES = pytest.mark.parametrize("each", [1, 2, 7, 1000])


@BATCHES
@pytest.mark.parametrize("ours", [False, True])
@pytest.mark.parametrize("seq", [5000, WRAP - 4500])
def test_a_whole_conversation_is_quiet(each: int, ours: bool, seq: int) -> None:
    talk = Talk(ours=ours, seq=seq)
    talk.open()
    for _ in range(20):
        talk.send(SIZE)
        talk.send(SIZE)
        talk.answer()
    talk.wait(0.1)
    talk.send(0, FIN | ACK)
    talk.answer(FIN | ACK)
    talk.send()
    sums = watched(talk.packets, each)
    assert sums.unseen == 0
    assert 40_000 <= sums.bytes <= 40_010


@BATCHES
def test_retransmissions_reordering_and_keep_alives_are_quiet(each: int) -> None:
    dice, talk = random.Random(3), Talk()
    talk.open()
    sent: list[int] = []
    for _ in range(300):
        begin = talk.seq
        talk.skip(3 * SIZE)
        order = [begin, begin + SIZE, begin + 2 * SIZE]
        dice.shuffle(order)
        for seq in order:
            talk.send(SIZE, seq=seq)
        sent += order
        if dice.random() < 0.3:
            talk.send(SIZE, seq=dice.choice(sent[-9:]))
        talk.answer(ack=begin + dice.choice([0, SIZE, 3 * SIZE]))
        if dice.random() < 0.1:
            talk.send(1, seq=begin - 1)
            talk.answer(ack=begin)
    assert watched(talk.packets, each).unseen == 0


@BATCHES
def test_what_the_network_lost_before_us_is_sent_again_and_quiet(each: int) -> None:
    talk = Talk()
    talk.open()
    for _ in range(50):
        hole = talk.seq
        talk.skip()
        for _ in range(4):
            talk.send(SIZE)
            talk.answer(ack=hole)
        talk.send(SIZE, seq=hole)
        talk.answer()
    assert watched(talk.packets, each).unseen == 0


@BATCHES
@pytest.mark.parametrize("ours", [False, True])
def test_a_capture_that_begins_in_the_middle_is_quiet(each: int, ours: bool) -> None:
    talk = Talk(ours=ours)
    flying = talk.seq
    talk.skip(50 * SIZE)  # on its way, and seen by nobody
    talk.answer(ack=flying)
    for number in range(50):
        talk.send(SIZE)
        talk.answer(ack=flying + number * 1500)
    talk.answer()
    assert watched(talk.packets, each).unseen == 0


def test_after_a_reset_nothing_is_concluded() -> None:
    talk = Talk()
    talk.open()
    talk.send(SIZE)
    talk.answer()
    talk.send(0, RST, seq=talk.seq + 12345)
    talk.skip(30 * SIZE)
    for _ in range(5):
        talk.answer()
    assert watched(talk.packets, 3).unseen == 0


def test_a_new_conversation_on_the_same_ports_begins_anew() -> None:
    talk = Talk()
    talk.open()
    talk.send(SIZE)
    talk.answer()
    talk.seq += 1_000_000
    talk.open()
    talk.send(SIZE)
    talk.answer()
    assert watched(talk.packets, 4).unseen == 0


def test_fragments_are_not_judged() -> None:
    talk = Talk()
    talk.open()
    for _ in range(20):
        body = tcp(40000, 80, ACK, b"x" * SIZE, talk.seq, talk.other)
        talk._put(ip4(6, body, source=PEER, destination=OURS, fragment=0x2000))
        talk.skip(8 * SIZE)
        talk.answer()
    assert watched(talk.packets, 5).unseen == 0


def test_a_stranger_cannot_make_it_look_like_loss() -> None:
    talk = Talk(ours=True)
    talk.open()
    talk.wait(5)
    for number in range(200):
        talk.send(SIZE)
        talk.answer()
        talk.answer(ack=talk.seq + number * 100_000)
    alone = Talk(ours=True, port=41000)  # nothing of ours is ever seen
    alone.answer()
    alone.wait(5)
    for _ in range(200):
        alone.skip(100_000)
        alone.answer()
    assert watched(talk.packets + alone.packets, 5).unseen == 0


def test_directions_on_two_interfaces_are_not_compared() -> None:
    talk = Talk()
    talk.open()
    talk.wait(5)
    for _ in range(20):
        talk.send(SIZE)
        talk.answer()
    inward = [(at, one) for at, one in talk.packets if one[26:30] == PEER]
    outward = [(at, one) for at, one in talk.packets if one[26:30] == OURS]
    engine = Engine(None, local=frozenset((OURS,)), acknowledged=True)
    for begin in range(0, len(outward), 5):
        for name, packets in (("eth1", outward), ("eth0", inward)):
            part = packets[begin : begin + 5]
            if part:
                engine.feed(shown(part, name))
    assert sum(one.unseen for one in engine.acked().values()) == 0


def lossy(talk: Talk, chunks: int, share: float, each: int) -> Iterable[int]:
    """Have *chunks* sent, some of them unseen; yield the sizes of those."""
    dice = random.Random(each)
    for _ in range(chunks):
        for _ in range(4):
            if dice.random() < share:
                talk.skip()
                yield SIZE
            else:
                talk.send(SIZE)
        talk.answer()


@BATCHES
@pytest.mark.parametrize("ours", [False, True])
@pytest.mark.parametrize("share", [0.02, 0.3])
def test_what_was_delivered_and_never_seen_is_counted(each: int, ours: bool, share: float) -> None:
    talk = Talk(ours=ours)
    talk.open()
    missing = sum(lossy(talk, 500, share, each))
    talk.send(SIZE)
    talk.answer()
    talk.answer()
    sums = watched(talk.packets, each)
    assert missing * 0.9 <= sums.unseen <= missing
    assert sums.holes
    assert sums.bytes >= sums.unseen


@pytest.mark.parametrize("each", [1, 2, 7, 50])
def test_also_where_the_beginning_was_not_seen(each: int) -> None:
    talk = Talk()
    talk.send(SIZE)
    talk.answer()
    talk.wait(5)
    missing = sum(lossy(talk, 100, 0.2, each))
    talk.send(SIZE)
    talk.answer()
    assert missing * 0.8 <= watched(talk.packets, each).unseen <= missing


def test_a_direction_that_goes_another_way_is_all_unseen() -> None:
    talk = Talk()
    talk.answer()
    talk.wait(3)
    for _ in range(100):
        talk.skip(10 * SIZE)
        talk.answer()
    sums = watched(talk.packets)
    assert 900_000 <= sums.unseen == sums.bytes <= 1_000_000


def test_who_jumps_far_is_followed_and_nothing_is_concluded() -> None:
    talk = Talk()
    talk.open()
    talk.wait(3)
    for _ in range(20):
        talk.skip(1 << 29)
        talk.send(SIZE)
        talk.answer()
    assert watched(talk.packets, 2).unseen == 0


def test_of_many_conversations_a_part_speaks_for_all() -> None:
    packets: list[Packet] = []
    missing = sent = 0
    for number in range(2000):
        talk = Talk(port=2000 + number)
        talk.open()
        missing += sum(lossy(talk, 5, 0.2, number))
        talk.send(SIZE)
        talk.answer()
        sent += 21 * SIZE
        packets += talk.packets
    packets.sort(key=lambda one: one[0])
    sums = watched(packets, 4000)
    assert sent / 16 < sums.bytes < sent * 0.5
    assert 0.7 < sums.unseen / sums.bytes / (missing / sent) < 1.3


def test_nothing_is_counted_unless_asked_for() -> None:
    engine = Engine(None)
    talk = Talk()
    talk.open()
    engine.feed(make_block([frame for _, frame in talk.packets]))
    assert engine.acked() == {}
