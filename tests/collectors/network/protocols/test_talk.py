"""What must not happen: a line that depends on where bytes were cut, or one without end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.network.protocols.talk import LONGEST_LINE, Lines, Talk, command
from tests.collectors.network.protocols.dialogues import conn


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


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"", ("", b"")),
        (b"quit", ("QUIT", b"")),
        (b" user  me ", ("USER", b"me")),
        (b"\xff\xfe x", ("��", b"x")),
    ],
)
def test_a_command(line: bytes, expected: tuple[str, bytes]) -> None:
    assert command(line) == expected


def test_the_end_is_told_once() -> None:
    talk = Talk(conn(1))
    assert talk.end(1) == ()
    assert talk.end(1) == ()
    assert talk.client(b"x", 1) == ()
