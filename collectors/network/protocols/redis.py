"""Redis, RESP2 and RESP3: AUTH and HELLO, and their answers.

Source: redis.io, "Redis serialization protocol specification". Commands are answered in order, so
answers are counted until the one that is waited for.
"""

from __future__ import annotations

from collections import deque

from collectors.network.model import Conn, Login
from collectors.network.protocols.talk import ALONE, Around, LineTalk, text

MOST_WAITING = 4096
_MOST_ARGUMENTS = 5
_LONGEST_ARGUMENT = 512
_LONGEST_NUMBER = 10


class _Answers:
    """Counts whole answers, which may be nested."""

    __slots__ = ("_left", "_pushed", "first")

    def __init__(self) -> None:
        self._left = 0
        self._pushed = False
        self.first = b""
        """First line of the answer that is read."""

    def line(self, line: bytes) -> tuple[bool, int]:
        """Take a line; return whether an answer is whole, and how many bytes are to be passed."""
        kind, number = line[:1], _number(line[1:])
        if not self._left:
            self._left = 1
            self._pushed = kind == b">"
            self.first = line
        self._left -= 1
        passed = 0
        if kind in b"$=!" and kind and number >= 0:
            passed = number + 2
        elif kind in b"*~>" and kind and number > 0:
            self._left += number
        elif kind in b"%|" and kind and number > 0:
            self._left += 2 * number + (kind == b"|")
        return not self._left and not self._pushed, passed


class RedisTalk(LineTalk):
    """One connection."""

    protocol = "redis"

    def __init__(self, conn: Conn, around: Around = ALONE) -> None:
        super().__init__(conn, around)
        self._arguments: list[bytes] = []
        self._left = 0
        self._argument = -1
        self._waiting: deque[Login | None] = deque()
        self._answer = _Answers()

    def _command(self, line: bytes, at: int) -> None:
        if self._argument >= 0:  # the bytes of an argument, with the end of its line
            self._argument = -1
            self._said(line[:-2], at)
        elif self._left:
            self._argument_head(line, at)
        elif line.startswith(b"*"):
            self._arguments = []
            self._left = max(0, _number(line[1:]))
        elif line.strip():
            self._whole(_inline(line), at)

    def _argument_head(self, line: bytes, at: int) -> None:
        size = _number(line[1:]) if line.startswith(b"$") else -1
        if size < 0:
            self._stop(at)
        elif len(self._arguments) < _MOST_ARGUMENTS and size <= _LONGEST_ARGUMENT:
            self._argument = size
            self._lines.take(size + 2)
        else:
            self._lines.discard(size + 2)
            self._said(b"", at)

    def _said(self, argument: bytes, at: int) -> None:
        if len(self._arguments) < _MOST_ARGUMENTS:
            self._arguments.append(argument)
        self._left -= 1
        if not self._left:
            self._whole(self._arguments, at)

    def _whole(self, arguments: list[bytes], at: int) -> None:
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(self._login_of(arguments, at))

    def _login_of(self, arguments: list[bytes], at: int) -> Login | None:
        word = arguments[0].upper() if arguments else b""
        rest = arguments[1:]
        if word == b"HELLO" and len(rest) >= 4 and rest[1].upper() == b"AUTH":
            rest = rest[2:4]
        elif word != b"AUTH" or not rest:
            return None
        user, secret = (rest[0], rest[1]) if len(rest) > 1 else (b"", rest[0])
        return Login(
            conn=self.conn,
            at=at,
            protocol="redis",
            user=text(user),
            secret=secret[:256],
            cleartext=bool(secret),
            method="password",
        )

    def _reply(self, line: bytes, at: int) -> None:  # noqa: ARG002
        whole, passed = self._answer.line(line)
        if passed:
            self._answers.discard(passed)
        if whole and self._waiting:
            login = self._waiting.popleft()
            if login is not None:
                self._tried(login)
                self._settle("failure" if self._answer.first[:1] in {b"-", b"!"} else "success")

    def _end(self, at: int) -> None:  # noqa: ARG002
        for login in self._waiting:
            if login is not None:
                self._tried(login)
        self._waiting.clear()


def _number(digits: bytes) -> int:
    return int(digits) if digits.isdigit() and len(digits) <= _LONGEST_NUMBER else -1


def _inline(line: bytes) -> list[bytes]:
    """Return the words of a command as people type it."""
    return [word.strip(b"\"'") for word in line.split()[:_MOST_ARGUMENTS]]
