"""What must not happen: a body taken for a request, an answer for another question, a raise."""

from __future__ import annotations

import base64
import gzip
import http.client
import secrets
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.network.model import Content, Http, Login
from collectors.network.protocols.http import MOST_WAITING, HttpTalk
from collectors.network.protocols.http_messages import LONGEST_HEAD, MOST_BODY
from collectors.network.streams.reassembly import Budget
from tests.collectors.network.protocols.dialogues import (
    AT,
    CLIENT,
    SERVER,
    Heard,
    Says,
    hear,
    holds_for_anything,
    mutated,
    noise,
    prefix_when_truncated,
    same_however_cut,
)


def requests(says: list[Says]) -> list[Http]:
    return [one for one in hear(HttpTalk, says).seen if isinstance(one, Http)]


def logins(says: list[Says]) -> list[Login]:
    return [one for one in hear(HttpTalk, says).seen if isinstance(one, Login)]


def get(path: str = "/", *fields: str, method: str = "GET") -> bytes:
    return "\r\n".join(
        (f"{method} {path} HTTP/1.1", "Host: portal.example", *fields, "", "")
    ).encode()


def answer(status: int, body: bytes = b"", *fields: str) -> bytes:
    first = (f"HTTP/1.1 {status} Any", f"Content-Length: {len(body)}", *fields, "", "")
    return "\r\n".join(first).encode() + body


def post(path: str, body: bytes, kind: str = "application/x-www-form-urlencoded") -> bytes:
    return get(path, f"Content-Type: {kind}", f"Content-Length: {len(body)}", method="POST") + body


CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/csv\r\n\r\n"
    b"5;x=1\r\nnama,\r\n3\r\nnik\r\n0\r\nTrailer: x\r\n\r\n"
)
KEPT = [
    (CLIENT, get("/a", "User-Agent: ronda-test/1", "Referer: http://before/")),
    (SERVER, answer(200, b"hello", "Server: nginx", "Content-Type: text/plain")),
    (CLIENT, post("/up", b"a=1&b=2") + get("/c", method="HEAD")),
    (SERVER, b"HTTP/1.1 100 Continue\r\n\r\n" + answer(404)),
    (SERVER, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n"),
    (CLIENT, get("/d") + get("/e")),
    (SERVER, CHUNKED + b"HTTP/1.0 200 OK\r\n\r\nto the end"),
]


def test_requests_and_responses_of_a_kept_connection() -> None:
    told = requests(KEPT)
    assert [(one.method, one.path, one.status) for one in told] == [
        ("GET", "/a", 200),
        ("POST", "/up", 404),
        ("HEAD", "/c", 304),
        ("GET", "/d", 200),
        ("GET", "/e", 200),
    ]
    assert told[0].user_agent == "ronda-test/1"
    assert told[0].referrer == "http://before/"
    assert (told[0].server, told[0].response_type, told[0].host) == (
        "nginx",
        "text/plain",
        "portal.example",
    )
    assert [one.response_bytes for one in told] == [5, 0, 0, 8, 10]
    assert told[1].request_bytes == 7


def test_bodies_are_content() -> None:
    content = hear(HttpTalk, KEPT).content
    assert [(one.from_client, one.data, one.complete, one.size) for one in content] == [
        (False, b"hello", True, 5),
        (True, b"a=1&b=2", True, 7),
        (False, b"nama,nik", True, 8),
        (False, b"to the end", True, 10),
    ]
    assert [one.http.path for one in content if one.http] == ["/a", "/up", "/d", "/e"]
    assert content[0].http is not None
    assert content[0].http.status == 200


def test_cuts_do_not_matter() -> None:
    same_however_cut(HttpTalk, KEPT)
    prefix_when_truncated(HttpTalk, KEPT)


@given(mutated(KEPT))
def test_a_changed_conversation(says: list[Says]) -> None:
    holds_for_anything(HttpTalk, says)


@given(
    noise(
        b"GET / HTTP/1.1\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"Content-Length: 4\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Authorization: Basic YTpi\r\n",
        b"\r\n",
        b"\r\n\r\n",
        b"3\r\nabc\r\n0\r\n\r\n",
    )
)
def test_noise(says: list[Says]) -> None:
    holds_for_anything(HttpTalk, says)


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "raw"])
def test_codings_are_undone(coding: str) -> None:
    text = b"3171234567890123;" * 100
    packer = zlib.compressobj(wbits=-15)
    raw = {
        "gzip": gzip.compress(text),
        "x-gzip": gzip.compress(text),
        "deflate": zlib.compress(text),
        "raw": packer.compress(text) + packer.flush(),
    }[coding]
    named = "deflate" if coding == "raw" else coding
    says = [(CLIENT, get()), (SERVER, answer(200, raw, f"Content-Encoding: {named}"))]
    (piece,) = hear(HttpTalk, says).content
    assert piece.data == text
    assert piece.seen == piece.size == len(raw)
    same_however_cut(HttpTalk, says)


