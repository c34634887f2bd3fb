"""What must not happen: a block is passed over although a candidate stands in it."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.content.digits import candidates, may_hold
from collectors.content.validate import BY_SHAPE

FEWEST = min(sum(shape) for shape in BY_SHAPE)
PIECES = [b"0", b"15", b"1571", b"157101", b"1571010101900001", b" ", b".", b"-", b"_", b",", b"x"]


@settings(max_examples=500)
@given(st.lists(st.sampled_from(PIECES), max_size=24))
def test_what_has_a_candidate_is_never_passed_over(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    found = list(candidates(np.frombuffer(data, np.uint8), BY_SHAPE))
    assert not found or may_hold(data, FEWEST)


def test_most_text_is_passed_over() -> None:
    assert not may_hold(
        b"Tanggal 2026-11-24, nomor 1234567890, halaman 12 dari 400.\n" * 100, FEWEST
    )
