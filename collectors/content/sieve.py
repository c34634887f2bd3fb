"""Passes over text that cannot hold a candidate of given shapes, quicker than looking for them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from collectors.content.digits import may_hold

_SHORT = 1500
"""Bytes up to which `may_hold` is quicker than what numpy needs to begin."""
_APART = 800
"""Bytes of text for each place that is looked at closely; where more are, all is looked at."""
_WORD = 8


class Sieve:
    """For shapes, which are as in `collectors.content.digits.candidates`.

    A candidate of 15 bytes or more covers eight that begin at a multiple of eight. One bit for each
    byte, whether it is a digit, makes these one number; few numbers are part of a shape.
    """

    def __init__(self, shapes: Iterable[tuple[int, ...]]) -> None:
        """Make the table.

        Raises:
            ValueError: a shape is too short.
        """
        written = ["-".join("0" * length for length in shape) for shape in shapes]
        if min(map(len, written)) < 2 * _WORD - 1:
            raise ValueError("a shape covers no whole word")
        self._fewest = min(text.count("0") for text in written)
        self._around = max(map(len, written)) - _WORD
        table = bytearray(256)
        for text in written:
            for start in range(len(text) - _WORD + 1):
                word = text[start : start + _WORD].replace("0", "1").replace("-", "0")
                table[int(word, 2)] = 1
        self._parts = bytes(table)

    def parts(self, data: bytes) -> bytes:
        """Return the parts of *data* that may hold candidates, apart from each other, or all of it.

        Most text gives nothing. All candidates are in what is returned; where a long run of digits
        is cut there may be others.
        """
        if len(data) < _SHORT:
            return data if may_hold(data, self._fewest) else b""
        is_digit = (np.frombuffer(data, np.uint8) - np.uint8(48)) < 10
        words = np.packbits(is_digit).tobytes().translate(self._parts)
        word = words.find(1)
        left = len(data) // _APART
        found: list[bytes] = []
        while word >= 0:
            begin = max(0, word * _WORD - self._around)
            left -= 1
            if left < 0:
                return data if may_hold(data[begin:], self._fewest) or found else b""
            part = data[begin : (word + 1) * _WORD + self._around]
            if may_hold(part, self._fewest):
                found.append(part)
            word = words.find(1, word + 1)
        return b"x".join(found)