def test_a_bomb_stays_small() -> None:
    raw = gzip.compress(b"0" * 50_000_000)[:MOST_BODY]
    says = [(CLIENT, get()), (SERVER, answer(200, raw, "Content-Encoding: gzip"))]
    (piece,) = hear(HttpTalk, says).content
    assert piece.data == b"0" * MOST_BODY


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip"])
def test_what_cannot_be_undone_is_no_content(coding: str) -> None:
    says = [(CLIENT, get()), (SERVER, answer(200, b"\x8b garbage", f"Content-Encoding: {coding}"))]
    assert hear(HttpTalk, says).content == []


def test_a_long_body_is_handed_over_before_its_end() -> None:
    heard = Heard(HttpTalk)
    heard.take([(CLIENT, get("/export.csv")), (SERVER, answer(200, b"x" * (MOST_BODY + 1)))])
    (piece,) = heard.content
    assert (len(piece.data), piece.complete, piece.size) == (MOST_BODY, False, MOST_BODY + 1)


def test_bodies_stay_within_the_budget() -> None:
    from collectors.network.protocols.talk import Around
    from tests.collectors.network.protocols.dialogues import conn

    budget = Budget(1000)
    got: list[Content] = []
    talk = HttpTalk(conn(80), Around(None, got.append, budget))
    talk.client(get(), AT)
    talk.server(answer(200, b"x" * 5000)[:800], AT)
    assert budget.left < 1000
    talk.server(b"x" * 4000, AT)
    talk.end(AT)
    assert budget.left == 1000
    assert len(got) == 1


def test_a_missing_part_of_a_body_does_not_end_the_reading() -> None:
    heard = Heard(HttpTalk)
    whole = answer(200, b"x" * 1000)
    heard.take([(CLIENT, get("/a")), (SERVER, whole[:-600])])
    assert isinstance(heard.talk, HttpTalk)
    heard.seen += heard.talk.gap(False, 500, AT)
    heard.take([(SERVER, whole[-100:]), (CLIENT, get("/b")), (SERVER, answer(404))])
    assert [(one.path, one.status) for one in heard.seen if isinstance(one, Http)] == [
        ("/a", 200),
        ("/b", 404),
    ]
    assert [one.complete for one in heard.content] == [False]


def test_after_a_missing_head_the_next_message_counts() -> None:
    heard = Heard(HttpTalk)
    heard.take([(CLIENT, get("/a"))])
    assert isinstance(heard.talk, HttpTalk)
    heard.seen += heard.talk.gap(False, 700, AT)
    heard.take([(SERVER, b"rest of something"), (CLIENT, get("/b")), (SERVER, answer(500))])
    assert [(one.path, one.status) for one in heard.seen if isinstance(one, Http)] == [
        ("/a", 0),
        ("/b", 500),
    ]


def test_a_proxy_hands_on() -> None:
    heard = hear(
        HttpTalk,
        [
            (CLIENT, b"CONNECT mail.example:465 HTTP/1.1\r\n\r\nearly"),
            (SERVER, b"HTTP/1.1 200 Connection established\r\n\r\nhello"),
            (CLIENT, b"late"),
        ],
    )
    assert [(one.method, one.host, one.status) for one in heard.seen if isinstance(one, Http)] == [
        ("CONNECT", "mail.example", 200)
    ]
    assert [(one.name, one.got) for one in heard.inner] == [
        ("", {CLIENT: b"earlylate", SERVER: b"hello"})
    ]


def test_a_proxy_that_refuses() -> None:
    says = [
        (CLIENT, b"CONNECT a:1 HTTP/1.1\r\n\r\n" + get("/b")),
        (SERVER, answer(403) + answer(200)),
    ]
    assert [(one.method, one.status) for one in requests(says)] == [("CONNECT", 403), ("GET", 200)]


