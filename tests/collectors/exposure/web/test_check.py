"""What must not happen: a request to elsewhere, a redirect followed, a server that holds us up."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.exposure.web.check import Gate, Reply, Target, ask, judge, parse, percent
from tests.collectors.exposure.web import real
from tests.patience import PATIENCE


@contextmanager
def server(answer: bytes, *, wait: float = 0.0) -> Iterator[tuple[int, list[bytes]]]:
    """Answer each connection with the same bytes."""
    seen: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        while True:
            connection, _ = listening.accept()
            with connection:
                if over.is_set():
                    return
                connection.settimeout(5)
                seen.append(connection.recv(65536))
                over.wait(wait)
                try:
                    connection.sendall(answer)
                except OSError:
                    continue

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listening.getsockname()[1], seen
    finally:
        over.set()
        socket.create_connection(listening.getsockname()).close()
        thread.join(PATIENCE)
        listening.close()


def target(port: int, host: str = "dinas.test") -> Target:
    return Target("127.0.0.1", port, tls=False, host=host)


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [
        (200, {"content-length": "99"}, "not_served"),  # a page in its place
        (200, {}, "unknown"),
        (200, {"content-length": "9" * 30}, "unknown"),
        (206, {"content-range": "bytes 0-0/99"}, "not_served"),
        (206, {"content-range": "bytes 0-0/*"}, "unknown"),
        (206, {"content-length": "10"}, "unknown"),
        (301, {"location": "http://elsewhere.test/"}, "elsewise"),
        (404, {}, "not_served"),
        (500, {}, "elsewise"),
        (502, {}, "unknown"),
        (401, {}, "forbidden"),
        (403, {}, "forbidden"),
        (200, {"content-length": "10"}, "downloadable"),
        (206, {"content-range": "bytes 0-0/10"}, "downloadable"),
        (416, {"content-range": "bytes */10"}, "downloadable"),
    ],
)
def test_what_an_answer_means(status: int, headers: dict[str, str], said: str) -> None:
    assert judge(Reply(status, headers), 10) == said


def test_no_answer_says_nothing_and_a_log_may_grow() -> None:
    assert judge(None, 10) == "unknown"
    grown = Reply(206, {"content-range": "bytes 0-0/12"})
    assert judge(grown, 10, 15) == "downloadable"
    assert judge(grown, 10, 11) == "not_served"


def test_nobody_listens() -> None:
    assert ask(target(real.free_port()), b"/", 1.0) is None


def test_a_redirect_is_not_followed() -> None:
    with server(b"") as (other, elsewhere):
        answer = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{other}/\r\n\r\n".encode()
        with server(answer) as (port, _):
            reply = ask(target(port), b"/x", 2.0)
        assert elsewhere == []
    assert reply is not None
    assert reply.status == 302


def test_a_slow_server_does_not_hold_us_up() -> None:
    with server(b"HTTP/1.1 200 OK\r\n\r\n", wait=10) as (port, _):
        begin = time.monotonic()
        assert ask(target(port), b"/", 0.3) is None
        assert time.monotonic() - begin < 5


def test_endless_headers_are_cut_off() -> None:
    with server(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000) as (port, _):
        reply = ask(target(port), b"/", 5.0)
    assert reply is not None
    assert judge(reply, 10) == "unknown"


@pytest.mark.parametrize("host", ["a\r\nX: y", "a b", "", "ünicode.test", "a" * 300])
def test_a_strange_host_name_reaches_no_header(host: str) -> None:
    with server(b"") as (port, seen):
        with pytest.raises(ValueError, match="host name"):
            ask(target(port, host), b"/", 1.0)
        assert seen == []


def test_what_is_asked() -> None:
    with server(b"HTTP/1.1 206 x\r\nContent-Range: bytes 0-0/5\r\n\r\nn") as (port, seen):
        reply = ask(target(port), b"/daftar warga/50%\xff\r\n?.csv", 2.0)
    assert reply == Reply(206, {"content-range": "bytes 0-0/5"})
    lines = seen[0].decode("ascii").split("\r\n")
    assert lines[0] == "GET /daftar%20warga/50%25%FF%0D%0A%3F.csv HTTP/1.1"
    assert "Host: dinas.test" in lines
    assert "Range: bytes=0-0" in lines


@given(st.binary(max_size=200))
def test_no_answer_breaks_the_parser(data: bytes) -> None:
    for text in (data, b"HTTP/1.1 200 OK\r\n" + data, b"HTTP/1.1 206 \r\nContent-Range: " + data):
        reply = parse(text)
        if reply is not None:
            judge(reply, 5)


@given(st.binary(max_size=60))
def test_no_path_leaves_its_line(path: bytes) -> None:
    text = percent(b"/" + path)
    assert text.isascii()
    assert not set(text) & set(" \r\n?#%") - {"%"}


def test_the_rate_is_kept() -> None:
    now, slept = [0.0], list[float]()
    gate = Gate(2.0, clock=lambda: now[0], sleep=slept.append)
    for _ in range(3):
        gate.wait()
    assert slept == [0.5, 1.0]
    assert gate.passed == 3


@real.needs("nginx")
def test_with_tls_by_the_name_of_the_site(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/x.sql").write_text("0123456789")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    files = ["-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "cert")]
    subprocess.run([*command, *files, "-subj", "/CN=other.test"], check=True, capture_output=True)
    port = real.free_port()
    tls = f"ssl_certificate {tmp_path}/cert; ssl_certificate_key {tmp_path}/key;"
    block = f"""
server {{ listen 127.0.0.1:{port} ssl default_server; {tls} return 444; }}
server {{ listen 127.0.0.1:{port} ssl; server_name a.test; {tls} root {tmp_path}/a; }}
"""
    with real.nginx(tmp_path / "nginx", block, [port]):
        there = Target("127.0.0.1", port, tls=True, host="a.test")
        assert judge(ask(there, b"/x.sql", 5.0), 10) == "downloadable"
        assert ask(there._replace(host="b.test"), b"/x.sql", 5.0) is None
