"""What `bench.fuzz` runs of cleartext protocols, of streams and of what puts them in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from collectors.network.model import Conn, Content, Conversation, Login
from collectors.network.protocols.ftp import FtpTalk
from collectors.network.protocols.http import HttpTalk
from collectors.network.protocols.ldap import LdapTalk
from collectors.network.protocols.mqtt import MqttTalk
from collectors.network.protocols.mssql import MssqlTalk
from collectors.network.protocols.mysql import MysqlTalk
from collectors.network.protocols.pop_imap import ImapTalk, PopTalk
from collectors.network.protocols.postgresql import PostgresqlTalk
from collectors.network.protocols.redis import RedisTalk
from collectors.network.protocols.smtp import SmtpTalk
from collectors.network.protocols.socks import SocksTalk
from collectors.network.protocols.ssh import SshTalk
from collectors.network.protocols.talk import Around
from collectors.network.protocols.telnet import TelnetTalk
from collectors.network.streams.reassembly import Budget, Half
from collectors.network.streams.streams import Limits, StreamReader

Says = Sequence[tuple[bool, bytes]]
Make = Callable[[Conn, Around], Conversation]

PARSERS: dict[str, tuple[Make, int]] = {
    "ftp": (FtpTalk, 21),
    "http": (HttpTalk, 80),
    "imap": (ImapTalk, 143),
    "ldap": (LdapTalk, 389),
    "mqtt": (MqttTalk, 1883),
    "mssql": (MssqlTalk, 1433),
    "mysql": (MysqlTalk, 3306),
    "pop3": (PopTalk, 110),
    "postgresql": (PostgresqlTalk, 5432),
    "redis": (RedisTalk, 6379),
    "smtp": (SmtpTalk, 25),
    "socks": (SocksTalk, 1080),
    "ssh": (SshTalk, 22),
    "telnet": (TelnetTalk, 23),
}

_MOST_HELD = 4096


class _Sink:
    def content(self, piece: Content) -> None:
        assert 0 < len(piece.data) <= 65536

    def login(self, login: Login) -> None:
        assert login.secret


def made(make: Make) -> Callable[[Conn], Conversation]:
    """Return what makes a parser that hands its content over."""
    around = Around(content=_Sink().content, budget=Budget(1 << 20))
    return lambda conn: make(conn, around)


def said(name: str) -> list[Says]:
    """Return the dialogues of the tests of a protocol."""
    import importlib

    module = "pop_imap" if name in {"pop3", "imap"} else name
    tests = importlib.import_module(f"tests.collectors.network.protocols.test_{module}")
    wanted = {"pop3": ("POP",), "imap": ("IMAP",), "socks": ("V4", "V5", "OPEN")}
    names = wanted.get(name, ("SAYS", "KEPT", "TWO_TRIES", "TWO_MAILS"))
    return [getattr(tests, one) for one in names if hasattr(tests, one)]


def half(data: bytes) -> None:
    """Segments with any numbers: six bytes each, and up to 255 of payload."""
    budget = Budget(_MOST_HELD)
    one = Half(budget, _MOST_HELD)
    at = passed = 0
    while at + 6 <= len(data):
        seq = int.from_bytes(data[at : at + 4], "big")
        flags, size = data[at + 4], data[at + 5]
        for piece in one.take(seq, flags, data[at + 6 : at + 6 + size], at * 10**9):
            passed += len(piece) if isinstance(piece, bytes) else 0
        assert budget.left == _MOST_HELD - one.held >= 0
        at += 6 + size
    one.flush()
    assert budget.left == _MOST_HELD
    assert passed <= _MOST_HELD


def reader(data: bytes) -> None:
    """Segments and datagrams of four conversations: eight bytes each, and the payload."""
    from bench.fuzz_targets import conn

    limits = Limits(head=2048, talks=2, held=_MOST_HELD, content=_MOST_HELD)
    one = StreamReader(_Sink(), limits)
    at = 0
    ports = (80, 53, 25, 443)
    while at + 8 <= len(data):
        which, size = data[at], int.from_bytes(data[at + 6 : at + 8], "big") & 0x1FF
        seq, flags = int.from_bytes(data[at + 1 : at + 5], "big"), data[at + 5]
        payload = data[at + 8 : at + 8 + size]
        with_port = conn(ports[which & 3])
        if which & 8:
            one.datagram(with_port, bool(which & 4), payload, at * 10**9)
        else:
            one.segment(with_port, bool(which & 4), seq, flags, payload, at * 10**9)
        assert one.held() <= 2 * _MOST_HELD
        one.drain()
        at += 8 + size
    one.end(1, at * 10**9)
    assert one.stats.faults == 0
    assert one.held() == 0


def halves() -> Iterable[bytes]:
    """Return segments in order and out of it."""

    def segment(seq: int, flags: int, payload: bytes) -> bytes:
        return seq.to_bytes(4, "big") + bytes((flags, len(payload))) + payload

    yield segment(9, 2, b"") + segment(13, 0, b"def") + segment(10, 0, b"abc") + segment(16, 1, b"")
    yield segment(0xFFFFFFFE, 2, b"") + segment(1, 0, b"cd") + segment(0xFFFFFFFF, 0, b"abc")


def readers() -> Iterable[bytes]:
    """Return the dialogues of all protocols as segments."""
    for name in PARSERS:
        for says in said(name):
            numbers = {True: 1000, False: 5000}
            out = b""
            for from_client, data in says:
                part = data[:0x1FF]
                which = 4 if from_client else 0
                seq = numbers[from_client].to_bytes(4, "big")
                out += bytes((which,)) + seq + b"\x18" + len(part).to_bytes(2, "big") + part
                numbers[from_client] += len(part)
            yield out
