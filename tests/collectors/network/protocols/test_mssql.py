"""What must not happen: a password that stays stirred, or a raise on offsets that point nowhere."""

from __future__ import annotations

import secrets
import struct

from hypothesis import given
from hypothesis import strategies as st

from collectors.network.model import Banner, Login
from collectors.network.protocols.mssql import MssqlTalk, unstirred
from tests.collectors.network.protocols.dialogues import (
    CLIENT,
    SERVER,
    Says,
    hear,
    holds_for_anything,
    mutated,
    noise,
    prefix_when_truncated,
    same_however_cut,
)
from tests.collectors.network.protocols.test_sasl import ntlm

SECRET = secrets.token_urlsafe(8)


def packet(kind: int, payload: bytes, last: bool = True) -> bytes:
    return struct.pack(">BBHHBB", kind, last, 8 + len(payload), 0, 1, 0) + payload


def stirred(text: str) -> bytes:
    return bytes(((byte << 4 | byte >> 4) & 0xFF) ^ 0xA5 for byte in text.encode("utf-16-le"))


def login7(user: str, secret: str, database: str, program: str = "", sspi: bytes = b"") -> bytes:
    texts = ["host", user, secret, program, "server", "", "", "", database]
    place = 94
    head = struct.pack("<IIIII", 0, 0x74000004, 4096, 7, 99) + bytes(4)
    head += bytes((0, 0x80 if sspi else 0, 0, 0)) + bytes(8)
    body = b""
    for index, text in enumerate(texts):
        raw = stirred(text) if index == 2 else text.encode("utf-16-le")
        head += struct.pack("<HH", place + len(body), len(text))
        body += raw
    head += bytes(6) + struct.pack("<HH", place + len(body), len(sspi)) + bytes(12)
    assert len(head) == place
    return head + body + sspi


PRELOGIN = packet(0x12, b"\0\0\x0b\0\6\1\0\x11\0\1\xff" + b"\x0f\0\x07\xd0\0\0\2")
ANSWERED = packet(0x04, b"\0\0\x0b\0\6\1\0\x11\0\1\xff" + b"\x0f\0\x07\xd0\0\0\2")
INFO = b"\xab\x04\0abcd"
GOOD = packet(0x04, b"\xe3\x02\0xy" + INFO + b"\xad\x05\0\1\x74\0\0\4")
BAD = packet(0x04, INFO + b"\xaa\x08\0\x14\x48\0\0\1\x0e\0\0")
SAYS = [
    (CLIENT, PRELOGIN),
    (SERVER, ANSWERED),
    (CLIENT, packet(0x10, login7("sa", SECRET, "desa", "pymssql"))),
    (SERVER, GOOD),
    (CLIENT, packet(0x01, b"select")),
]


def logins(says: list[Says]) -> list[tuple[str, str, str, bytes, str]]:
    told = hear(MssqlTalk, says, 1433).seen
    return [
        (one.user, one.database, one.method, one.secret, one.outcome)
        for one in told
        if isinstance(one, Login)
    ]


@given(st.text(max_size=20))
def test_a_stirred_password_comes_out(text: str) -> None:
    assert unstirred(stirred(text)).decode("utf-16-le") == text


def test_a_login() -> None:
    assert logins(SAYS) == [("sa", "desa", "password", SECRET.encode(), "success")]
    assert [
        (one.from_client, one.text) for one in hear(MssqlTalk, SAYS).seen if type(one) is Banner
    ] == [
        (False, "Microsoft SQL Server 15.0.2000"),
        (True, "pymssql"),
    ]


def test_a_refusal() -> None:
    assert logins([*SAYS[:3], (SERVER, BAD)])[0][4] == "failure"


def test_cuts_do_not_matter() -> None:
    same_however_cut(MssqlTalk, SAYS)
    prefix_when_truncated(MssqlTalk, SAYS)


def test_a_login_in_several_packets() -> None:
    whole = login7("sa", SECRET, "desa")
    says = [(CLIENT, packet(0x10, whole[:50], last=False) + packet(0x10, whole[50:]))]
    assert logins(says)[0][:4] == ("sa", "desa", "password", SECRET.encode())


def test_windows() -> None:
    says = [(CLIENT, packet(0x10, login7("", "", "d", sspi=ntlm("KANTOR", "siti"))))]
    assert logins(says) == [("siti", "d", "ntlm", b"", "")]


def test_a_cipher_inside() -> None:
    says = [
        (CLIENT, PRELOGIN),
        (SERVER, ANSWERED),
        (CLIENT, packet(0x12, b"\x16\x03\x01hello")),
        (SERVER, packet(0x04, b"\x16\x03\x03server")),
        (CLIENT, packet(0x12, b"\x16\x03\x03key")),
        (SERVER, packet(0x12, b"\x14\x03\x03x")),
        (CLIENT, b"\x17\x03\x03\0\x01x"),
    ]
    heard = hear(MssqlTalk, says)
    assert [(one.name, one.got) for one in heard.inner] == [
        (
            "tls",
            {
                CLIENT: b"\x16\x03\x01hello\x16\x03\x03key",
                SERVER: b"\x16\x03\x03server\x14\x03\x03x",
            },
        )
    ]
    same_however_cut(MssqlTalk, says)


@given(mutated(SAYS))
def test_a_changed_conversation(says: list[Says]) -> None:
    holds_for_anything(MssqlTalk, says)


@given(noise(PRELOGIN, ANSWERED, GOOD, BAD, packet(0x10, login7("a", "b", "c")), b"\x10\1\0\x09"))
def test_noise(says: list[Says]) -> None:
    holds_for_anything(MssqlTalk, says)
