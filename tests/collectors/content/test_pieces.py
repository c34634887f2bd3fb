"""What the content child says of pieces: nothing raw, nothing of nothing, and it never stops."""

from __future__ import annotations

import functools
import gzip
import os
import secrets
import socket
import zipfile
from collections.abc import Callable
from io import BytesIO

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.content.piece import MAX_MESSAGE, Answer, Heard, Piece, Serve
from collectors.content.pieces import address, start
from collectors.content.result import Init
from collectors.knowledge import Canary
from server.fleet.canaries import make
from tests.collectors.content.citizens import leaks, make_niks
from tests.collectors.content.scanning import KEY

BAIT = make("nik", KEY)
PEOPLE = make_niks(1500, seed=5)
DUMP = ("id,nik,nama\n" + "".join(f"{i},{nik},Budi\n" for i, nik in enumerate(PEOPLE))).encode()


@functools.cache
def handler() -> Callable[[bytes, list[int]], bytes]:
    canaries = (Canary(id=BAIT.id, marks=BAIT.marks),)
    return start(msgspec.msgpack.encode(Init(key=KEY, epoch=1, canaries=canaries)))


def piece(data: bytes = b"", **facts: object) -> Piece:
    known: dict[str, object] = {
        "at": 5,
        "protocol": "http",
        "client": bytes([203, 0, 113, 9]),
        "client_port": 40000,
        "server": bytes([10, 0, 0, 5]),
        "server_port": 80,
        "direction": "inbound",
        "from_client": False,
        "data": data,
    }
    return msgspec.convert({**known, **facts}, Piece)


def raw(*messages: bytes, most: int = 64) -> tuple[Answer, bytes]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        for message in messages:
            ours.send(message)
        answer = handler()(msgspec.msgpack.encode(Serve(most=most)), [theirs.detach()])
    return msgspec.msgpack.decode(answer, type=Answer), answer


def ask(*pieces: Piece) -> tuple[Heard, ...]:
    answer, _ = raw(*[msgspec.msgpack.encode(one) for one in pieces])
    assert answer.pieces == len(pieces)
    return answer.heard


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html><body>Selamat datang</body></html>" * 100,
        b'{"order": "1234567890123456", "ts": 1764000000000000}',
        b"\x89PNG\r\n" + bytes(60_000),
        secrets.token_bytes(60_000),
    ],
    ids=["empty", "page", "json", "picture", "noise"],
)
def test_nothing_is_said_of_nothing(data: bytes) -> None:
    assert ask(piece(data)) == ()


def test_an_empty_channel_is_no_reason_to_wait() -> None:
    answer, _ = raw()
    assert answer == Answer()


@pytest.mark.parametrize(
    "message", [b"\xc1", b"\x90", msgspec.msgpack.encode([1, 2]), b"x" * 90_000]
)
def test_what_is_no_piece_is_counted_and_passed_over(message: bytes) -> None:
    good = msgspec.msgpack.encode(piece(DUMP[:4096]))
    answer, _ = raw(message, good)
    assert (answer.damaged, answer.pieces, len(answer.heard)) == (1, 1, 1)


@given(st.lists(st.binary(max_size=2000), max_size=5))
def test_any_message(messages: list[bytes]) -> None:
    answer, _ = raw(*[one for one in messages if one])
    assert answer.pieces + answer.damaged == len([one for one in messages if one])


@given(st.binary(max_size=4000))
def test_any_data(data: bytes) -> None:
    ask(piece(data), piece(gzip.compress(data)), piece(b"PK\3\4" + data), piece(b"%PDF-1.7" + data))


def test_a_dump_by_its_head() -> None:
    head = DUMP[:32_768]
    seen = head.count(b"\n") - 1
    facts = {"method": "GET", "host": "opd.example", "path": "/export.csv", "status": 200}
    (heard,) = ask(piece(head, seen=32_768, size=327_680, **facts))
    (tally,) = heard.tallies
    assert (tally.type, tally.count, tally.distinct) == ("nik", seen, seen)
    assert (tally.exact, tally.about, heard.complete) == (False, 10 * seen, False)
    assert (heard.path, heard.host, heard.status) == ("/export.csv", "opd.example", 200)
    assert (heard.client, heard.server, heard.format) == ("203.0.113.9", "10.0.0.5", "csv")
    assert len(tally.tokens) == 64


