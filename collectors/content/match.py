"""The raw side of the wall."""

from __future__ import annotations

from typing import NamedTuple


class Match(NamedTuple):
    """One matched value, in clear. Does not leave the process and prints nothing of itself."""

    type: str
    value: str
    """Normalised."""
    column: str = ""
    """Folded name of the column or key next to it."""

    def __repr__(self) -> str:
        """Tell the type only: a traceback or a log line must not hold the value."""
        return f"Match({self.type})"
