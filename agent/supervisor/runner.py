"""One sensor on its thread: check, run, and again after a crash."""

from __future__ import annotations

import contextlib
import logging
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.clock import Clock
from agent.spool import Spool, SpoolClosed
from agent.supervisor.context import Context, Pulse
from collectors.api import Coverage, Keys, Sensor, SensorFactory, Settings, Stopped, Unsupported
from collectors.kinds import Scrubbed, SensorState, Severity, VisibilityLost
from collectors.paths import PathGuard, SafePath
from collectors.redact import excerpt, scrub
from collectors.sighting import Sighting

log = logging.getLogger(__name__)

_FIRST_DELAY = 1.0
_LONGEST_DELAY = 300.0
_STABLE_SECONDS = 300.0
"""After so long without a crash, the next one counts as the first."""
_SILENT_SECONDS = 60.0
"""Three missed beats."""


@dataclass(frozen=True)
class Parts:
    """What all sensors share."""

    state_dir: Path
    spool: Spool
    guard: PathGuard
    keys: Keys
    clock: Clock
    on_problem: Callable[[str, str | None], None]


def describe(error: BaseException) -> Scrubbed:
    """Return exception and innermost frame in one scrubbed line; paths of ours lose their head."""
    frames = traceback.extract_tb(error.__traceback__)
    place = ""
    if frames:
        place = f" ({'/'.join(frames[-1].filename.split('/')[-2:])}:{frames[-1].lineno})"
    return Scrubbed(f"{excerpt(f'{type(error).__name__}: {error}', 240)}{place}")


