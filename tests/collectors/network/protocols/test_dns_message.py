"""What must not happen: a name is read for ever, past the end, or as another one."""

from __future__ import annotations

import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scapy.layers.dns import (
    DNS,
    DNSQR,
    DNSRR,
    DNSRRHTTPS,
    DNSRRMX,
    DNSRROPT,
    DNSRRSOA,
    DNSRRSRV,
)
from scapy.packet import Packet

from collectors.network.protocols import dns_message
from collectors.network.protocols.dns_message import Message, parse

HEADER = struct.Struct(">6H")


def made(packet: DNS) -> bytes:
    return bytes(packet)


def read(data: bytes) -> Message:
    found = parse(data)
    assert found is not None
    return found


def answer(*records: Packet, name: str = "www.example.go.id", kind: int = 1) -> bytes:
    return made(DNS(id=9, qr=1, ra=1, qd=[DNSQR(qname=name, qtype=kind)], an=list(records)))


def raw(owner: bytes, kind: int, data: bytes, ttl: int = 60) -> bytes:
    """Return an answer with one record, made by hand."""
    question = b"\1a\2id\0" + struct.pack(">HH", kind, 1)
    record = owner + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data
    return HEADER.pack(1, 0x8180, 1, 1, 0, 0) + question + record


def test_a_question() -> None:
    found = read(made(DNS(id=77, rd=1, qd=[DNSQR(qname="WWW.Example.GO.ID.", qtype=28)])))
    assert (found.id, found.response, found.broken) == (77, False, False)
    assert found.questions == (("www.example.go.id", 28),)


def test_answers_of_many_types() -> None:
    found = read(
        answer(
            DNSRR(rrname="www.example.go.id", type="CNAME", rdata="Web.example.go.id", ttl=300),
            DNSRR(rrname="web.example.go.id", type="A", rdata="10.1.2.3", ttl=60),
            DNSRR(rrname="web.example.go.id", type="AAAA", rdata="2001:db8::1", ttl=90),
            DNSRR(rrname="web.example.go.id", type="TXT", rdata=[b"v=spf1 -all", b'a"\n']),
            DNSRR(rrname="x", type="NS", rdata="ns1.example.go.id", ttl=900),
            DNSRR(rrname="x", type="PTR", rdata="host.example.go.id", ttl=900),
            DNSRRMX(rrname="x", exchange="mail.example.go.id", ttl=900),
            DNSRRSRV(rrname="x", target="sip.example.go.id", port=5060, ttl=900),
            DNSRRSOA(rrname="x", mname="ns.example.go.id", rname="h.example.go.id", ttl=900),
        )
    )
    assert found.answers == (
        "web.example.go.id",
        "10.1.2.3",
        "2001:db8::1",
        "v=spf1 -alla\\034\\010",
        "ns1.example.go.id",
        "host.example.go.id",
        "mail.example.go.id",
        "sip.example.go.id",
        "ns.example.go.id",
    )
    assert found.types == (5, 1, 28, 16, 2, 12, 15, 33, 6)
    assert found.ttl == 0  # of the TXT record
    assert not found.broken


def test_service_binding_is_an_answer() -> None:
    packet = DNSRRHTTPS(rrname="a.id", svc_priority=1, target_name=".", ttl=30)
    found = read(answer(packet, name="a.id", kind=65))
    assert (found.answers, found.types, found.ttl) == (("a.id",), (65,), 30)


def test_certification_authorities() -> None:
    found = read(raw(b"\xc0\x0c", 257, b"\0\5issueletsencrypt.org"))
    assert found.answers == ("0 issue letsencrypt.org",)
    assert read(raw(b"\xc0\x0c", 257, b"\0\xffissue")).answers == ("0 issue ",)


def test_edns_gives_the_upper_bits_of_the_response_code() -> None:
    question = DNSQR(qname="example.com")
    options = DNSRROPT(rclass=1232, extrcode=1)
    found = read(made(DNS(qr=1, rcode=0, qd=[question], ar=[options])))
    assert (found.rcode, found.payload) == (16, 1232)  # BADVERS


def test_an_answer_without_question_takes_the_name_of_its_first_record() -> None:
    packet = DNS(qr=1, qd=[], an=[DNSRR(rrname="_ipp._tcp.local", type="PTR", rdata="p.local")])
    assert read(made(packet)).questions == (("_ipp._tcp.local", 12),)


def question(name: bytes) -> bytes:
    return HEADER.pack(1, 0x100, 1, 0, 0, 0) + name + b"\0\1\0\1"


