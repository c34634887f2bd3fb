"""What a TCP segment costs from its place in the order to the records of the parser.

``python -m bench.network_streams``: microseconds of CPU time for each segment of made-up
conversations, the least of three rounds, by what is spoken.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from collectors.network.model import ACK, FIN, SYN, TCP, Conn, Content, Login
from collectors.network.streams.streams import StreamReader

_SEGMENT = 1448
_ROUNDS = 3

Says = list[tuple[bool, bytes]]
Segment = tuple[Conn, bool, int, int, bytes, int]

_REQUEST = (
    b"GET /index.php?page=%d HTTP/1.1\r\nHost: portal.desa.example\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"
    b"Accept: text/html,application/xhtml+xml\r\nAccept-Language: id,en;q=0.5\r\n"
    b"Accept-Encoding: gzip, deflate\r\nCookie: session=0123456789abcdef\r\n"
    b"Connection: keep-alive\r\n\r\n"
)
_RESPONSE = (
    b"HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Tue, 24 Nov 2026 19:00:00 GMT\r\n"
    b"Content-Type: text/html; charset=utf-8\r\nContent-Length: %d\r\n"
    b"Connection: keep-alive\r\nVary: Accept\r\n\r\n"
)
_SET = b"*3\r\n$3\r\nSET\r\n$5\r\nkey:1\r\n$5\r\nvalue\r\n"


class _Sink:
    def content(self, piece: Content) -> None:
        """Take a piece."""

    def login(self, login: Login) -> None:
        """Take a login."""


def _pages(count: int, size: int) -> Says:
    answer = _RESPONSE % size + b"<p>x</p>" * (size // 8)
    return [
        turn for number in range(count) for turn in ((True, _REQUEST % number), (False, answer))
    ]


def _mail() -> Says:
    words = [
        (False, b"220 mail.example ESMTP\r\n"),
        (True, b"EHLO kantor\r\n"),
        (False, b"250 mail.example\r\n"),
        (True, b"MAIL FROM:<a@example.id>\r\n"),
        (False, b"250 ok\r\n"),
        (True, b"RCPT TO:<b@example.id>\r\n"),
        (False, b"250 ok\r\n"),
        (True, b"DATA\r\n"),
        (False, b"354 go\r\n"),
    ]
    return [*words, (True, (b"x" * 70 + b"\r\n") * 550 + b".\r\n"), (False, b"250 ok\r\n")]


CASES: dict[str, tuple[int, Says, int]] = {
    "HTTP, 10 requests with answers of 4 KB": (80, _pages(10, 4096), 300),
    "HTTP, a request with an answer of 200 bytes": (80, _pages(1, 200), 2000),
    "HTTP, a download of 60 KB": (80, _pages(1, 60_000), 300),
    "SMTP, a mail of 40 KB": (25, _mail(), 300),
    "Redis, one command at a time": (6379, [(True, _SET), (False, b"+OK\r\n")] * 50, 100),
    "Redis, 20 commands in a segment": (
        6379,
        [(True, _SET * 20), (False, b"+OK\r\n" * 20)] * 20,
        50,
    ),
    "SSH, 80 KB after the banners": (
        22,
        [
            (False, b"SSH-2.0-x\r\n"),
            (True, b"SSH-2.0-y\r\n"),
            (True, b"z" * 40_000),
            (False, b"z" * 40_000),
        ],
        300,
    ),
    "a protocol that nobody knows, 40 KB": (
        4444,
        [(True, b"\1z" * 10_000), (False, b"\2z" * 10_000)],
        500,
    ),
}


def segments(key: int, port: int, says: Says) -> Iterator[Segment]:
    """Yield the segments of one connection."""
    one = Conn(
        key=key,
        proto=TCP,
        client=bytes((10, 0, 0, 1)),
        client_port=40_000,
        server=bytes((10, 0, 0, 2)),
        server_port=port,
    )
    numbers = {True: 1000, False: 90_000}
    yield one, True, 999, SYN, b"", key
    yield one, False, 89_999, SYN | ACK, b"", key
    for from_client, data in says:
        for begin in range(0, len(data), _SEGMENT):
            part = data[begin : begin + _SEGMENT]
            yield one, from_client, numbers[from_client], ACK, part, key
            numbers[from_client] += len(part)
    for from_client in (True, False):
        yield one, from_client, numbers[from_client], FIN | ACK, b"", key


def measure(given: Iterable[Segment]) -> float:
    """Return microseconds for each segment."""
    prepared = list(given)
    reader = StreamReader(_Sink())
    begin = time.process_time()
    for number, segment in enumerate(prepared):
        reader.segment(*segment)
        if not number & 0xFFF:
            reader.drain()
    spent = time.process_time() - begin
    assert not reader.stats.faults
    return spent / len(prepared) * 1e6


def _swapped(given: Iterable[Segment]) -> list[Segment]:
    """Return segments with each two of the long ones in wrong order."""
    out = list(given)
    for index in range(3, len(out) - 3, 2):
        out[index], out[index + 1] = out[index + 1], out[index]
    return out


def main() -> None:
    """Print all cases."""
    for name, (port, says, count) in CASES.items():
        least = min(
            measure(one for key in range(count) for one in segments(key, port, says))
            for _ in range(_ROUNDS)
        )
        print(f"{least:7.2f} us  {name}")
    says = _pages(1, 60_000)
    least = min(
        measure(one for key in range(300) for one in _swapped(segments(key, 80, says)))
        for _ in range(_ROUNDS)
    )
    print(f"{least:7.2f} us  the download with every second segment too early")


if __name__ == "__main__":
    main()
