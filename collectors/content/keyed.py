"""JSON, .env, YAML, XML, PHP arrays and plain text: the key stands left of the value."""

from __future__ import annotations

import re

import numpy as np

from collectors.content.digits import Bytes, Ints
from collectors.content.groups import Groups

_REACH = 64
_MOST = 50_000
"""Keys that are read one by one in a file. What follows joins the column seen most often."""

_KEY = re.compile(
    rb"([A-Za-z_][A-Za-z_0-9. -]{0,40}?)[\"'`\]]{0,3}[ \t]{0,20}(?:=>|[:=])"
    rb"[ \t]{0,20}[\"'`]?[+(]?\Z"
    rb"|<([A-Za-z_][A-Za-z_0-9:.-]{0,40})(?: [^<>]{0,60})?>\s{0,20}[+(]?\Z"
    rb"|([A-Za-z][A-Za-z./ -]{1,30})[ \t]{1,20}[+(]?\Z"
)


class Keyed:
    """Reads the key of each value."""

    def __init__(self, format_: str) -> None:
        self.format = format_
        self.groups = Groups()
        self._seen = 0
        self._counts: dict[int, int] = {}

    def begin(self, data: bytes) -> None:
        """See `collectors.content.groups.Layout`: nothing is carried over."""

    def assign(self, data: bytes, block: Bytes, starts: Ints) -> Ints:  # noqa: ARG002 - Layout
        """See `collectors.content.groups.Layout`."""
        result = np.zeros(len(starts), np.int64)
        room = max(0, _MOST - self._seen)
        for index, start in enumerate(starts[:room].tolist()):
            number = self.groups.number(key_before(data, start))
            result[index] = number
            self._counts[number] = self._counts.get(number, 0) + 1
        if len(starts) > room and self._counts:
            result[room:] = max(self._counts, key=lambda number: self._counts[number])
        self._seen += len(starts)
        return result


def key_before(data: bytes, start: int) -> str:
    """Return the key that announces the value at *start*, empty when there is none."""
    left = data[max(0, start - _REACH) : start]
    left = left[left.rfind(b"\n") + 1 :]
    match = _KEY.search(left)
    if match is None:
        return ""
    return match.group(match.lastindex or 0).decode("ascii")
