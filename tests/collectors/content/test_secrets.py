"""What must not happen: a hostile file makes the search slow, or a span lies outside it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.content.secrets import hidden


@given(st.binary(max_size=400))
def test_spans_lie_inside(data: bytes) -> None:
    for begin, end in hidden(data, names=True):
        assert 0 <= begin <= end <= len(data)


@pytest.mark.parametrize(
    "piece",
    [
        b"password",
        b"password ",
        b"password:\n ",
        b"key[",
        b"aA1",
        b"a:b",
        b" -p",
        b"-----BEGIN PRIVATE KEY-----",
        b"$6$",
        b"eyJ",
        b"x.",
        b"{[(",
    ],
)
def test_bounded_work(piece: bytes) -> None:
    small = (piece * (16_384 // len(piece)))[:16_384]
    large = small * 16
    begin = time.process_time()
    hidden(small, names=True)
    middle = time.process_time()
    hidden(large, names=True)
    end = time.process_time()
    # Linear would be 16; squared 256.
    assert end - middle < 100 * (middle - begin) + 0.3
