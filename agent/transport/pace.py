"""When to try again, and how much to send: the decisions of the transport. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass

from collectors.wire import MAX_EVENTS

_FIRST_DELAY = 0.5
_LONGEST_DELAY = 30.0
_HOPELESS_DELAY = 60.0


class Backoff:
    """Full jitter: a random time up to a doubling bound, so that a fleet does not march in step.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """

    def __init__(self, rng: random.Random) -> None:
        """*rng* decides."""
        self._rng = rng
        self._bound = _FIRST_DELAY

    def reset(self) -> None:
        """Something worked."""
        self._bound = _FIRST_DELAY

    def next(self, retry_after: float | None = None) -> float:
        """Return seconds to wait; at least *retry_after*, if the collector asked for that."""
        delay = self._rng.uniform(0.0, self._bound)
        self._bound = min(self._bound * 2, _LONGEST_DELAY)
        if retry_after is not None:
            # Spread over a fifth more, for everybody got the same number.
            return retry_after * self._rng.uniform(1.0, 1.2)
        return max(delay, 0.05)

    def hopeless(self) -> float:
        """Return seconds to wait when only a person can help."""
        return _HOPELESS_DELAY * self._rng.uniform(0.5, 1.0)


@dataclass
class Window:
    """How many events the next batch holds, and the search for one that the collector refuses."""

    limit: int = MAX_EVENTS
    _condemned: int = 0

    def accepted(self, events: int) -> None:
        """A batch with *events* events was taken."""
        self.limit = min(self.limit * 2, MAX_EVENTS)
        if events:
            self._condemned = 0

    def refused(self, events: int) -> bool:
        """A batch was refused without naming the culprit; halve it.

        Returns:
            True when a single event was refused and should be quarantined. After three in a
            row without any success it is not the events: False, and the caller waits.
        """
        if events > 1:
            self.limit = max(1, events // 2)
            return False
        self._condemned += 1
        return self._condemned <= 3


@dataclass
class SkewWatch:
    """Decides when a difference between the clocks is news."""

    tolerance: float = 5.0
    """Seconds that count as nothing."""
    reported: float = 0.0
    current: float = 0.0

    def observe(self, asked: int, answered: int, collector: int) -> float | None:
        """Return the skew in seconds (positive: this host is ahead) once per change, or None.

        A slow answer says little: half of the round trip widens the tolerance.
        """
        self.current = ((asked + answered) / 2 - collector) / 1e9
        tolerance = self.tolerance + max(0, answered - asked) / 2e9
        if abs(self.current - self.reported) <= tolerance:
            return None
        self.reported = self.current
        return self.current
