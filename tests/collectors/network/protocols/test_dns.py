"""What must not happen: a question is told twice or never, or gets the answer of another one."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import cast

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from scapy.layers.dns import DNS, DNSQR, DNSRR

from collectors.network.model import Conn, Dns, Seen
from collectors.network.protocols.dns import DnsConversation, DnsDatagrams
from tests.collectors.network.protocols.handshakes import UDP_CONN

CONN = replace(UDP_CONN, server_port=53)
SECOND = 1_000_000_000
AT = 1_700_000_000 * SECOND


def ask(name: str = "www.example.go.id", number: int = 1, kind: int = 1) -> bytes:
    return bytes(DNS(id=number, rd=1, qd=[DNSQR(qname=name, qtype=kind)]))


def answer(
    name: str = "www.example.go.id",
    number: int = 1,
    address: str = "10.1.2.3",
    *,
    rcode: int = 0,
    bare: bool = False,
    kind: int = 1,
) -> bytes:
    records = [] if rcode else [DNSRR(rrname=name, type="A", rdata=address, ttl=60)]
    questions = [] if bare else [DNSQR(qname=name, qtype=kind)]
    return bytes(DNS(id=number, qr=1, ra=1, rcode=rcode, qd=questions, an=records))


@dataclass
class Wire:
    """All that is told of what is handed in."""

    one: DnsDatagrams

    def __call__(self, payload: bytes, at: int = AT, conn: Conn = CONN) -> list[Dns]:
        return cast("list[Dns]", self.one.datagram(conn, True, payload, at))

    def expire(self, now: int) -> list[Dns]:
        return cast("list[Dns]", self.one.expire(now))


def test_a_question_meets_its_answer() -> None:
    wire = Wire(DnsDatagrams())
    assert wire(ask()) == []
    (told,) = wire(answer(), AT + SECOND)
    assert (told.at, told.name, told.type, told.answered) == (AT, "www.example.go.id", 1, True)
    assert (told.answers, told.answer_types, told.ttl) == (("10.1.2.3",), (1,), 60)
    assert (told.request_bytes, told.response_bytes) == (len(ask()), len(answer()))
    assert wire.expire(AT + 100 * SECOND) == []


def test_letters_of_another_size_are_the_same_name() -> None:
    # Resolvers mix them at random against forged answers (draft-vixie-dnsext-dns0x20).
    wire = Wire(DnsDatagrams())
    wire(ask("wWw.eXample.GO.id"))
    (told,) = wire(answer("WWW.example.go.ID"))
    assert (told.name, told.request_bytes) == ("www.example.go.id", len(ask()))


def test_no_answer_is_told_after_ten_seconds() -> None:
    wire = Wire(DnsDatagrams())
    wire(ask())
    wire(ask(), AT + SECOND)  # once more
    assert wire.expire(AT + 9 * SECOND) == []
    (told,) = wire.expire(AT + 11 * SECOND)
    assert (told.answered, told.at, told.name) == (False, AT, "www.example.go.id")
    assert wire.expire(AT + 100 * SECOND) == []
    # What comes now is told as an answer that nobody is known to have asked for.
    (late,) = wire(answer(), AT + 12 * SECOND)
    assert (late.answered, late.request_bytes) == (True, 0)


def test_another_conversation_or_name_is_another_question() -> None:
    wire = Wire(DnsDatagrams())
    wire(ask())
    (other,) = wire(answer(), conn=replace(CONN, key=99))
    assert other.request_bytes == 0
    (other,) = wire(answer("evil.example.com"))
    assert other.request_bytes == 0
    assert len(wire.expire(AT + 60 * SECOND)) == 1


def test_an_answer_that_repeats_no_question() -> None:
    wire = Wire(DnsDatagrams())
    wire(ask())
    (told,) = wire(answer(rcode=1, bare=True))
    assert (told.name, told.rcode, told.answered) == ("www.example.go.id", 1, True)
    assert wire(answer(rcode=1, bare=True)) == []  # now it says nothing


def test_the_end_of_a_conversation_tells_what_is_open() -> None:
    one = DnsDatagrams()
    wire = Wire(one)
    wire(ask(number=1))
    wire(ask("b.example.go.id", number=2))
    wire(ask(number=3), conn=replace(CONN, key=99))
    told = cast("list[Dns]", one.end(CONN.key, AT))
    assert {record.name for record in told} == {"www.example.go.id", "b.example.go.id"}
    assert len(one.expire(AT + 60 * SECOND)) == 1


def test_local_questions_are_told_at_once() -> None:
    wire = Wire(DnsDatagrams())
    conn = replace(CONN, server_port=5353, server=bytes((224, 0, 0, 251)))
    asked = bytes(DNS(qd=[DNSQR(qname="a.local", qtype=1), DNSQR(qname="b.local", qtype=28)]))
    assert [(told.name, told.type) for told in wire(asked, conn=conn)] == [
        ("a.local", 1),
        ("b.local", 28),
    ]
    (told,) = wire(answer("a.local", bare=True), conn=conn)
    assert (told.name, told.answered) == ("a.local", True)


def test_a_flood_is_held_to_the_room_there_is() -> None:
    one = DnsDatagrams(most=100)
    wire = Wire(one)
    told = [record for n in range(1000) for record in wire(ask(f"{n}.example.com", n))]
    assert len(told) == one.evicted == 900
    assert not any(record.answered for record in told)
    assert len(one._waiting._questions) == len(one._waiting._latest) == 100
    assert len(wire.expire(AT + 60 * SECOND)) == 100
    assert not one._waiting._latest
    assert not one._waiting._by_conn


@given(st.lists(st.binary(max_size=60) | st.sampled_from([ask(), answer(), ask(number=2)])))
def test_whatever_comes_is_survived(parts: list[bytes]) -> None:
    wire = Wire(DnsDatagrams(most=3))
    for part in parts:
        assert len(wire(part)) <= 16
    wire.expire(AT + 60 * SECOND)
    assert not wire.one._waiting._questions
    assert not wire.one._waiting._latest
    assert not wire.one._waiting._by_conn


def framed(*messages: bytes) -> bytes:
    return b"".join(struct.pack(">H", len(one)) + one for one in messages)


ASKED = framed(ask(number=1), ask("b.id", number=2), ask("c.id", number=3))
ANSWERED = framed(answer("b.id", 2, "10.0.0.2"), answer(number=1))


def over_tcp(pieces: list[tuple[bool, bytes]]) -> list[Dns]:
    one = DnsConversation(CONN)
    told = []
    for from_client, data in pieces:
        told += list((one.client if from_client else one.server)(data, AT))
    return cast("list[Dns]", told + list(one.end(AT)))


def test_tcp_carries_many_at_once() -> None:
    told = over_tcp([(True, ASKED), (False, ANSWERED)])
    assert [(one.name, one.answers) for one in told] == [
        ("b.id", ("10.0.0.2",)),
        ("www.example.go.id", ("10.1.2.3",)),
        ("c.id", ()),
    ]
    assert [one.answered for one in told] == [True, True, False]


@given(st.integers(1, 60), st.integers(1, 60))
def test_any_split_is_the_same(asked: int, answered: int) -> None:
    pieces = [(True, ASKED[at : at + asked]) for at in range(0, len(ASKED), asked)]
    pieces += [(False, ANSWERED[at : at + answered]) for at in range(0, len(ANSWERED), answered)]
    assert over_tcp(pieces) == over_tcp([(True, ASKED), (False, ANSWERED)])


def test_every_cut_tells_each_question_at_most_once() -> None:
    for size in range(len(ANSWERED)):
        told = over_tcp([(True, ASKED), (False, ANSWERED[:size])])
        assert len(told) == 3


def test_a_transfer_of_a_zone_is_one_answer() -> None:
    first = answer("example.go.id", kind=252)
    told = over_tcp(
        [
            (True, framed(ask("example.go.id", kind=252))),
            (False, framed(first, *[answer("a.example.go.id", bare=True)] * 20)),
        ]
    )
    assert [(one.name, one.type, one.answered) for one in told] == [("example.go.id", 252, True)]


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=50) | st.sampled_from([ASKED]))))
def test_whatever_comes_over_tcp_is_survived(pieces: list[tuple[bool, bytes]]) -> None:
    over_tcp(pieces)


def test_tcp_holds_one_message_at_most() -> None:
    one = DnsConversation(CONN)
    stream = framed(answer() + bytes(65_000)) * 10
    told: list[Seen] = []
    for at in range(0, len(stream), 1400):
        told += one.server(stream[at : at + 1400], AT)
        assert len(one._halves[1]) <= 65_537 + 1400
    assert len(told) == 10


def test_what_is_no_dns_is_looked_at_no_more() -> None:
    one = DnsConversation(CONN)
    one.client(b"GET / HTTP/1.1\r\n" * 2000, AT)
    assert one.done
    assert not one._halves[0]
    assert not one.server(ANSWERED, AT)
    assert not one.end(AT)
