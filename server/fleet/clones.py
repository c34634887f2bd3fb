"""Two machines with one identity: their signs of life alternate."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import msgspec

REMEMBERED = 8
"""Machines that an agent has been, newest last."""
QUIET = 3600 * 10**9
"""ns between two reports about one agent."""


class Machine(NamedTuple):
    """What tells one running machine from another."""

    host_id: str
    boot_id: str


class Clone(msgspec.Struct, frozen=True, kw_only=True):
    """An identity that two machines use."""

    agent: str
    hosts: tuple[str, ...]
    addresses: tuple[str, ...]


class _Seen(NamedTuple):
    machine: Machine
    host: str
    address: str


class CloneWatch:
    """Remembers which machine each agent has been. Pure: no clock, no database.

    A reboot changes the boot id for good, a move to new hardware the host id. Coming back to a
    machine that was left before can only mean that both run.
    """

    def __init__(self) -> None:
        self._seen: dict[str, deque[_Seen]] = {}
        self._reported: dict[str, int] = {}

    def see(self, agent: str, machine: Machine, host: str, address: str, now: int) -> Clone | None:
        """Take note of a sign of life; return a clone that it gives away, once an hour."""
        seen = self._seen.setdefault(agent, deque(maxlen=REMEMBERED))
        if seen and seen[-1].machine == machine:
            return None
        left_before = any(item.machine == machine for item in seen)
        seen.append(_Seen(machine, host, address))
        if not left_before or now - self._reported.get(agent, -QUIET) < QUIET:
            return None
        self._reported[agent] = now
        return Clone(
            agent=agent,
            hosts=tuple(sorted({item.host for item in seen})),
            addresses=tuple(sorted({item.address for item in seen})),
        )
