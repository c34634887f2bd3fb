"""What the wall hides beyond the usual written forms: nothing of it may be seen in text."""

from __future__ import annotations

import base64
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.paths import PathGuard
from collectors.redact import is_scrubbed, scrub
from tests.collectors.content.citizens import cards, niks, nips, npwps

NIK = "1571014512900001"
NIP = "198503122010011001"
GUARD = PathGuard(bytes(range(32)))


def leaks(value: str, text: str) -> bool:
    """Tell whether six or more consecutive characters of *value* stand in *text*."""
    return any(value[at : at + 6] in text for at in range(len(value) - 5))


@pytest.mark.parametrize(
    "text",
    [
        f"nik%20{NIK}.jpg",  # the digits of %20 are no neighbours
        f"nik\\x20{NIK}",
        f"nik\\u0020{NIK}",
        f"b'\\x91{NIK}'",  # how an error message shows a name that is not UTF-8
        f"{NIK}1732435200.jpg",  # number and time of upload
        f"20261124{NIK}.pdf",
        f"20261124_{NIK}1",
        f"00{NIK}",
        f"{NIP}20261124.pdf",
        f"ktp {NIK[:4]}  {NIK[4:8]} - {NIK[8:12]} {NIK[12:]}",
        f"{NIK[:6]}.{NIK[6:8]}.{NIK[8:]}",
        f"{NIK[:8]}-{NIK[8:]}",
        ".".join(NIK),
        f"{NIK[:6]}\u2013{NIK[6:12]}\u2013{NIK[12:]}",
        f"{NIK[:6]}\u00a0{NIK[6:12]}\u00a0{NIK[12:]}",
        f"{NIK[:8]}\u200b{NIK[8:]}",
        f"{NIK[:8]}\n{NIK[8:]}",
        "".join(chr(0xFF10 + int(digit)) for digit in NIK),
        "".join(f"%3{digit}" for digit in NIK),
        base64.b64encode(NIK.encode()).decode(),
        "ktp_" + base64.urlsafe_b64encode(f"nik={NIK}".encode()).decode().rstrip("=") + ".png",
        "01_234_567_4_901_000",
        "01 234 567 4 901 000",
    ],
)
def test_unusual_forms_are_hidden(text: str) -> None:
    shown = scrub(text)
    assert shown != text
    assert "*" in shown
    assert is_scrubbed(shown)
    assert not leaks(NIK, shown)
    guarded = GUARD.guard(f"/srv/{text}/photo.jpg".encode())
    assert not leaks(NIK, guarded.decode())
    assert not leaks(NIK, GUARD.display(guarded))


@pytest.mark.parametrize(
    ("text", "password"),
    [
        ("mysql://app:pa$Word99xyz@db/x", "Word99xyz"),
        ("mysql://app:ab%secret99@db/x", "secret99"),
        ("postgres://app:s3cr/etpass99@db/x", "etpass99"),
        ('redis://:se"cretpass99@cache', "cretpass99"),
        ("mysql%3A%2F%2Fapp%3AR4hasia99%40db", "R4hasia99"),
    ],
)
def test_passwords_are_hidden(text: str, password: str) -> None:
    shown = scrub(f"cannot open {text}: refused")
    assert not leaks(password, shown)
    assert "cannot open" in shown


@pytest.mark.parametrize(
    "harmless",
    [
        "/var/log/app-2026-11-24-08-15-30-1.log",
        "/srv/app_20261124081530123456.log",
        "/srv/1732435211999456789.tmp",
        "https://registry.example.go.id:8443/@scope/paket",
        "sha256-e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "W/L5ixQ6nYzT0gVqf3uPz9XkGk8o9uM1v4wYkZ0a.woff",
        "2026-11-24 10:30:00.123456 192.168.100.200 10.11.12.13",
        "libfoo.so.1.2.3 1.2.3.4-5.6.7",
        "{'a': 'redis://cache:6379', 'mail': 'x@y.z'}",
    ],
)
def test_ordinary_text_stays(harmless: str) -> None:
    assert scrub(harmless) == harmless
    assert GUARD.guard(harmless.encode()) == harmless.encode()


@given(
    niks() | nips() | cards() | npwps(),
    st.sampled_from(["", "_", "%20", "\\x20", "x", "-", "\u2013", "\udc91"]),
    st.sampled_from(["", "_", "%20", "x", "\u00a0"]),
)
def test_every_identifier_next_to_anything(value: str, before: str, after: str) -> None:
    shown = scrub(f"a{before}{value}{after}b")
    assert not leaks(value, shown)


@given(niks(), st.text("0123456789", max_size=12), st.text("0123456789", max_size=12))
def test_a_nik_in_a_longer_run_of_digits(nik: str, before: str, after: str) -> None:
    assert not leaks(nik, scrub(f"/srv/{before}{nik}{after}.jpg"))


@given(niks(), st.lists(st.integers(1, 15), max_size=5), st.sampled_from(" ._-"))
def test_a_nik_in_any_groups(nik: str, cuts: list[int], separator: str) -> None:
    places = [0, *sorted(set(cuts)), 16]
    written = separator.join(nik[a:b] for a, b in itertools.pairwise(places))
    assert not leaks(written, scrub(f"ktp {written}.jpg"))


def test_hiding_is_bounded() -> None:
    for text in ("1571" * 50_000, "1 " * 100_000, "%31" * 50_000, "QUFB" * 50_000):
        assert len(scrub(text)) <= len(text)
