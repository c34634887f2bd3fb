"""The wall: what may never pass redaction, and that equal values still meet."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.redact import Redactor, escape, is_scrubbed, mask, scrub
from tests.collectors.content.citizens import leaks, niks

KEY = bytes(range(32))


@given(st.text(min_size=1, max_size=64))
def test_mask_hides_at_least_three_fifths(value: str) -> None:
    masked = mask(value)
    head = len(masked) - len(masked.lstrip(value[:4])) if value else 0
    assert head <= len(masked)
    shown = sum(1 for char in masked if char != "*")
    assert shown <= len(value) * 2 // 5 or "*" in value
    assert shown <= 6 or "*" in value


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ("", ""),
        ("ab", "**"),
        ("abc", "a**"),
        ("secret", "se****"),
        ("1234567890", "123******0"),
        ("1571011234560001", "1571**********01"),
        ("x" * 100, "xxxx" + "*" * 18 + "xx"),
    ],
)
def test_mask(value: str, masked: str) -> None:
    assert mask(value) == masked


@given(niks(), st.text(max_size=20), st.text(max_size=20))
def test_scrub_lets_no_nik_through(nik: str, before: str, after: str) -> None:
    before = before.rstrip("0123456789 .-_")
    after = after.lstrip("0123456789 .-_")
    text = scrub(f"{before}/{nik}.{after}")
    assert not leaks(nik, text.encode())
    assert is_scrubbed(text)


@given(niks(), st.sampled_from([" ", ".", "-"]))
def test_scrub_sees_separated_forms(nik: str, separator: str) -> None:
    written = separator.join([nik[:6], nik[6:12], nik[12:]])
    assert not leaks(written, scrub(f"ktp {written} ada").encode())


@pytest.mark.parametrize(
    "harmless",
    [
        "/var/log/nginx/access.log.2026-11-24",
        "/srv/backup/20261124103000.sql",
        "/usr/lib/x86_64-linux-gnu/libc.so.6",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "1234567890123456",
        "IMG_0000000000000000.jpg",
    ],
)
def test_scrub_leaves_ordinary_text(harmless: str) -> None:
    assert scrub(harmless) == harmless


@given(st.text() | st.binary().map(lambda data: data.decode("utf-8", "surrogateescape")))
def test_escape_leaves_nothing_that_controls_a_terminal(text: str) -> None:
    shown = escape(text)
    shown.encode("utf-8")
    for char in shown:
        assert unicodedata.category(char) not in {"Cc", "Cs", "Zl", "Zp"}
        assert unicodedata.bidirectional(char) not in {
            "LRE",
            "RLE",
            "LRO",
            "RLO",
            "PDF",
            "LRI",
            "RLI",
            "FSI",
            "PDI",
        }


@given(st.text(), st.text())
def test_escape_is_unambiguous(one: str, other: str) -> None:
    assert (escape(one) == escape(other)) == (one == other)


def test_escape_examples() -> None:
    assert escape("a\nb\x1b[31m\u202efdp.exe\\") == "a\\nb\\x1b[31m\\u202efdp.exe\\\\"
    assert escape(b"caf\xe9".decode("utf-8", "surrogateescape")) == "caf\\xe9"


def test_tokens_meet_and_part() -> None:
    ours, same, other = Redactor(KEY, 1), Redactor(KEY, 2), Redactor(KEY[::-1], 1)
    assert ours.token("nik", "1") == same.token("nik", "1")
    assert ours.token("nik", "1") != other.token("nik", "1")
    assert ours.token("nik", "1") != ours.token("kk", "1")
    assert len(ours.token("nik", "1")) == 32


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Redactor(b"short", 1)


@given(st.lists(st.text(min_size=1, max_size=8), max_size=200))
def test_sketch_is_bounded_sorted_distinct(values: list[str]) -> None:
    sketch = Redactor(KEY, 1).sketch("nik", values)
    assert list(sketch) == sorted(set(sketch))
    assert len(sketch) == min(64, len(set(values)))
