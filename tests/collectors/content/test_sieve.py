"""What must not happen: text is passed over although a candidate stands in it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from collectors.content import sieve as module
from collectors.content.digits import candidates
from collectors.content.sieve import Sieve
from collectors.content.validate import BY_SHAPE

SIEVE = Sieve(BY_SHAPE)
SHAPED = [
    separator.join("1571010203040506"[:length] + "7" * (length - 16) for length in shape).encode()
    for shape in BY_SHAPE
    for separator in " .-_"
] + [b"01.234.567.8-901.234"]
PIECES = [
    b"0",
    b"15",
    b"157101",
    b"2026-11-24 ",
    b" ",
    b".",
    b"-",
    b",",
    b"x",
    b"tanpa angka",
    b"\n",
]
TEXTS = st.lists(
    st.sampled_from(PIECES) | st.sampled_from(SHAPED) | st.binary(max_size=9), max_size=24
).map(b"".join)


def values(data: bytes) -> set[tuple[tuple[int, ...], bytes]]:
    """Return what `candidates` finds: shape and digits."""
    return {
        (found.shape, row.tobytes())
        for found in candidates(np.frombuffer(data, np.uint8), BY_SHAPE)
        for row in found.digits
    }


@settings(max_examples=500)
@given(texts=st.tuples(TEXTS, TEXTS), filling=st.sampled_from([0, 1, 3, 8, 2000, 9000]))
@example(texts=(b"", b""), filling=0)
@example(texts=(SHAPED[0], SHAPED[-1]), filling=9000)
def test_no_candidate_is_lost(texts: tuple[bytes, bytes], filling: int) -> None:
    data = texts[0] + b"a" * filling + texts[1]
    assert values(data) <= values(SIEVE.parts(data))


@settings(max_examples=300)
@given(text=TEXTS)
def test_no_candidate_is_lost_in_short_text(text: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_SHORT", 0)
        patch.setattr(module, "_APART", 1)
        assert values(text) <= values(SIEVE.parts(text))


@pytest.mark.parametrize("at", range(24))
@pytest.mark.parametrize("value", SHAPED)
def test_wherever_it_stands_it_is_seen(value: bytes, at: int) -> None:
    data = b"a" * (4000 + at) + value + b"\n" + b"b" * 4000
    assert values(data) <= values(SIEVE.parts(data))
    assert not values(value) or len(SIEVE.parts(data)) < 200


def test_most_text_is_passed_over() -> None:
    line = b"Tanggal 2026-11-24, nomor 1234567890, halaman 12 dari 400.\n"
    assert SIEVE.parts(line * 3) == b""
    assert SIEVE.parts(line * 300) == b""


def test_a_shape_that_covers_no_word_is_refused() -> None:
    with pytest.raises(ValueError, match="covers no whole word"):
        Sieve([(16,), (4, 4, 4)])
