"""Packets that were not seen: what is quiet may only be unseen.

Two measures, as in Zeek's capture-loss policy: what the kernel says it dropped, and the share of
acknowledgements of data that never came by. Both per window.
MITRE ATT&CK T1562.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from collectors.network.detect.settings import LossSettings
from collectors.network.model import Finding, Seen

SECOND = 1_000_000_000


class CaptureStats(msgspec.Struct, frozen=True, kw_only=True):
    """Counters of one interface since the last record, about once a minute."""

    at: int
    interface: str = ""
    packets: int = 0
    """Seen."""
    dropped: int = 0
    """By the kernel, for want of room."""
    acks: int = 0
    """TCP segments that acknowledge data."""
    acks_unseen: int = 0
    """Of these: data that never came by."""


class _Window:
    __slots__ = ("acks", "begin", "dropped", "packets", "unseen")

    def __init__(self, begin: int) -> None:
        self.begin = begin
        self.packets = self.dropped = self.acks = self.unseen = 0


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
        window.packets += max(0, record.packets)
        window.dropped += max(0, record.dropped)
        window.acks += max(0, record.acks)
        window.unseen += max(0, record.acks_unseen)
        if abs(record.at - window.begin) < self._settings.window * SECOND:
            return ()
        del self._windows[record.interface]
        return self._judge(record, window)

    def tick(self, now: int) -> tuple[Finding, ...]:
        """Do nothing: counters come once a minute."""
        del now
        return ()

    def evicted(self) -> int:
        """Return how many interfaces were forgotten for want of room."""
        return self._evicted

    def _judge(self, record: CaptureStats, window: _Window) -> tuple[Finding, ...]:
        limits = self._settings
        total = window.packets + window.dropped
        dropped = window.dropped / total if total else 0.0
        unseen = window.unseen / window.acks if window.acks else 0.0
        if total < limits.least_packets:
            return ()
        if dropped <= limits.dropped and unseen <= limits.unseen:
            return ()
        return (
            Finding(
                rule="capture.loss",
                at=record.at,
                begin=window.begin,
                severity="high" if dropped > 0.2 or unseen > 0.5 else "medium",
                technique="T1562",
                entity=record.interface,
                count=window.dropped,
                score=min(1.0, max(dropped, unseen)),
                numbers={
                    "packets": float(window.packets),
                    "dropped": float(window.dropped),
                    "dropped_share": dropped,
                    "acks_of_unseen_data_share": unseen,
                    "seconds": (record.at - window.begin) / SECOND,
                },
            ),
        )
