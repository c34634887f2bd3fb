"""What must not happen: one conversation costs another one, or memory grows without end."""

from __future__ import annotations

import random
import secrets
import subprocess
import sys

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.network.model import (
    ACK,
    FIN,
    RST,
    SYN,
    UDP,
    Conn,
    Content,
    Dns,
    Http,
    Login,
    Seen,
    Stream,
)
from collectors.network.streams.streams import Limits, StreamReader
from collectors.network.streams.tape import PAUSE
from tests.collectors.network.protocols.dialogues import AT, CLIENT, SERVER, conn

SECOND = 1_000_000_000
GET = b"GET /a HTTP/1.1\r\nHost: portal.example\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class Sink:
    def __init__(self) -> None:
        self.pieces: list[Content] = []
        self.logins: list[Login] = []

    def content(self, piece: Content) -> None:
        self.pieces.append(piece)

    def login(self, login: Login) -> None:
        self.logins.append(login)


class Wire:
    """Sends what two ends say as segments."""

    def __init__(self, reader: StreamReader, conn: Conn, first: int = 1000) -> None:
        self.reader = reader
        self.conn = conn
        self.next = {CLIENT: first, SERVER: first + 5000}
        self.at = AT

    def open(self) -> Wire:
        self.send(CLIENT, b"", SYN)
        self.send(SERVER, b"", SYN | ACK)
        return self

    def send(self, from_client: bool, data: bytes, flags: int = ACK) -> None:
        seq = self.next[from_client]
        self.reader.segment(self.conn, from_client, seq, flags, data, self.at)
        self.next[from_client] = (seq + len(data) + bool(flags & (SYN | FIN))) & 0xFFFFFFFF


def keyed(key: int, port: int = 8081) -> Conn:
    return msgspec.structs.replace(conn(port), key=key)


def test_a_request_on_any_port() -> None:
    reader = StreamReader()
    wire = Wire(reader, keyed(1), 0xFFFFFFFF - 3).open()
    wire.send(CLIENT, GET)
    wire.send(SERVER, OK)
    (one,) = reader.drain()
    assert isinstance(one, Http)
    assert (one.path, one.status, one.conn.server_port) == ("/a", 200, 8081)
    wire.send(CLIENT, b"", FIN | ACK)
    wire.send(SERVER, b"", FIN | ACK)
    assert reader.stats.protocols == {"http": 1}
    reader.end(1, AT)
    assert (reader.drain(), len(reader), reader.held()) == ([], 0, 0)


def test_order_does_not_matter() -> None:
    data = b"".join(GET.replace(b"/a", b"/%d" % number) for number in range(20))
    pieces = [(begin, data[begin : begin + 40]) for begin in range(0, len(data), 40)]
    random.Random(1).shuffle(pieces)
    reader = StreamReader()
    one = keyed(1)
    reader.segment(one, True, 99, SYN, b"", AT)
    for begin, piece in pieces:
        reader.segment(one, True, 100 + begin, ACK, piece, AT)
    reader.end(1, AT)
    assert [seen.path for seen in reader.drain() if isinstance(seen, Http)] == [
        f"/{number}" for number in range(20)
    ]
    assert reader.stats.gaps == 0


def test_the_same_ends_again() -> None:
    reader = StreamReader()
    Wire(reader, keyed(1)).open().send(CLIENT, GET)
    Wire(reader, keyed(1), 90_000).open().send(CLIENT, GET.replace(b"/a", b"/b"))
    reader.end(1, AT)
    assert [seen.path for seen in reader.drain() if isinstance(seen, Http)] == ["/a", "/b"]


def test_segments_after_the_end_begin_nothing() -> None:
    reader = StreamReader()
    wire = Wire(reader, keyed(1)).open()
    wire.send(CLIENT, GET)
    wire.send(SERVER, b"", RST)
    wire.send(CLIENT, GET)
    assert len(reader.drain()) == 1
    assert reader.drain() == []


def test_conversations_are_bounded_and_the_oldest_is_told() -> None:
    reader = StreamReader(limits=Limits(talks=3))
    for key in range(10):
        Wire(reader, keyed(key)).open().send(CLIENT, GET)
    assert (len(reader), reader.evicted()) == (3, 7)
    assert len(reader.drain()) == 7