def test_odd_bytes_in_names_are_escaped() -> None:
    name = b'\x05a.b c\x04\\"\0\xff\3_*/\0'
    assert read(question(name)).questions == (("a\\046b\\032c.\\092\\034\\000\\255._*/", 1),)
    assert read(question(b"\0")).questions == (("", 1),)


@pytest.mark.parametrize(
    "name",
    [
        b"\xc0\x0c",  # to itself
        b"\1a\xc0\x0c",  # to where it began
        b"\xc0\x0e\xc0\x0c",
        b"\xc0\x20",  # forward
        b"\xc0\xff",
        b"\x3f" + b"a" * 20,
        b"\x40a\0",
        b"\x80a\0",
        (b"\x3f" + b"a" * 63) * 4 + b"\0",  # 257 bytes
        b"\1a",
        b"",
    ],
)
def test_a_question_whose_name_is_none_is_no_message(name: bytes) -> None:
    assert parse(question(name)) is None


def test_the_longest_name_is_read() -> None:
    name = (b"\x3f" + b"a" * 63) * 3 + b"\x3d" + b"a" * 61 + b"\0"
    assert len(name) == 255
    assert len(read(question(name)).questions[0][0]) == 253


def test_a_chain_of_pointers_costs_nothing() -> None:
    # 8,000 pointers, each to the one before, and 1,000 records that begin at the last of them.
    data = HEADER.pack(1, 0x8000, 0, 1000, 0, 0)
    chain = b"\0\0" + b"".join(struct.pack(">H", 0xC000 | at) for at in range(12, 16_000, 2))
    owner = struct.pack(">H", 0xC000 | (12 + len(chain) - 2))
    found = parse(data + chain + owner * 1000)
    assert found is None or found.broken


def test_a_damaged_answer_leaves_what_stood_before_it() -> None:
    whole = answer(
        DNSRR(rrname="www.example.go.id", type="A", rdata="10.1.2.3", ttl=60),
        DNSRR(rrname="www.example.go.id", type="A", rdata="10.1.2.4", ttl=60),
    )
    found = read(whole[:-1])
    assert (found.answers, found.broken) == (("10.1.2.3",), True)
    assert found.questions == (("www.example.go.id", 1),)
    assert read(raw(b"\xc0\x0c", 5, b"\3abc")).answers == ("",)  # runs out of its own data


def test_32_answers_are_kept() -> None:
    records = [DNSRR(rrname="a.id", type="A", rdata=f"10.0.0.{n}", ttl=5) for n in range(50)]
    found = read(answer(*records))
    assert len(found.answers) == len(found.types) == 32
    assert not found.broken


def test_a_time_to_live_with_the_upper_bit_is_none() -> None:
    assert read(raw(b"\xc0\x0c", 1, bytes(4), ttl=0x80000001)).ttl == 0


def test_names_of_netbios_are_decoded() -> None:
    name = b"\x20FHEPFCELEHFCEPFFFACACACACACACABO\0"
    found = parse(question(name), netbios=True)
    assert found is not None
    assert found.questions == (("workgroup#1e", 1),)
    found = parse(question(b"\3www\0"), netbios=True)
    assert found is not None
    assert found.questions == (("www", 1),)


@given(st.binary(max_size=200))
@example(HEADER.pack(0, 0, 65535, 65535, 65535, 65535) + bytes(100))
def test_any_bytes_are_survived(data: bytes) -> None:
    parse(data)
    parse(data, netbios=True)
    header = HEADER.pack(1, 0x8180, 1, 3, 3, 3)
    found = parse(header + data)
    assert found is None or len(found.answers) == len(found.types) <= 32


@given(st.data())
def test_damage_is_survived(data: st.DataObject) -> None:
    body = bytearray(
        answer(
            DNSRR(rrname="www.example.go.id", type="CNAME", rdata="web.example.go.id"),
            DNSRR(rrname="web.example.go.id", type="TXT", rdata=[b"abc"]),
            DNSRRSRV(rrname="x", target="sip.example.go.id", port=5060),
        )
    )
    for _ in range(data.draw(st.integers(1, 5))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    found = parse(bytes(body[: data.draw(st.integers(0, len(body)))]))
    if found:
        for text in (*found.answers, *(name for name, _ in found.questions)):
            assert text.isascii()
            assert text.isprintable()


def test_every_cut_is_survived() -> None:
    whole = answer(DNSRR(rrname="www.example.go.id", type="A", rdata="10.1.2.3", ttl=60))
    for size in range(len(whole)):
        found = parse(whole[:size])
        assert found is None or found.broken
    assert dns_message.MOST_ANSWERS == 32
