"""The second child beside the capture: looks into cleartext, on a thread of its own.

Only a frame around `collectors.network.contents`: begins, ends, and tells whether it still runs.
"""

from __future__ import annotations

import threading

from collectors.api import Coverage, SensorContext, Stopped
from collectors.kinds import Kind
from collectors.network.contents import Contents
from collectors.sighting import Sighting

_PATIENCE = 1.5
"""Seconds that it may take to end; its child is killed at the beginning of them."""


class Looking:
    """Runs `Contents` beside the sensor."""

    def __init__(self, context: SensorContext) -> None:
        """Begin."""
        self._context = context
        self._ended = threading.Event()
        self._error: BaseException | None = None
        # <agent>/sensors/network: what the agent was given to look for lies in <agent>.
        agent = context.state_dir.parent.parent
        self._contents = Contents(context.keys, agent, self._emit)
        self._thread = threading.Thread(target=self._run, name="network-content", daemon=True)
        self._thread.start()

    @property
    def channel(self) -> int:
        """Return the descriptor for the capture child; it stays open here."""
        return self._contents.channel

    def _emit(self, record: Kind, observed: int, severity: int | None) -> None:
        self._context.emit(
            Sighting(record=record, observed=observed, module="network", severity=severity)
        )

    def _stopping(self) -> bool:
        return self._ended.is_set() or self._context.stopping.is_set()

    def _run(self) -> None:
        try:
            self._contents.run(self._stopping, self._context.now)
        except Stopped:  # the agent goes down while this waits for the spool
            pass
        except BaseException as error:  # noqa: BLE001 - handed to the sensor's own thread
            self._error = error

    def check(self) -> None:
        """See whether it still runs.

        Raises:
            BaseException: what ended it, for the supervisor.
        """
        if self._error is not None:
            raise self._error

    def coverage(self) -> Coverage:
        """Return what was looked into since the start."""
        return self._contents.coverage()

    def close(self) -> None:
        """End it and its child."""
        self._ended.set()
        self._contents.interrupt()
        self._thread.join(_PATIENCE)
        if not self._thread.is_alive():
            self._contents.close()
