"""How long a test waits: until what it waits for is there, on a machine however loaded.

A state is waited for, never assumed to follow another one; a deadline only keeps a test that will
not pass from waiting for ever, so it is generous: when all is well it costs nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE = 60.0
"""Seconds. Half of what pytest gives a test (`timeout` in setup.cfg), so that what was waited for
is told, rather than where."""

T = TypeVar("T")


def until(condition: Callable[[], T], what: str = "what was waited for") -> T:
    """Return the first true answer of *condition*.

    Raises:
        AssertionError: there was none within `PATIENCE`.
    """
    deadline = time.monotonic() + PATIENCE
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {PATIENCE:g} s: {what}"
        time.sleep(0.01)
    return answer
