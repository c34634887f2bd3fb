"""Whatever answers on the socket, the user reads one sentence and the script an exit code."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from server.cli.client import Client, segment
from server.cli.errors import BadRequest, CliError, Denied, NotFound, Unreachable


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[Callable[[bytes], Client]]:
    threads: list[threading.Thread] = []
    path = str(tmp_path / "api.sock")

    def serve(answer: bytes) -> Client:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(1)

        def once() -> None:
            with listener, listener.accept()[0] as connection:
                connection.recv(65536)
                connection.sendall(answer)

        threads.append(threading.Thread(target=once))
        threads[-1].start()
        return Client(path, timeout=5)

    yield serve
    for thread in threads:
        thread.join(5)


def response(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%s" % (status, len(body), body)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (response(404, b'{"error": "no alert 9"}'), NotFound, "no alert 9"),
        (response(403, b'{"error": "go away"}'), Denied, "go away"),
        (response(400, b'{"error": "bad"}'), BadRequest, "bad"),
        (response(409, b'{"error": "closed"}'), CliError, "closed"),
        (response(503, b"busy"), Unreachable, "status 503"),
        (response(500, b"[]"), CliError, "status 500"),
        (response(200, b"<html>"), CliError, "does not speak JSON"),
        (b"", Unreachable, "not running"),
        (b"SSH-2.0-OpenSSH\r\n", Unreachable, "not running"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{", Unreachable, "while it was answering"),
    ],
)
def test_every_answer_has_its_error(
    answering: Callable[[bytes], Client], answer: bytes, kind: type[CliError], words: str
) -> None:
    client = answering(answer)
    with pytest.raises(CliError, match=words) as caught:
        client.get("/v1/alerts/9")
    assert type(caught.value) is kind


def test_a_stream_that_breaks_off_is_an_error_after_what_came(
    answering: Callable[[bytes], Client],
) -> None:
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    client = answering(head + b'1\r\n\n\r\n9\r\n{"id": 1}\r\n1\r\n\n\r\n9\r\n{"id"')
    found = client.stream("/v1/alerts/stream")
    assert next(found) == {"id": 1}
    with pytest.raises(Unreachable, match="while it was answering"):
        next(found)


def test_a_hanging_collector_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "api.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)
        with pytest.raises(Unreachable, match="no answer within 0 s"):
            Client(path, timeout=0.1).get("/v1/status")


def test_ids_cannot_leave_their_segment() -> None:
    assert segment("../x?y#z") == "..%2Fx%3Fy%23z"
