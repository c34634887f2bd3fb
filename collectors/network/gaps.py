"""When the network sensor was blind, and for how long. Pure: is told times, gives records.

Times are ns since 1970.
"""

from __future__ import annotations

from collections.abc import Mapping

from collectors.kinds import Scrubbed, VisibilityLost
from collectors.network.messages import Count
from collectors.redact import scrub

_LONGEST = 60_000_000_000
"""An overflow that lasts is told after a minute."""
_RAREST = 60 * _LONGEST
"""The second one within some minutes waits for two, the next for four, up to an hour: a flood that
comes and goes for days tells of itself a few dozen times, with all that was lost."""
_MOST_GONE = 64
"""Interfaces whose return is waited for."""


class _Overflow:
    __slots__ = ("begin", "dropped", "end", "received")

    def __init__(self, begin: int) -> None:
        self.begin = self.end = begin
        self.dropped = self.received = 0


class Gaps:
    """Remembers what is missing now."""

    def __init__(self) -> None:
        """Nothing is missing."""
        self._overflows: dict[str, _Overflow] = {}
        self._told: dict[str, tuple[int, int]] = {}
        """When an overflow was told last, and how long the next one waits since."""
        self._gone: dict[str, int] = {}

    def counted(self, counts: tuple[Count, ...], begin: int, end: int) -> list[VisibilityLost]:
        """Take the counts of the time from *begin* to *end*; return overflows that are over."""
        told = []
        for one in counts:
            held = self._overflows.get(one.interface)
            if one.dropped:
                if held is None:
                    held = self._overflows[one.interface] = _Overflow(begin)
                held.end = end
                held.dropped += one.dropped
                held.received += one.received
            if held is None or (one.dropped and abs(end - held.begin) < _LONGEST):
                continue
            if self._may_tell(one.interface, end):
                told.append(_overflow(one.interface, held))
                del self._overflows[one.interface]
        return told

    def _may_tell(self, name: str, now: int) -> bool:
        last, wait = self._told.get(name, (now - 2 * _RAREST, _LONGEST))
        since = abs(now - last)
        if since < wait:
            return False
        self._told[name] = (now, _LONGEST if since >= 4 * wait else min(2 * wait, _RAREST))
        return True

    def rest(self) -> list[VisibilityLost]:
        """Return overflows that are not told yet: the sensor ends."""
        told = [_overflow(name, held) for name, held in self._overflows.items()]
        self._overflows.clear()
        return told

    def gone(self, name: str, at: int) -> list[VisibilityLost]:
        """Take note that a watched interface is gone."""
        if name in self._gone:
            return []
        self._gone[name] = at
        while len(self._gone) > _MOST_GONE:
            del self._gone[next(iter(self._gone))]
        if name not in self._overflows:
            self._told.pop(name, None)
        detail = scrub(f"the interface {name} is gone; the others are watched as before")
        return [VisibilityLost(cause="interface_gone", begin=at, detail=detail)]

    def renamed(self, names: Mapping[str, str]) -> None:
        """Take note that interfaces have other names; what is held goes on under those."""
        held = {
            new: self._overflows.pop(old) for old, new in names.items() if old in self._overflows
        }
        told = {new: self._told.pop(old) for old, new in names.items() if old in self._told}
        self._overflows.update(held)
        self._told.update(told)

    def back(self, name: str, at: int) -> list[VisibilityLost]:
        """Take note that an interface is watched; tell how long it was not, if it was gone."""
        begin = self._gone.pop(name, None)
        if begin is None:
            return []
        return [_lost("interface_gone", begin, at, scrub(f"the interface {name} is back"))]

    @staticmethod
    def given_up(cause: str, begin: int) -> VisibilityLost:
        """Return the gap that lasts until the supervisor starts the sensor anew."""
        detail = f"the process that reads packets ended too often, the last time by {cause}"
        return VisibilityLost(cause="child_died", begin=begin, detail=scrub(detail))

    @staticmethod
    def died(cause: str, begin: int, end: int) -> VisibilityLost:
        """Return the gap between a child's last answer and the next child's readiness."""
        detail = (
            f"the process that reads packets ended ({cause}) and was started anew; what it had not "
            "told yet of open conversations and of the last minute is lost, too"
        )
        return _lost("child_died", begin, end, scrub(detail))


def _lost(cause: str, begin: int, end: int, detail: Scrubbed) -> VisibilityLost:
    return VisibilityLost(
        cause=cause, begin=begin, end=end, duration=max(0, end - begin), detail=detail
    )


def _overflow(name: str, held: _Overflow) -> VisibilityLost:
    share = 100 * held.dropped / max(1, held.received)
    detail = scrub(
        f"{held.dropped} of {held.received} packets ({share:.1f} %) of {name} were lost: "
        "more came than could be read"
    )
    return _lost("packets_dropped", held.begin, held.end, detail)
