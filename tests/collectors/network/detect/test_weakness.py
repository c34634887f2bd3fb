"""What must not happen: sound listeners, other people's servers, or the same thing every day."""

from __future__ import annotations

from typing import Any

import pytest

from collectors.network.detect.weakness import DAY, Weakness
from collectors.network.model import Banner, Conn, Direction, Finding, Tls
from tests.collectors.network.detect.records import START, US, conn, login, one, outward


def detector() -> Weakness:
    made = one("weakness")
    assert isinstance(made, Weakness)
    return made


def handshake(which: Conn | None = None, at: int = 0, **more: object) -> Tls:
    fields: dict[str, object] = {
        "version": "1.2",
        "cipher": 0xC02F,
        "certificate_sha256": "0" * 64,
        "subject": "kota.go.id",
        "issuer": "R11",
        "not_before": START - 30 * DAY,
        "not_after": START + 60 * DAY,
        "key_bits": 2048,
        "signature": "sha256WithRSAEncryption",
        **more,
    }
    return Tls(conn=which or conn(), at=START + at, **fields)  # type: ignore[arg-type]


def rules(found: list[Finding]) -> list[str]:
    return [one.rule for one in found]


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"key_bits": 256, "signature": "ecdsa-with-SHA384"},
        {"key_bits": 521},
        {"version": "1.3", "certificate_sha256": "", "not_after": 0, "key_bits": 0},
        {"version": "1.0", "cipher": 0},  # offered only
        {"resumed": True, "version": "1.0"},
    ],
)
def test_sound_handshakes_are_quiet(more: dict[str, Any]) -> None:
    assert detector().see(handshake(**more)) == []


def test_other_people_s_servers_are_quiet() -> None:
    bad = handshake(outward(), version="1.0", self_signed=True, not_after=START - DAY)
    assert detector().see(bad) == []


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ({"version": "1.0"}, "weak.version"),
        ({"version": "ssl3"}, "weak.version"),
        ({"version": "ssl2"}, "weak.version"),
        ({"not_after": START - DAY}, "weak.expired"),
        ({"not_after": START + 5 * DAY}, "weak.expiring"),
        ({"self_signed": True}, "weak.self_signed"),
        ({"signature": "sha1WithRSAEncryption"}, "weak.signature"),
        ({"signature": "SHA-1 with RSA"}, "weak.signature"),
        ({"key_bits": 1024}, "weak.key"),
    ],
)
def test_weak(more: dict[str, Any], rule: str) -> None:
    made = detector()
    assert rules(made.see(handshake(**more))) == [rule]
    assert made.see(handshake(at=2 * DAY, **{**more, "not_after": more.get("not_after", 0)})) == []


def test_passwords_in_clear() -> None:
    made = detector()
    clear = login(conn(port=110), protocol="pop3", cleartext=True, secret=b"rahasia")
    (found,) = made.see(clear)
    assert (found.rule, found.severity) == ("weak.cleartext_login", "high")
    assert "rahasia" not in str(found.texts)
    inside = login(conn("10.1.1.9", US, 143), protocol="imap", cleartext=True)
    assert [one.severity for one in made.see(inside)] == ["medium"]
    inner = conn("127.0.0.1", "127.0.0.1", 3306, direction=Direction.INTERNAL)
    assert made.see(login(inner, protocol="mysql", cleartext=True)) == []
    assert made.see(login(conn(port=22), protocol="ssh")) == []
    anonymous = login(conn(port=2121), protocol="ftp", user="anonymous", cleartext=True)
    assert [one.rule for one in made.see(anonymous)] == ["weak.ftp"]


@pytest.mark.parametrize("protocol", ["ftp", "telnet"])
def test_old_protocols(protocol: str) -> None:
    made = detector()
    banner = Banner(conn=conn(port=21), at=START, protocol=protocol, from_client=False, text="x")
    assert rules(made.see(banner)) == [f"weak.{protocol}"]
    assert made.see(banner) == []
    assert made.evicted() == 0