def test_another_protocol_ends_http() -> None:
    says = [
        (CLIENT, get("/ws", "Upgrade: websocket")),
        (SERVER, b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n\x81\x05hello"),
        (CLIENT, b"\x81\x85\0\0\0\0" + get("/not")),
    ]
    (one,) = requests(says)
    assert (one.status, one.upgrade) == (101, "websocket")


def test_http_0_9_and_2() -> None:
    (old,) = requests([(CLIENT, b"GET /old\r\n"), (SERVER, b"<html>")])
    assert (old.version, old.path, old.response_bytes) == ("0.9", "/old", 6)
    (new,) = requests([(CLIENT, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x12")])
    assert (new.method, new.version) == ("PRI", "2.0")


def test_names_of_hosts() -> None:
    says = [(CLIENT, b"GET http://u:p@whole.example:8080/a?b HTTP/1.1\r\nHost: field\r\n\r\n")]
    assert requests(says)[0].host == "whole.example:8080"


def test_folded_and_bare_lines() -> None:
    says = [(CLIENT, b"GET / HTTP/1.1\nHost: a\nUser-Agent: one\n  two\n\n")]
    assert (requests(says)[0].host, requests(says)[0].user_agent) == ("a", "one two")


def test_an_endless_head_ends_the_reading() -> None:
    heard = Heard(HttpTalk)
    heard.take([(CLIENT, b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * LONGEST_HEAD)], 1400)
    heard.take([(CLIENT, get())])
    assert heard.end().seen == []


def test_waiting_requests_are_bounded() -> None:
    heard = Heard(HttpTalk)
    heard.take([(CLIENT, get() * (MOST_WAITING + 5))])
    assert len(heard.seen) == 5


def test_basic_authentication_once_for_each_outcome() -> None:
    user, secret = "budi", secrets.token_urlsafe(9)
    coded = base64.b64encode(f"{user}:{secret}".encode()).decode()
    field = f"Authorization: Basic {coded}"
    says = [(CLIENT, get("/", field) * 3), (SERVER, answer(401) + answer(200) * 2)]
    told = logins(says)
    assert [(one.user, one.secret, one.outcome, one.cleartext) for one in told] == [
        (user, secret.encode(), "failure", True),
        (user, secret.encode(), "success", True),
    ]
    assert [one.user for one in requests(says)] == [user] * 3
    same_however_cut(HttpTalk, says)


def test_a_proxy_that_wants_to_know_who() -> None:
    says = [
        (CLIENT, b"CONNECT a:1 HTTP/1.1\r\nProxy-Authorization: Basic YTpi\r\n\r\n"),
        (SERVER, answer(407)),
    ]
    assert [(one.user, one.secret, one.outcome) for one in logins(says)] == [("a", b"b", "failure")]


FORM = b"log=admin&pwd=%s&wp-submit=Log+In"


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        (answer(302, b"", "Location: /wp-admin/"), "success"),
        (answer(302, b"", "Location: /login?error=1"), "failure"),
        (answer(200, b"<form><input type=password name=pwd>"), "failure"),
        (answer(200, b"<h1>Dasbor</h1>"), ""),
        (answer(401), "failure"),
        (b"", ""),
    ],
)
def test_a_form(response: bytes, outcome: str) -> None:
    secret = secrets.token_hex(8).encode()
    says = [(CLIENT, post("/wp-login.php", FORM % secret)), (SERVER, response)]
    (one,) = logins(says)
    assert (one.protocol, one.method, one.user, one.secret) == ("http", "form", "admin", secret)
    assert one.outcome == outcome
    same_however_cut(HttpTalk, says)


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = b"nik,nama\n" * 10
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(403)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"6\r\ndenied\r\n0\r\n\r\n")

        def log_message(self, *args: object) -> None:
            pass

    one = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield one
    one.shutdown()
    thread.join()
    one.server_close()


def test_a_real_client_and_server(server: HTTPServer) -> None:
    from tests.collectors.network.protocols.overheard import Overheard

    with Overheard(server.server_address[1]) as tap:
        client = http.client.HTTPConnection("127.0.0.1", tap.port)
        client.request("GET", "/export.csv", headers={"User-Agent": "ronda"})
        assert client.getresponse().read()
        client.request("POST", "/api", body=b"x" * 3000)
        assert client.getresponse().read() == b"denied"
        client.close()
    told = hear(HttpTalk, tap.said)
    assert [(one.method, one.path, one.status) for one in told.seen if isinstance(one, Http)] == [
        ("GET", "/export.csv", 200),
        ("POST", "/api", 403),
    ]
    assert [one.data[:6] for one in told.content] == [b"nik,na", b"xxxxxx", b"denied"]


@given(st.binary(max_size=300))
def test_any_body_comes_out_as_it_went_in(body: bytes) -> None:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:9], body[9:]) if part)
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    says = [(CLIENT, get()), (SERVER, raw + answer(404)), (CLIENT, get())]
    for size in (0, 1, 4):
        heard = hear(HttpTalk, says, size=size)
        assert b"".join(one.data for one in heard.content) == body
    same_however_cut(HttpTalk, says)
