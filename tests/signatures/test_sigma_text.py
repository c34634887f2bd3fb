from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signatures import sigma_text as text
from signatures.sigma_text import Wild


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ()),
        ({}, ()),
        ([], ()),
        ([None, {"a": 1}], ()),
        ("", ""),
        ("Ab", "Ab"),
        (4, "4"),
        (4.0, "4"),
        (4.5, "4.5"),
        (True, "true"),
        (False, "false"),
        (["a", 1, None, "b"], ("a", "1", "b")),
    ],
)
def test_text_of_a_value(value: object, expected: object) -> None:
    assert text.text_of(value) == expected


def test_a_view_folds_case_and_keeps_the_original() -> None:
    view = text.view_of({"a": "Ab", "b": ["X", "y"], "c": None})
    assert (view["a"], view["b"], view["c"], view["d"]) == ("ab", ("x", "y"), (), ())
    assert view.cased is not None
    assert view.cased["a"] == "Ab"


_part = st.one_of(st.sampled_from([Wild.ANY, Wild.ONE]), st.text("ab*?.", min_size=1, max_size=3))


@given(st.lists(_part, min_size=1, max_size=6), st.text("ab*?.\n", max_size=12))
def test_glob_agrees_with_a_regular_expression(parts: list[str | Wild], subject: str) -> None:
    pattern = "".join(
        re.escape(part) if isinstance(part, str) else {Wild.ANY: ".*", Wild.ONE: "."}[part]
        for part in parts
    )
    expected = re.fullmatch(pattern, subject, re.DOTALL) is not None
    assert text.glob(parts)(subject) is expected


def test_glob_stays_linear_on_hostile_text() -> None:
    check = text.glob([Wild.ANY, "a", Wild.ANY, "a", Wild.ANY, "a", Wild.ANY, "a", Wild.ANY, "b"])
    begin = time.process_time()
    assert not check("a" * 100_000)
    short = time.process_time() - begin
    begin = time.process_time()
    assert not check("a" * 400_000)
    # Four times the text may cost some times as much, not a power of it (a regular
    # expression here would need days).
    assert time.process_time() - begin < 60 * short + 1


def test_networks_and_numbers_take_what_is_none_as_no_match() -> None:
    import ipaddress

    inside = text.in_network(ipaddress.ip_network("10.0.0.0/8"))
    assert not inside("x")
    assert not inside("11.0.0.1")
    assert not inside("::1")
    assert inside("10.1.2.3")
    large = text.number(lambda number: number > 3)
    assert not large("x")
    assert not large("3")
    assert large("3.5")


def test_keywords_look_into_lists_too() -> None:
    assert not text.any_text({"a": ["x"], "b": 1}, text.contains(["q"]))
    assert text.any_text({"a": ["x", "Query"], "b": 1}, text.contains(["q"]))
