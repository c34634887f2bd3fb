"""When a package transaction is open. Pure: what was seen and the time go in, a verdict comes out.

Open from the first evidence (dpkg's lock is held, or dpkg.log or the status file changed) until
nobody holds the lock and nothing has moved for a while. A transaction that lasts longer than the
limit is settled in pieces, so that no change is held back longer than that.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

QUIET = 3.0
"""Seconds without lock and without change after which a transaction is over."""
LIMIT = 600.0
"""Seconds that a change may be held back at most."""


class Evidence(NamedTuple):
    """What one look at dpkg's files showed."""

    locked: bool
    log: tuple[int, int] = (0, 0)
    """Inode and size of dpkg.log, zeros when it is not there."""
    status: tuple[int, int] = (0, 0)
    """Inode and mtime (ns) of the status file."""


class Verdict(enum.Enum):
    """What is to be done with what is held."""

    NONE = "none"
    HOLD = "hold"
    CLOSED = "closed"
    EXPIRED = "expired"


class Transaction:
    """The state. Times are seconds of any clock that does not go back."""

    def __init__(self, seen: Evidence, *, quiet: float = QUIET, limit: float = LIMIT) -> None:
        """*seen* is the evidence after which everything had been settled."""
        self._seen = seen._replace(locked=False)
        self._locked = False
        self._quiet = quiet
        self._limit = limit
        self._since = 0.0
        self._moved = 0.0
        self.open = False

    def resume(self, now: float) -> None:
        """Open, because changes are held from an earlier run."""
        if not self.open:
            self._since = self._moved = now
        self.open = True

    def observe(self, now: float, evidence: Evidence) -> None:
        """Take note of one look."""
        moved = evidence._replace(locked=False) != self._seen
        if evidence.locked or moved:
            if not self.open:
                self._since = now
            self.open = True
            self._moved = now
        self._seen = evidence._replace(locked=False)
        self._locked = evidence.locked

    def verdict(self, now: float) -> Verdict:
        """Return what is to be done now."""
        if not self.open:
            return Verdict.NONE
        if now - self._since >= self._limit:
            return Verdict.EXPIRED
        if not self._locked and now - self._moved >= self._quiet:
            return Verdict.CLOSED
        return Verdict.HOLD

    def settled(self, now: float, verdict: Verdict) -> None:
        """Take note that everything held was settled on *verdict*."""
        if verdict is Verdict.CLOSED:
            self.open = False
        else:
            self._since = now

    @property
    def seen(self) -> Evidence:
        """Return the last evidence, as of a free lock."""
        return self._seen
