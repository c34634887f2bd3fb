"""What must not happen: an end that is told twice."""

from __future__ import annotations

import pytest

from collectors.network.protocols.talk import Talk, command
from tests.collectors.network.protocols.dialogues import conn


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
