"""The capture never waits for the content child, and says what it could not pass on."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from collectors.content.piece import MAX_DATA, Piece
from collectors.network import passing
from collectors.network.model import Conn, Content, Direction, Http, Login
from collectors.network.passing import Passing

CONN = Conn(
    key=1,
    proto=6,
    client=bytes([203, 0, 113, 9]),
    client_port=40_000,
    server=bytes([10, 0, 0, 5]),
    server_port=80,
    direction=Direction.INBOUND,
)


@pytest.fixture
def ends() -> Iterator[tuple[Passing, socket.socket]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.setblocking(False)
    sink = Passing(ours.detach())
    with theirs:
        yield sink, theirs
        sink.close()


def content(data: bytes = b"x" * 100, **facts: Any) -> Content:
    known = {"conn": CONN, "at": 7, "protocol": "http", "from_client": False, "data": data}
    return Content(**{**known, **facts})


def login(**facts: Any) -> Login:
    known = {"conn": CONN, "at": 7, "protocol": "ftp", "user": "budi", "secret": b"s3cr3t-pass"}
    return Login(**{**known, "cleartext": True, **facts})


def read(end: socket.socket) -> list[Piece]:
    found = []
    while True:
        try:
            found.append(msgspec.msgpack.decode(end.recv(1 << 20), type=Piece))
        except BlockingIOError:
            return found


def test_what_is_no_secret_does_not_cross(ends: tuple[Passing, socket.socket]) -> None:
    sink, end = ends
    anonymous = login(protocol="ftp", user="Anonymous", outcome="success")
    for one in (login(secret=b""), login(cleartext=False), login(outcome="failure"), anonymous):
        sink.login(one)
    assert read(end) == []


def test_a_full_channel_drops_and_counts(ends: tuple[Passing, socket.socket]) -> None:
    sink, end = ends
    for _ in range(200):
        sink.content(content(b"x" * MAX_DATA))
    assert 0 < sink.dropped < 200
    assert sink._bytes <= passing.MOST_BYTES
    got = 0
    while some := len(read(end)):
        got += some
        sink.flush()
    assert got == sink.passed == 200 - sink.dropped
    sink.content(content())
    assert len(read(end)) == 1, "there is room again"


def test_nobody_reads(ends: tuple[Passing, socket.socket]) -> None:
    sink, end = ends
    end.close()
    for _ in range(100):
        sink.content(content(b"x" * MAX_DATA))
    assert (sink.passed, sink.dropped > 0) == (0, True)


def test_text_that_is_none(ends: tuple[Passing, socket.socket]) -> None:
    sink, end = ends
    sink.content(content(http=Http(conn=CONN, at=7, method="GET", path="/\udcff\ud800x")))
    (piece,) = read(end)
    assert piece.path == "/\\udcff\\ud800x"


def test_what_crosses(ends: tuple[Passing, socket.socket]) -> None:
    sink, end = ends
    http = Http(
        conn=CONN,
        at=7,
        method="GET",
        host="opd.example",
        path="/export.csv" + "x" * 5000,
        status=200,
        request_type="a/b",
        response_type="text/csv",
        forwarded_for="198.51.100.1",
    )
    sink.content(content(b"y" * 70_000, http=http, seen=66_000, size=99_000, complete=True))
    sink.login(login(outcome="success", database="d"))
    first, second = read(end)
    assert (len(first.data), first.complete, first.seen, first.size) == (
        MAX_DATA,
        False,
        66_000,
        99_000,
    )
    assert (first.type, first.status, len(first.path)) == ("text/csv", 200, 2048)
    assert (first.direction, first.forwarded) == ("inbound", "198.51.100.1")
    assert (second.secret, second.user, second.from_client) == (b"s3cr3t-pass", "budi", True)
    assert (second.outcome, second.database, second.data) == ("success", "d", b"")
