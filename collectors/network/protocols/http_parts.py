"""What a direction of HTTP collects: the head of a message, and the first bytes of its body."""

from __future__ import annotations

import re

from collectors.network.protocols.http_messages import LONGEST_HEAD, MOST_BODY
from collectors.network.protocols.talk import Around

_END = re.compile(rb"\n\r?\n")


class Heads:
    """Collects the head of a message, which may come in pieces."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def take(self, data: bytes, at: int) -> tuple[bytes | None, int]:
        """Return the head once it is whole, and the offset in *data* where it ends."""
        before = len(self._rest)
        whole = self._rest + data[at:] if before or at else data
        start = 0
        if whole[:1] in {b"\r", b"\n"}:  # RFC 9112 2.2: empty lines before a request
            start = len(whole) - len(whole.lstrip(b"\r\n"))
        stop = self._end(whole, start, max(start, before - 3))
        if stop is None:
            self._rest = whole[start:]
            return None, len(data)
        self._rest = b""
        return whole[start:stop], at + stop - before

    @staticmethod
    def _end(whole: bytes, start: int, searched: int) -> int | None:
        newline = whole.find(b"\n", start, start + LONGEST_HEAD)
        first = whole[start:newline] if newline > 0 else b""
        if first.startswith(b"GET ") and b"HTTP/" not in first.upper():  # HTTP/0.9: a line is all
            return newline + 1
        found = _END.search(whole, searched)
        return found.end() if found else None

    def too_long(self) -> bool:
        """Tell whether this is more than a head may be."""
        return len(self._rest) > LONGEST_HEAD

    def clear(self) -> None:
        """Forget what was collected."""
        self._rest = b""


class Capture:
    """The first bytes of a body, within the budget of all."""

    __slots__ = ("_around", "_pieces", "full", "size", "whole")

    def __init__(self, around: Around) -> None:
        self._around = around
        self._pieces: list[bytes] = []
        self.size = 0
        self.full = False
        self.whole = True

    def add(self, pieces: list[bytes]) -> None:
        """Take what comes next."""
        for piece in pieces:
            room = MOST_BODY - self.size
            part = piece[:room] if len(piece) > room else piece
            budget = self._around.budget
            if budget is not None and not budget.take(len(part)):
                part = b""
            if len(part) < len(piece):
                self.full, self.whole = True, False
            if part:
                self._pieces.append(part)
                self.size += len(part)

    def take(self) -> bytes:
        """Return what there is, and give the memory back."""
        data = b"".join(self._pieces)
        if self._around.budget is not None:
            self._around.budget.give(self.size)
        self._pieces, self.size = [], 0
        return data
