"""Patterns of operators: what is refused and why; what passes cannot hang."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signatures.identifiers.custom import MOST_WAYS, check_name, check_words, parse


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("", "1 to 200"),
        ("a" * 201, "1 to 200"),
        ("[0-9]{16}", "literal"),
        ("ab[0-9]", "literal"),
        ("(?:abc)?[0-9]", "literal"),
        ("(abcdef)", "literal"),
        ("abc?d?", "literal"),
        ("abc|def", "alternatives"),
        ("RM-[0-9]+", "without an end"),
        ("RM-.*", "without an end"),
        ("RM-[0-9]{2,}", "without an end"),
        ("RM-(?:[0-9]{2}){3}", "repeats a group"),
        ("RM-(?:a{1,9}){1,9}", "repeats a group"),
        (r"RM-([0-9])\1", "refer"),
        ("RM-(?=x)", "groups only"),
        ("RM-(?P<a>x)", "groups only"),
        ("RM-[0-9]{1,90}[0-9]{1,90}", "ways"),
        ("RM-" + "(?:a|b)" * 13, "ways"),
        ("RM-[0-9]{1,5}?x", "two quantifiers"),
        ("RM-[0-9]{300}", "more than"),
        ("RM-[0-9", "regular expression"),
        ("RM-\u0660", "ASCII"),
    ],
)
def test_refused(pattern: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse(pattern)


@pytest.mark.parametrize(
    ("pattern", "literal", "text"),
    [
        ("RM-[0-9]{6,8}", b"RM-", b"RM-123456"),
        (r"\bRM\.[0-9]{2}\.SKPD\b", b".SKPD", b"x RM.12.SKPD y"),
        ("(?:KTA|KTB)/2026/[A-Z]{2,4}", b"/2026/", b"KTB/2026/AB"),
        ("[A-Z]{3}no_urut", b"no_urut", b"ABCno_urut"),
        (r"[]a\]]{1,2}\[xyz", b"[xyz", b"]a[xyz"),
    ],
)
def test_passed(pattern: str, literal: bytes, text: bytes) -> None:
    found = parse(pattern)
    assert found.literal == literal
    assert found.expression.search(text)
    assert literal in text


@given(st.text("abcRM-[]0-9{}1,2?()|:\\.^$*+", max_size=30), st.binary(max_size=2000))
def test_what_passes_has_its_literal_in_every_match_and_an_end(text: str, data: bytes) -> None:
    try:
        found = parse(text)
    except ValueError:
        return
    for match in found.expression.finditer(data):
        assert found.literal in match.group()


def test_the_worst_that_passes_is_linear() -> None:
    found = parse("aaa" + "a{0,15}" * 3 + "b")  # 4096 ways: the most that are accepted
    assert MOST_WAYS == 16**3

    def spent(size: int) -> float:
        began = time.process_time()
        found.expression.search(b"a" * size)
        return time.process_time() - began

    assert spent(4000) < 8 * max(spent(1000), 0.01)


@pytest.mark.parametrize("name", ["", "a", "Nik", "no rm", "1a", "nik", "password", "x" * 40])
def test_names(name: str) -> None:
    with pytest.raises(ValueError, match=r"letters|ours"):
        check_name(name, frozenset({"nik", "password"}))
    check_name("no_rm", frozenset({"nik"}))


@pytest.mark.parametrize("words", [("abc",), ("rahasia ",), ("rapat", "Rapat"), ("x" * 101,)])
def test_words(words: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"needs|twice"):
        check_words(words)
    check_words(("operasi senyap", "rapat"))
