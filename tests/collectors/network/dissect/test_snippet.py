from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from collectors.network.dissect.forms import Frame
from collectors.network.dissect.snippet import snippet


def test_an_empty_one() -> None:
    assert snippet([], 1) == struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262_144, 1)


@given(st.lists(st.tuples(st.integers(-5, 2**62), st.integers(0, 2**40), st.binary(max_size=50))))
def test_every_frame_comes_back(frames: list[tuple[int, int, bytes]]) -> None:
    data = snippet([Frame(at=at, length=length, data=raw) for at, length, raw in frames], 113)
    at = 24
    for _, _, raw in frames:
        kept, length = struct.unpack_from("<II", data, at + 8)
        assert (kept, data[at + 16 : at + 16 + kept]) == (len(raw), raw)
        assert kept <= length or length < 2**32
        at += 16 + kept
    assert at == len(data)
