"""Packets that were not seen: what is quiet may only be unseen.

Two measures: what the kernel says it dropped, and, as in Zeek's capture-loss policy, data that was
acknowledged and never came by (`collectors.network.acked`), which shows losses of which the kernel
knows nothing: of the card, by other ways, by what takes packets before the sensor. Both are shares
per window and interface.
MITRE ATT&CK T1562.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from collectors.network.detect.settings import LossSettings
from collectors.network.model import SECOND, Finding, Seen


class CaptureStats(msgspec.Struct, frozen=True, kw_only=True):
    """Counters of one interface since the last record, about once a minute."""

    at: int
    interface: str = ""
    packets: int = 0
    """Seen."""
    dropped: int = 0
    """By the kernel, for want of room."""
    acked: int = 0
    """Bytes that were acknowledged."""
    unseen: int = 0
    """Of these: never came by."""
    holes: int = 0
    """How often that was noticed."""


class _Window:
    __slots__ = ("acked", "begin", "dropped", "holes", "last", "packets", "unseen")

    def __init__(self, begin: int) -> None:
        self.begin = self.last = begin
        self.packets = self.dropped = self.acked = self.unseen = self.holes = 0


class Loss:
    """Sums up the counters of each interface."""

    takes: ClassVar[tuple[type[msgspec.Struct], ...]] = (CaptureStats,)

    def __init__(self, settings: LossSettings) -> None:
        self._settings = settings
        self._windows: dict[str, _Window] = {}
        self._evicted = 0

    def see(self, record: Seen | CaptureStats) -> tuple[Finding, ...]:
        """Take counters."""
        if not isinstance(record, CaptureStats):
            return ()
        window = self._windows.get(record.interface)
        if window is None:
            if len(self._windows) >= 256:
                self._evicted += len(self._windows)
                self._windows.clear()
            window = self._windows[record.interface] = _Window(record.at)
        window.last = record.at
        window.packets += max(0, record.packets)
        window.dropped += max(0, record.dropped)
        window.acked += max(0, record.acked)
        window.unseen += max(0, record.unseen)
        window.holes += max(0, record.holes)
        if abs(record.at - window.begin) < self._settings.window * SECOND:
            return ()
        del self._windows[record.interface]
        return self._judge(record.interface, window)

    def tick(self, now: int) -> tuple[Finding, ...]:
        """Judge what got no more counters: the interface is gone, or the capture over."""
        patience = 2 * self._settings.window * SECOND
        over = [name for name, one in self._windows.items() if now - one.begin >= patience]
        return tuple(found for name in over for found in self._judge(name, self._windows.pop(name)))

    def evicted(self) -> int:
        """Return how many interfaces were forgotten for want of room."""
        return self._evicted

    def _judge(self, interface: str, window: _Window) -> tuple[Finding, ...]:
        limits = self._settings
        total = window.packets + window.dropped
        dropped = window.dropped / total if total >= limits.least_packets else 0.0
        enough = window.acked >= limits.least_acked and window.holes >= limits.least_holes
        unseen = min(1.0, window.unseen / window.acked) if enough else 0.0
        if dropped <= limits.dropped and unseen <= limits.unseen:
            return ()
        return (
            Finding(
                rule="capture.loss",
                at=window.last,
                begin=window.begin,
                severity="high" if dropped > 0.2 or unseen > 0.5 else "medium",
                technique="T1562",
                entity=interface,
                count=window.dropped,
                score=min(1.0, max(dropped, unseen)),
                numbers={
                    "packets": float(window.packets),
                    "dropped": float(window.dropped),
                    "dropped_share": dropped,
                    "acked_bytes": float(window.acked),
                    "unseen_bytes": float(window.unseen),
                    "unseen_share": unseen,
                    "seconds": (window.last - window.begin) / SECOND,
                },
            ),
        )
