"""What must not happen: a line that depends on where bytes were cut, or one without end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.network.protocols.cutting import LONGEST_LINE, Frames, Lines


def lines(data: bytes, size: int) -> list[bytes]:
    one = Lines()
    out = []
    for begin in range(0, len(data), size):
        out += list(one.feed(data[begin : begin + size]))
    return out


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"bc"]), max_size=40).map(b"".join))
def test_lines_do_not_depend_on_cuts(data: bytes) -> None:
    whole = lines(data, len(data) or 1)
    assert whole == [line.removesuffix(b"\r") for line in data.split(b"\n")[:-1]]
    assert lines(data, 1) == whole


@pytest.mark.parametrize("size", [1, 1000, 1 << 20])
def test_a_line_without_end_is_cut_off(size: int) -> None:
    data = b"a" * (LONGEST_LINE * 3) + b"\r\nb\n"
    assert lines(data, size) == [b"a" * LONGEST_LINE, b"b"]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_parts_are_passed_over(size: int) -> None:
    one = Lines()
    got = []
    data = b"skip 5\n12\n45x\nuntil\nanything\n.\nat all\r\n.\r\nend\nuntil\n.\r\nlast\n"
    for begin in range(0, len(data), size):
        for line in one.feed(data[begin : begin + size]):
            got.append(line)
            if line.startswith(b"skip"):
                one.discard(5)
            elif line == b"until":
                one.until(b"\r\n.\r\n")
    assert got == [b"skip 5", b"x", b"until", b"end", b"until", b"last"]


def test_many_short_lines_take_no_longer_than_they_should() -> None:
    assert len(lines(b"\n" * 1_000_000, 1_000_000)) == 1_000_000


def by_first(head: bytes) -> int:
    return head[0] or -1


def frames(data: bytes, size: int, most: int = 4096) -> tuple[list[bytes], bool]:
    one = Frames(by_first, most)
    out = []
    for begin in range(0, len(data), size):
        out += list(one.feed(data[begin : begin + size]))
    return out, one.broken


@given(st.lists(st.integers(1, 40), max_size=10), st.integers(1, 50), st.integers(1, 12))
def test_frames_do_not_depend_on_cuts(sizes: list[int], size: int, most: int) -> None:
    whole = [bytes((one,)) + b"x" * (one - 1) for one in sizes]
    expected = [frame[:most] for frame in whole], False
    assert frames(b"".join(whole), size, most) == expected


def test_what_is_no_frame_ends_the_cutting() -> None:
    assert frames(b"\2a\0\2b", 1) == frames(b"\2a\0\2b", 9) == ([b"\2a"], True)


def test_what_follows_a_frame_can_be_taken_out() -> None:
    one = Frames(by_first, 2)
    for frame in one.feed(b"\4abcrest"):
        assert frame == b"\4a"
        assert one.rest() == b"rest"
    assert one.rest() == b""
