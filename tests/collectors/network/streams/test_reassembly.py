"""What must not happen: bytes out of order, twice or in a second version; memory without end."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.network.streams.reassembly import (
    FARTHEST,
    FIN,
    MOST_BYTES,
    MOST_SEGMENTS,
    PATIENCE,
    SYN,
    Budget,
    Half,
)

MASK = 0xFFFFFFFF


def half(head: int = 65536, total: int = 1 << 20) -> Half:
    return Half(Budget(total), head)


def joined(pieces: list[bytes | int]) -> bytes:
    return b"".join(piece for piece in pieces if isinstance(piece, bytes))


def take(one: Half, segments: list[tuple[int, int, bytes]]) -> list[bytes | int]:
    out: list[bytes | int] = []
    for seq, flags, payload in segments:
        out += one.take(seq & MASK, flags, payload, 0)
    return out


@given(
    data=st.binary(min_size=1, max_size=400),
    first=st.one_of(st.integers(0, MASK), st.integers(MASK - 300, MASK)),
    cuts=st.lists(st.tuples(st.integers(0, 400), st.integers(1, 60)), max_size=40),
    seed=st.integers(0, 1 << 30),
)
def test_any_order_repetition_and_overlap_gives_the_message(
    data: bytes, first: int, cuts: list[tuple[int, int]], seed: int
) -> None:
    segments = [(begin, data[begin : begin + 23]) for begin in range(0, len(data), 23)]
    segments += [
        (begin % len(data), data[begin % len(data) :][:size])
        for begin, size in cuts[: MOST_SEGMENTS - len(segments)]
    ]
    random.Random(seed).shuffle(segments)
    one = half()
    got = take(one, [(first - 1, SYN, b"")])
    for begin, payload in segments:
        got += one.take((first + begin) & MASK, 0, payload, 0)
        assert data.startswith(joined(got))
    got += one.take((first + len(data)) & MASK, FIN, b"", 0)
    assert joined(got) == data
    assert not any(isinstance(piece, int) for piece in got)
    assert (one.done, one.ended, one.held, one.waiting) == (True, True, 0, False)


@given(
    st.lists(
        st.tuples(
            st.one_of(st.integers(0, MASK), st.integers(1000, 1400)),
            st.integers(0, 255),
            st.binary(max_size=50),
            st.integers(0, 3 * PATIENCE),
        ),
        max_size=120,
    ),
    st.integers(0, 300),
)
def test_nothing_makes_it_raise_or_hold_too_much(
    segments: list[tuple[int, int, bytes, int]], total: int
) -> None:
    budget = Budget(total)
    one = Half(budget, 2000)
    passed = 0
    for seq, flags, payload, at in segments:
        before = one.position
        out = one.take(seq, flags, payload, at)
        passed += len(joined(list(out)))
        size = sum(piece if isinstance(piece, int) else len(piece) for piece in out)
        assert one.position == before + size
        assert one.held <= min(total, MOST_BYTES)
        assert budget.left == total - one.held
        assert all(out)
    passed += len(joined(list(one.flush())))
    assert budget.left == total
    assert passed <= 2000


def test_what_came_first_stays() -> None:
    one = half()
    got = take(
        one, [(99, SYN, b""), (104, 0, b"WXYZ"), (100, 0, b"abcdefgh"), (100, 0, b"________")]
    )
    assert joined(got) == b"abcdWXYZ"


def test_a_wrap_of_the_sequence() -> None:
    one = half()
    got = take(one, [(MASK - 1, SYN, b""), (1, 0, b"cd"), (MASK, 0, b"abc")])
    assert joined(got) == b"abcd"


def test_a_keepalive_says_nothing() -> None:
    one = half()
    got = take(one, [(9, SYN, b""), (10, 0, b"ab"), (11, 0, b"b"), (11, 0, b"\0"), (12, 0, b"c")])
    assert joined(got) == b"abc"


def test_a_beginning_that_was_not_seen() -> None:
    one = half()
    assert joined(take(one, [(5000, 0, b"ab"), (4990, 0, b"zz"), (5002, 0, b"c")])) == b"abc"


def test_a_hole_is_given_up_when_too_much_waits() -> None:
    one = half()
    one.take(0, SYN, b"", 0)
    got: list[bytes | int] = []
    for index in range(MOST_SEGMENTS + 1):
        got += one.take(11 + index, 0, b"x", 0)
    assert got[0] == 10
    assert joined(got) == b"x" * (MOST_SEGMENTS + 1)
    assert one.lost == 10


def test_a_hole_is_given_up_after_a_while() -> None:
    one = half()
    one.take(0, SYN, b"", 0)
    assert one.take(11, 0, b"x", 5) == []
    assert one.take(12, 0, b"y", PATIENCE) == []
    assert one.take(13, 0, b"z", PATIENCE + 6) == [10, b"x", b"y", b"z"]


def test_a_hole_is_given_up_where_all_hold_too_much() -> None:
    budget = Budget(4)
    one, other = Half(budget), Half(budget)
    for each in (one, other):
        each.take(0, SYN, b"", 0)
    assert one.take(11, 0, b"abcd", 0) == []
    assert other.take(11, 0, b"efgh", 0) == [10, b"efgh"]
    assert budget.refused == 1
    assert one.flush() == [10, b"abcd"]
    assert budget.left == 4


def test_it_stops_at_its_limit() -> None:
    one = half(head=5)
    assert (
        joined(take(one, [(9, SYN, b""), (10, 0, b"abc"), (13, 0, b"defg"), (17, 0, b"h")]))
        == b"abcde"
    )
    assert one.done
    assert not one.ended


def test_nothing_follows_a_fin() -> None:
    one = half()
    got = take(one, [(9, SYN, b""), (13, 0, b"later"), (10, FIN, b"abc"), (10, 0, b"abcd")])
    assert joined(got) == b"abc"
    assert one.ended


@pytest.mark.parametrize("ahead", [FARTHEST + 1, 1 << 30])
def test_what_is_too_far_ahead_is_not_believed(ahead: int) -> None:
    one = half()
    assert take(one, [(9, SYN, b""), (10 + ahead, 0, b"zz"), (10, 0, b"a")]) == [b"a"]
    assert (one.ignored, one.held) == (1, 0)
