"""What must not happen: a protocol taken for another one, or waited for without end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.network.streams.identify import ENOUGH, identify

HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
MYSQL = b"J\0\0\0\n8.0.36\0\x0b\0\0\0"

FROM_FIRST_BYTES = [
    (b"GET / HTTP/1.1\r\n", b"", 8081, "http"),
    (b"M-SEARCH * HTTP/1.1\r\n", b"", 1, "http"),
    (b"", b"HTTP/1.1 200 OK\r\n", 1, "http"),
    (HELLO, b"", 1, "tls"),
    (b"\x80\x2e\x01\x03\x01\0\x15", b"", 1, "tls"),
    (b"SSH-2.0-x\r\n", b"", 2222, "ssh"),
    (b"", b"SSH-2.0-OpenSSH_9.6\r\n", 80, "ssh"),
    (b"*1\r\n$4\r\nPING\r\n", b"", 1, "redis"),
    (b"AUTH x\r\n", b"", 6379, "redis"),
    (b"\0\0\0\x08\x04\xd2\x16\x2f", b"", 1, "postgresql"),
    (b"\0\0\0\x13\0\x03\0\0user\0budi\0\0", b"", 1, "postgresql"),
    (b"\x12\x01\0\x2f\0\0\0\0\0\0\x1a", b"", 1, "mssql"),
    (b"0\x0c\x02\x01\x01`\x07\x02\x01\x03\x04\0\x80\0", b"", 1, "ldap"),
    (b"0\x84\0\0\0\x10\x02\x01\x01`", b"", 1, "ldap"),
    (b"", MYSQL, 1, "mysql"),
    (b"", b"\x4b\0\0\0\xff\x6a\x04Host", 1, "mysql"),
    (b"", b"+OK ready\r\n", 1, "pop3"),
    (b"", b"* OK IMAP4rev1\r\n", 1, "imap"),
    (b"\xff\xfd\x18", b"", 2323, "telnet"),
    (b"", b"\xff\xfd\x18\xff\xfd\x20", 2323, "telnet"),
    (b"EHLO me\r\n", b"220 here\r\n", 1, "smtp"),
    (b"USER me\r\n", b"220 here\r\n", 1, "ftp"),
    (b"AUTH TLS\r\n", b"220 here\r\n", 2121, "ftp"),
    (b"\x05\x02\0\2", b"\x05\2", 1, "socks"),
    (b"\x04\1\0\x50\x0a\0\0\1\0", b"\0\x5a", 1, "socks"),
    (b"\x10\x0e\0\4MQTT\4\2\0<\0\2id", b"", 1, "mqtt"),
    (b"\0\x1d\x12\x34\x01\0\0\x01\0\0\0\0\0\0", b"", 53, "dns"),
]


@pytest.mark.parametrize(("client", "server", "port", "name"), FROM_FIRST_BYTES)
def test_as_soon_as_it_is_certain(client: bytes, server: bytes, port: int, name: str) -> None:
    assert identify(client, server, port) == name
    for stop in range(max(len(client), len(server))):
        assert identify(client[:stop], server[:stop], port) in {name, None}, stop


@pytest.mark.parametrize(
    ("client", "server", "port"),
    [
        (b"GETTING things\r\n", b"hm\r\n", 80),
        (b"SSHX", b"hmhm", 22),
        (b"\x16\x04\x01\0\0\1", b"\x16\x03\x03\0\x30\2", 443),
        (b"0\x0c\x02\x05hellohello", b"0000", 389),
        (b"\0\0\0\x08\0\0\0\0\0\0\0\0", b"N000", 5432),
        (b"*x\r\n", b"-ERX", 6379),
        (b"\5\0\x0b\3\x10\0\0\0\x48", b"\5\0\x0c\3\x10\0\0\0", 135),  # DCE/RPC
        (b"hello there\n", b"\x10\0\0\0\n\0\0\0", 3306),
    ],
)
def test_what_is_nothing_known(client: bytes, server: bytes, port: int) -> None:
    assert identify(client, server, port) == ""


@pytest.mark.parametrize(
    ("server", "port", "name"),
    [
        (b"220 mail.example ESMTP Postfix\r\n", 2600, "smtp"),
        (b"220 (vsFTPd 3.0.5)\r\n", 2600, "ftp"),
        (b"220 here\r\n", 25, "smtp"),
        (b"220 here\r\n", 21, "ftp"),
        (b"220 here\r\n", 2600, ""),
        (b"login: ", 23, "telnet"),
    ],
)
def test_a_greeting_alone(server: bytes, port: int, name: str) -> None:
    assert identify(b"", server, port) is None
    assert identify(b"", server, port, last=True) == name


@given(st.binary(max_size=40), st.binary(max_size=40), st.integers(0, 65535))
def test_anything(client: bytes, server: bytes, port: int) -> None:
    identify(client, server, port)
    assert identify(client, server, port, last=True) is not None


@given(st.binary(min_size=ENOUGH, max_size=ENOUGH), st.sampled_from([0, 21, 23, 53, 389, 3306]))
def test_it_does_not_wait_without_end(data: bytes, port: int) -> None:
    assert identify(data, b"", port) is not None
    assert identify(b"", data, port) is not None