class SensorRunner:
    """Restarts its sensor for ever, ever more slowly."""

    def __init__(
        self,
        name: str,
        factory: SensorFactory,
        settings: Settings,
        parts: Parts,
        publish: Callable[[str, Sequence[SafePath]], None],
    ) -> None:
        """Make the sensor, but do not start it.

        Raises:
            Exception: whatever the factory raises.
        """
        self.name = name
        self.settings = settings
        self._factory = factory
        self._parts = parts
        self._publish = publish
        self._directory = parts.state_dir / "sensors" / name
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._sensor: Sensor = factory(settings, self._directory)
        self._pulse = Pulse(parts.clock)
        self._stopping = threading.Event()
        self.state = "starting"
        self.reason = ""
        self.warnings: list[str] = []
        self.restarts = 0
        self._thread = threading.Thread(target=self._loop, name=f"sensor-{name}", daemon=True)

    def check(self) -> list[str]:
        """Return the sensor's warnings.

        Raises:
            Unsupported: it cannot run here.
            Exception: whatever else the sensor raises.
        """
        return self._sensor.check()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Set the sensor's stopping event."""
        self._stopping.set()

    def join(self, timeout: float) -> bool:
        """Wait; True when the thread has ended."""
        if self._thread.is_alive():
            self._thread.join(max(0.0, timeout))
        return not self._thread.is_alive()

    def silent(self) -> str | None:
        """Return a sentence when the sensor has not given a sign of life for too long."""
        quiet = self._pulse.silent_for()
        if self.state != "running" or quiet <= _SILENT_SECONDS:
            return None
        return f"no sign of life for {quiet:.0f} s; if it stays so, systemd restarts the agent"

    def offer(self, paths: Sequence[SafePath]) -> None:
        """Pass changed files on; a sensor that fails to take them is blind for them."""
        try:
            self._sensor.offer(paths)
        except Exception as error:  # noqa: BLE001 - a plug-in must not take another one down
            reason = describe(error)
            log.warning(
                "sensor %s did not take %d changed files: %s", self.name, len(paths), reason
            )
            now = self._parts.clock.wall()
            record = VisibilityLost(
                cause="crashed",
                begin=now,
                end=now,
                detail=Scrubbed(f"{self.name} did not take {len(paths)} changed files: {reason}"),
                sample=tuple(self._parts.guard.display(path) for path in paths[:5]),
            )
            sighting = Sighting(record=record, observed=now, module=self.name)
            with contextlib.suppress(SpoolClosed, Stopped):
                self._parts.spool.append([sighting], self._stopping)

    def snapshot(self) -> dict[str, Any]:
        """Return state and coverage for people."""
        return {
            "state": self.state,
            "reason": self.reason,
            "restarts": self.restarts,
            "warnings": self.warnings,
            "coverage": self.coverage(),
        }

    def coverage(self) -> Coverage:
        """Return the sensor's coverage, empty when it cannot say."""
        try:
            return {
                scrub(key): scrub(value) if isinstance(value, str) else value
                for key, value in self._sensor.coverage().items()
            }
        except Exception as error:  # noqa: BLE001 - a plug-in must not stop the heartbeat
            log.warning("sensor %s cannot tell its coverage: %s", self.name, describe(error))
            return {}

    def _loop(self) -> None:
        delay = _FIRST_DELAY
        with contextlib.suppress(SpoolClosed, Stopped):
            while not self._stopping.is_set():
                began = self._parts.clock.monotonic()
                pause = self._once()
                if self._parts.clock.monotonic() - began > _STABLE_SECONDS:
                    delay = _FIRST_DELAY
                if pause is None:
                    pause = delay
                    delay = min(delay * 2, _LONGEST_DELAY)
                # The next instance is made before the pause, so that offers reach it.
                self._renew_sensor()
                self._stopping.wait(pause)
        self.state = "stopped"

    def _once(self) -> float | None:
        """Run once; the pause before the next time in seconds, None for the usual back-off."""
        try:
            self.warnings = [scrub(warning) for warning in self._sensor.check()]
            for warning in self.warnings:
                log.warning("sensor %s: %s", self.name, warning)
            self._enter("running")
            self._sensor.run(self._context())
        except Unsupported as error:
            self._enter("unsupported", scrub(str(error)))
            return _LONGEST_DELAY
        except (Stopped, SpoolClosed):
            if not self._stopping.is_set():
                self._crashed(Scrubbed("stopped without being asked"))
        except Exception as error:  # noqa: BLE001 - a plug-in must not take the agent down
            self._crashed(describe(error))
        else:
            if not self._stopping.is_set():
                self._crashed(Scrubbed("returned without being asked"))
        return None

    def _renew_sensor(self) -> None:
        if self._stopping.is_set():
            return
        try:
            self._sensor = self._factory(self.settings, self._directory)
        except Exception as error:  # noqa: BLE001 - as in _once; the old instance stays
            log.warning("sensor %s cannot be made: %s", self.name, describe(error))

    def _context(self) -> Context:
        self._pulse.beat()
        return Context(
            state_dir=self._directory,
            stopping=self._stopping,
            guard=self._parts.guard,
            keys=self._parts.keys,
            spool=self._parts.spool,
            clock=self._parts.clock,
            pulse=self._pulse,
            publish=lambda paths: self._publish(self.name, paths),
        )

    def _crashed(self, reason: Scrubbed) -> None:
        self.restarts += 1
        self._enter("crashed", reason)

    def _enter(self, state: str, reason: Scrubbed | None = None) -> None:
        """Change state: log, health, event. The back-off limits how often a crash is told."""
        again = state == "unsupported" and self.state == state
        self.state = state
        self.reason = reason or ""
        if again:
            return
        source = f"sensor {self.name}"
        if state == "running":
            log.info("sensor %s runs", self.name)
            self._parts.on_problem(source, None)
        elif state == "unsupported":
            log.warning("%s cannot run here: %s", source, reason)
            off = f"switch it off with 'enabled = false' in [sensors.{self.name}]"
            self._parts.on_problem(source, f"cannot run here: {reason}; or {off}")
        else:
            log.warning("%s crashed (%d): %s", source, self.restarts, reason)
            self._parts.on_problem(source, f"crashed {self.restarts} times, last: {reason}")
        record = SensorState(
            name=self.name,
            state="started" if state == "running" else state,
            reason=reason,
            restarts=self.restarts,
        )
        severity = Severity.HIGH if state == "crashed" else None
        sighting = Sighting(
            record=record, observed=self._parts.clock.wall(), module=self.name, severity=severity
        )
        self._parts.spool.append([sighting], self._stopping)
