"""What the agent writes: batches and heartbeats, and what they tell about it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version

import msgspec

from agent.clock import Clock
from agent.identity import host_facts
from agent.spool import Pending
from collectors.api import Coverage
from collectors.wire import WIRE_VERSION, Header, Heartbeat, encode_batch


@dataclass(frozen=True)
class Vitals:
    """What a heartbeat tells about the agent."""

    healthy: bool = True
    problems: tuple[str, ...] = ()
    coverage: dict[str, Coverage] | None = None


@dataclass
class UplinkStatus:
    """For ``status``."""

    collector: str = ""
    connected: bool = False
    last_answer: int | None = None
    """ns since 1970."""
    sent: int = 0
    """Events taken by the collector since the agent started."""
    skew: float = 0.0
    """Seconds; positive when this host is ahead."""
    certificate_until: int = 0
    """ns since 1970."""


class Letterhead:
    """Knows what stands on top of every message."""

    def __init__(self, agent: str, clock: Clock) -> None:
        """Read host name, machine and boot once."""
        self._agent = agent
        self._clock = clock
        self._facts = host_facts()
        self._version = version("ronda")

    def batch(self, batch: Pending) -> bytes:
        """Return the request body of a batch."""
        header = Header(
            version=WIRE_VERSION,
            agent=self._agent,
            epoch=batch.epoch,
            first=batch.first,
            last=batch.last,
            sent=self._clock.wall(),
            agent_version=self._version,
            **self._facts,
        )
        return encode_batch(header, batch.bodies, batch.skipped)

    def heartbeat(self, epoch: int, last: int, acknowledged: int, vitals: Vitals) -> bytes:
        """Return the request body of a heartbeat; the numbers are those of the spool."""
        beat = Heartbeat(
            version=WIRE_VERSION,
            agent=self._agent,
            epoch=epoch,
            last=last,
            sent=self._clock.wall(),
            agent_version=self._version,
            pending=last - acknowledged,
            healthy=vitals.healthy,
            problems=list(vitals.problems),
            coverage=dict(vitals.coverage or {}),
            **self._facts,
        )
        return msgspec.msgpack.encode(beat)