def test_a_whole_one_is_counted_exactly() -> None:
    (heard,) = ask(piece(DUMP[:4096], seen=900, size=900, complete=True))
    assert (heard.tallies[0].exact, heard.tallies[0].about, heard.complete) == (True, None, True)


def test_inside_an_archive_whose_end_is_missing() -> None:
    packed = gzip.compress(secrets.token_bytes(20_000).hex().encode() + b"\n" + DUMP)
    (heard,) = ask(piece(gzip.compress(DUMP)[:9000], path="/dump.csv.gz"))
    assert heard.tallies[0].type == "nik"
    assert ask(piece(packed[:9000], path="/dump.csv.gz")) == ()
    held = BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("dump.csv", DUMP)
    (heard,) = ask(piece(held.getvalue(), path="/dump.zip", complete=True))
    assert heard.tallies[0].count == len(PEOPLE)


def test_a_canary_in_whatever_stands_around_it() -> None:
    number = BAIT.forms["csv"].partition(",")[0]
    (heard,) = ask(piece(f"<p>{number}</p>".encode()))
    assert [one.id for one in heard.canaries] == [BAIT.id]


def test_a_password_is_told_by_its_token_alone() -> None:
    secret = secrets.token_urlsafe(15)
    crossed = piece(
        protocol="ftp", from_client=True, user="budi", secret=secret.encode(), outcome="success"
    )
    found = piece(f"DB_PASSWORD={secret}\nDB_HOST=x\n".encode(), path="/.env")
    answer, said = raw(*[msgspec.msgpack.encode(one) for one in (crossed, found)])
    login, file = answer.heard
    assert (login.login, login.account, login.outcome) == (True, "budi", "success")
    assert not leaks(secret, said)
    assert login.tallies[0].samples == (), "nothing of it, not even its length"
    assert login.tallies[0].tokens == file.tallies[0].tokens, "it meets the same one at rest"


@given(
    st.integers(0, 1000), st.sampled_from(["path", "host", "user", "type", "method", "database"])
)
def test_no_field_lets_a_number_through(seed: int, field: str) -> None:
    (nik,) = make_niks(1, seed=seed)
    text = f"/warga/{nik}/kartu?nik={nik}" if field == "path" else nik
    _, said = raw(msgspec.msgpack.encode(piece(DUMP[:2000], **{field: text})))
    # Ten digits: six of them stand in one of so many tokens by chance.
    assert not any(one[4:14].encode() in said for one in [nik, *PEOPLE])


def test_values_of_parameters_stay() -> None:
    (heard,) = ask(piece(DUMP[:2000], path="/cari?nama=Budi+Santoso&kota=Jambi&"))
    assert heard.path == "/cari?nama&kota&"


@pytest.mark.parametrize(
    ("packed", "text"),
    [
        (b"", ""),
        (b"abc", ""),
        (bytes(16), "::"),
        (bytes([10, 0, 0, 1]), "10.0.0.1"),
        (bytes(10) + b"\xff\xff" + bytes([192, 0, 2, 1]), "192.0.2.1"),
    ],
)
def test_addresses(packed: bytes, text: str) -> None:
    assert address(packed) == text


@pytest.mark.parametrize(
    ("said", "told"),
    [("", ""), ("unknown", ""), ("198.51.100.7, 10.0.0.1", "198.51.100.7"), ("x" * 9999, "")],
)
def test_for_whom_a_proxy_asks(said: str, told: str) -> None:
    (heard,) = ask(piece(DUMP[:2000], forwarded=said))
    assert heard.forwarded == told


def test_descriptors_are_closed_whatever_comes() -> None:
    before = len(os.listdir("/proc/self/fd"))
    raw(b"x" * (MAX_MESSAGE + 10))
    assert len(os.listdir("/proc/self/fd")) == before
