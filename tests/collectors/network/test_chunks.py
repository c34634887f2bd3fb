"""What must not happen: bytes of a file are lost or come twice when the window moves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collectors.network.chunks import Window


class Source:
    """A file that gives as many bytes at once as it likes."""

    def __init__(self, data: bytes, steps: list[int]) -> None:
        self.data, self.steps = data, steps

    def read_into(self, view: memoryview) -> int:
        """Fill a part of *view*."""
        count = min(len(view), len(self.data), self.steps.pop() if self.steps else 1 << 20)
        view[:count], self.data = self.data[:count], self.data[count:]
        return count


@given(
    st.binary(max_size=300),
    st.lists(st.integers(1, 40), max_size=20),
    st.lists(st.tuples(st.sampled_from(["need", "skip", "fill"]), st.integers(1, 90)), max_size=30),
)
def test_the_window_shows_the_file(
    data: bytes, steps: list[int], moves: list[tuple[str, int]]
) -> None:
    window = Window(Source(data, steps).read_into, 64)
    for move, count in moves:
        before = window.base + window.position
        if move == "need":
            assert window.need(count) == (before + count <= len(data))
        elif move == "fill":
            assert window.fill() == (before < len(data))
        else:
            assert window.skip(count) == (before + count <= len(data))
            assert window.base + window.position == min(before + count, len(data))
        shown = bytes(window.data[window.position : window.end])
        at = window.base + window.position
        assert shown == data[at : at + len(shown)]
