"""The network sensor: what this server talks to, and whether data leaves."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from collectors.api import Coverage, SensorContext, Settings
from collectors.kinds import (
    ChildCrashed,
    NetworkContacts,
    NetworkContent,
    NetworkFinding,
    NetworkFlow,
    NetworkService,
    Record,
    VisibilityLost,
)
from collectors.network.interfaces import MOST, Choice, Interfaces
from collectors.network.settings import NetworkSettings
from collectors.paths import SafePath


class NetworkSensor:
    """See `collectors.api.Sensor`."""

    name: ClassVar[str] = "network"
    settings_type: ClassVar[type[Settings]] = NetworkSettings
    emits: ClassVar[frozenset[type[Record]]] = frozenset(
        {
            NetworkFlow,
            NetworkService,
            NetworkContacts,
            NetworkContent,
            NetworkFinding,
            VisibilityLost,
            ChildCrashed,
        }
    )

    def __init__(self, settings: Settings, state_dir: Path) -> None:
        """*state_dir* is the sensor's own directory, ``<agent>/sensors/network``."""
        if not isinstance(settings, NetworkSettings):
            raise TypeError(f"network needs NetworkSettings, not {type(settings).__name__}")
        self._settings = settings
        self._state_dir = state_dir
        self._coverage: Coverage = {}

    def check(self) -> list[str]:
        """Return warnings about interfaces.

        Raises:
            Unsupported: packet sockets do not work here.
        """
        from collectors.network.worker import supported

        supported()
        wanted = self._settings.interfaces
        choice = Choice(wanted=wanted, unwanted=self._settings.exclude_interfaces)
        warnings = []
        interfaces = Interfaces(choice)
        absent = interfaces.absent()
        if absent:
            there = ", ".join(interfaces.present()) or "none"
            named = ", ".join(absent)
            warnings.append(f"interfaces: there is no {named}; there are: {there}")
        if not interfaces.up():
            named = f"none of {', '.join(wanted)}" if wanted else "no interface"
            warnings.append(f"{named} is up; what comes up is watched from then on")
        elif interfaces.beyond:
            left = f"{interfaces.beyond} interfaces are not watched, {MOST} are the most"
            warnings.append(f"{left}: say which ones matter with interfaces or exclude_interfaces")
        table = self._settings.indicators
        if table and not os.access(table, os.R_OK):
            made = f"make it with: ronda-agent indicators FILE.csv --to {table}"
            warnings.append(f"indicators: {table} is missing or not readable; {made}")
        return warnings

    def run(self, context: SensorContext) -> None:
        """Watch until the agent stops.

        Raises:
            Unsupported: packet sockets do not work here any more.
            ChildError: the process that reads packets died too often.
        """
        from collectors.network.worker import Worker

        Worker(self._settings, context, self._coverage).run()

    def coverage(self) -> Coverage:
        """Return packets and losses of each interface, flows, and what is not seen."""
        return dict(self._coverage)

    def offer(self, paths: Sequence[SafePath]) -> None:
        """Do nothing: changed files are no concern of this sensor."""