def test_only_the_head_of_a_direction_is_read() -> None:
    reader = StreamReader(limits=Limits(head=100))
    wire = Wire(reader, keyed(1)).open()
    wire.send(CLIENT, GET)
    wire.send(CLIENT, GET)
    wire.send(CLIENT, GET)
    wire.send(SERVER, OK + OK + OK)
    wire.send(CLIENT, b"", FIN)
    wire.send(SERVER, b"", FIN)
    assert len([seen for seen in reader.drain() if isinstance(seen, Http)]) == 2


def test_content_and_passwords_go_to_the_sink() -> None:
    sink = Sink()
    reader = StreamReader(sink)
    secret = secrets.token_hex(6).encode()
    body = b"username=budi&password=" + secret
    wire = Wire(reader, keyed(1)).open()
    wire.send(CLIENT, b"POST /in HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    wire.send(SERVER, OK)
    assert [piece.data for piece in sink.pieces] == [body, b"hello"]
    assert [(one.user, one.secret) for one in sink.logins] == [("budi", secret)]
    assert any(isinstance(seen, Login) for seen in reader.drain())
    assert reader.held() == 0


def test_an_unknown_protocol_is_shown_once() -> None:
    sink = Sink()
    reader = StreamReader(sink)
    wire = Wire(reader, keyed(1, 4444)).open()
    wire.send(SERVER, b"id\n")
    wire.send(CLIENT, b"uid=33(www-data)\n")
    assert reader.drain() == []
    wire.at += 6 * SECOND
    wire.send(SERVER, b"ls\n")
    (one,) = reader.drain()
    assert isinstance(one, Stream)
    assert (one.client, one.server, one.at) == (b"uid=33(www-data)\n", b"id\nls\n", AT)
    reader.end(1, AT)
    assert reader.drain() == []
    assert [(piece.from_client, piece.data) for piece in sink.pieces] == [
        (True, b"uid=33(www-data)\n"),
        (False, b"id\nls\n"),
    ]
    assert reader.held() == 0


def test_silence_shows_an_unknown_protocol_too() -> None:
    reader = StreamReader()
    wire = Wire(reader, keyed(1, 4444)).open()
    wire.send(SERVER, b"id\n")
    wire.send(CLIENT, b"uid=33\n")
    for seconds in (4, 29, 62):
        assert reader.drain() == []
        reader.tick(AT + seconds * SECOND)
    assert [type(seen) for seen in reader.drain()] == [Stream]


def test_a_data_connection_is_known_beforehand() -> None:
    sink = Sink()
    reader = StreamReader(sink)
    control = Wire(reader, keyed(1, 21)).open()
    control.send(SERVER, b"220 ftp\r\n")
    control.send(CLIENT, b"USER a\r\n")
    control.send(SERVER, b"227 Entering Passive Mode (10,0,0,9,200,10).\r\n")
    control.send(CLIENT, b"EPRT |1|192.0.2.1|6446|\r\n")
    passive = Wire(reader, keyed(2, 200 << 8 | 10)).open()
    passive.send(SERVER, b"GET / HTTP/1.1\r\n\r\n")
    there = msgspec.structs.replace(keyed(3, 6446), client=conn(1).server, server=conn(1).client)
    Wire(reader, there).open().send(CLIENT, b"nik;nama\n")
    for key in (2, 3):
        reader.end(key, AT)
    assert [(piece.protocol, piece.data) for piece in sink.pieces] == [
        ("ftp-data", b"GET / HTTP/1.1\r\n\r\n"),
        ("ftp-data", b"nik;nama\n"),
    ]
    assert not [seen for seen in reader.drain() if isinstance(seen, Stream)]


def test_ends_that_were_taken_for_each_other() -> None:
    sink = Sink()
    reader = StreamReader(sink)
    wire = Wire(reader, keyed(1))
    wire.send(SERVER, GET)
    wire.send(CLIENT, OK)
    (seen,) = reader.drain()
    assert isinstance(seen, Http)
    assert (seen.path, seen.status) == ("/a", 200)
    assert (seen.conn.client_port, seen.conn.server_port) == (8081, 40000)
    assert [piece.from_client for piece in sink.pieces] == [False]


def test_a_pause_hands_over_what_there_is() -> None:
    sink = Sink()
    reader = StreamReader(sink)
    wire = Wire(reader, keyed(1, 4444)).open()
    wire.send(SERVER, b"\x01" * 600)
    wire.at += PAUSE + 31 * SECOND
    wire.send(CLIENT, b"x")
    reader.drain()
    assert [len(piece.data) for piece in sink.pieces] == [600]


def test_datagrams_of_nobody() -> None:
    reader = StreamReader()
    one = msgspec.structs.replace(keyed(1, 9999), proto=UDP)
    reader.datagram(one, True, b"ping", AT)
    reader.datagram(one, False, b"pong", AT)
    reader.datagram(one, True, b"again", AT)
    assert reader.drain() == [Stream(conn=one, at=AT, client=b"ping", server=b"pong")]
    two = msgspec.structs.replace(one, key=2)
    reader.datagram(two, True, b"alone", AT)
    reader.datagram(one, True, b"later", AT + 9 * SECOND)
    assert reader.drain() == [Stream(conn=two, at=AT, client=b"alone", server=b"")]


def test_a_question_by_datagram() -> None:
    reader = StreamReader()
    question = bytes.fromhex("123401000001000000000000") + b"\x07example\x02id\0\0\x01\0\x01"
    one = msgspec.structs.replace(keyed(1, 53), proto=UDP)
    reader.datagram(one, True, question, AT)
    reader.end(1, AT)
    (seen,) = reader.drain()
    assert isinstance(seen, Dns)
    assert seen.name == "example.id"


def test_a_mistake_in_a_parser_costs_one_conversation(monkeypatch: pytest.MonkeyPatch) -> None:
    from collectors.network.protocols.http import HttpTalk

    def broken(self: HttpTalk, data: bytes, at: int) -> list[Seen]:
        raise ZeroDivisionError

    reader = StreamReader()
    with monkeypatch.context() as patch:
        patch.setattr(HttpTalk, "client", broken)
        Wire(reader, keyed(1)).open().send(CLIENT, GET)
    assert reader.stats.faults == 1
    Wire(reader, keyed(2)).open().send(CLIENT, GET)
    reader.end(2, AT)
    assert len(reader.drain()) == 1


_LATE = """
import sys
from bench import fuzz_spoken, fuzz_targets
inputs = list(fuzz_spoken.readers())
seen = []
sys.addaudithook(lambda name, told: seen.append((name, told)) if name in {"open", "import"} else 0)
for one in inputs:
    fuzz_spoken.reader(one)
assert not seen, seen
"""


def test_nothing_is_loaded_late() -> None:
    """The child may open no file any more when packets come."""
    subprocess.run([sys.executable, "-c", _LATE], check=True, timeout=60)


segments = st.tuples(
    st.integers(0, 3),
    st.booleans(),
    st.one_of(st.integers(0, 0xFFFFFFFF), st.integers(1000, 1200)),
    st.sampled_from([0, ACK, SYN, SYN | ACK, FIN, FIN | ACK, RST]),
    st.one_of(
        st.binary(max_size=40), st.sampled_from([GET, OK, b"SSH-2.0-x\r\n", b"\x16\x03\x01"])
    ),
    st.integers(0, 60 * SECOND),
)


@given(st.lists(segments, max_size=60))
def test_any_segments(all_segments: list[tuple[int, bool, int, int, bytes, int]]) -> None:
    sink = Sink()
    reader = StreamReader(sink, Limits(head=200, talks=2, held=500, content=300))
    for key, from_client, seq, flags, payload, at in all_segments:
        reader.segment(keyed(key), from_client, seq, flags, payload, AT + at)
        assert reader.held() <= 800
        assert len(reader) <= 2
        reader.drain()
    for key in range(4):
        reader.end(key, AT)
    assert reader.stats.faults == 0
    assert reader.held() == 0
    assert len(reader) == 0


def test_a_clock_that_is_set_back_piles_nothing_up() -> None:
    reader = StreamReader(limits=Limits(talks=50))
    for number in range(2000):
        at = AT - (86_400 * SECOND if number >= 1000 else 0) + number * SECOND
        reader.segment(keyed(number), True, 1, 0x18, b"x", at)
        reader.drain()
    assert 0 < len(reader._due) < 200


def test_what_is_forgotten_is_not_waited_for() -> None:
    reader = StreamReader(limits=Limits(talks=50))
    for number in range(2000):
        reader.segment(keyed(number), True, 1, 0x18, b"x", AT + number)
        reader.drain()
        assert len(reader._due) <= 101
    for number in range(2000, 4000):
        reader.segment(keyed(number), True, 1, SYN, b"", AT + number)
        reader.drain()
    assert len(reader._due) <= 101, "a SYN without more is not looked at again"
