"""How long a test waits: until what it waits for is there, on a machine however loaded.

A state is waited for, never assumed to follow another one; a deadline only keeps a test that will
not pass from waiting for ever, so it is generous: when all is well it costs nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal, TypeVar

PATIENCE = 60.0
"""Seconds. Half of what pytest gives a test (`timeout` in setup.cfg), so that what was waited for
is told, rather than where."""

T = TypeVar("T")


def until(
    condition: Callable[[], T | Literal[False] | None],
    what: str = "what was waited for",
    *,
    seconds: float = PATIENCE,
) -> T:
    """Return the first true answer of *condition*; *seconds* only where more work is waited for.

    Raises:
        AssertionError: there was none within *seconds*.
    """
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.01)
    return answer
