"""When a package transaction is open. Pure: what was seen and the time go in, a verdict comes out.

Open from the first evidence (the lock is held, or the log or the database changed) until nobody
holds the lock and nothing has moved for a while. With dpkg, changes are held only once the log or
the status file has moved: dpkg writes there before it touches a file, and apt has the lock already
while it downloads or asks. rpm writes a package's files before its database, and has its lock only
while it works: the lock is enough there. A transaction that lasts or stalls is settled in pieces,
so that no change is held back longer than the limit.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

QUIET = 3.0
"""Seconds without lock and without change after which a transaction is over."""
STALE = 180.0
"""Seconds without a line in the log after which nothing more is held: somebody is being asked, or
a script runs. The longest unpacking of one package has to fit."""
LIMIT = 600.0
"""Seconds that a change may be held back at most."""


class Evidence(NamedTuple):
    """What one look at the package manager's files showed."""

    locked: bool
    log: tuple[int, int] = (0, 0)
    """Inode and size of dpkg.log, or of the journal of rpm's database; zeros without one."""
    status: tuple[int, int] = (0, 0)
    """Inode and mtime (ns) of the status file, or of rpm's database."""


class Verdict(enum.Enum):
    """What is to be done with what is held."""

    NONE = "none"
    HOLD = "hold"
    CLOSED = "closed"
    EXPIRED = "expired"


class Transaction:
    """The state. Times are seconds of any clock that does not go back."""

    def __init__(
        self,
        seen: Evidence,
        *,
        quiet: float = QUIET,
        stale: float = STALE,
        limit: float = LIMIT,
        locked_is_working: bool = False,
    ) -> None:
        """*seen* is the evidence after which everything had been settled.

        *locked_is_working*: files may change as soon as the lock is held.
        """
        self._working = locked_is_working
        self._seen = seen._replace(locked=False)
        self._quiet = quiet
        self._stale = stale
        self._limit = limit
        self._locked = False
        self._since = 0.0
        self._moved = 0.0
        self._last = 0.0
        self._active = False
        self.open = False

    def resume(self, now: float) -> None:
        """Go on, because changes are held from an earlier run."""
        self.open = True
        self._last = now
        self._activate(now)

    def observe(self, now: float, evidence: Evidence) -> None:
        """Take note of one look."""
        seen = evidence._replace(locked=False)
        moved = seen != self._seen
        if evidence.locked or moved:
            self.open = True
            self._last = now
        if moved or (self._working and evidence.locked and not self._active):
            self._activate(now)
        self._seen = seen
        self._locked = evidence.locked

    @property
    def holding(self) -> bool:
        """Whether changes may be a package's: apt's lock alone (a download) makes none."""
        return self._active

    def verdict(self, now: float) -> Verdict:
        """Return what is to be done now."""
        if not self.open:
            return Verdict.NONE
        if not self._locked and now - self._last >= self._quiet:
            return Verdict.CLOSED
        if not self._active:
            return Verdict.NONE
        if now - self._since >= self._limit or now - self._moved >= self._stale:
            return Verdict.EXPIRED
        return Verdict.HOLD

    def settled(self, verdict: Verdict) -> None:
        """Take note that everything held was settled on *verdict*."""
        self._active = False
        if verdict is Verdict.CLOSED:
            self.open = False

    @property
    def seen(self) -> Evidence:
        """Return the last evidence, as of a free lock."""
        return self._seen

    def _activate(self, now: float) -> None:
        if not self._active:
            self._since = now
        self._active = True
        self._moved = now
