"""The resident process: start, the loop of the main thread, reload, stop."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from types import FrameType
from typing import Any

import msgspec

from agent.clock import Clock, Gap, GapDetector, SystemClock
from agent.config import AgentConfig, ConfigError
from agent.health import WRITE_SECONDS, Health, Status, write_status
from agent.identity import Identity, host_facts
from agent.knowledge import Fetching
from agent.renewal import Renewal
from agent.sdnotify import Notifier
from agent.spool import Spool, SpoolClosed
from agent.supervisor.lock import StateLock
from agent.supervisor.runner import Parts
from agent.supervisor.sensors import Sensors
from agent.transport.courier import Courier
from agent.transport.letters import Vitals
from collectors.api import Keys, SensorFactory, Stopped
from collectors.kinds import AgentState, ClockSkew, Kind, Scrubbed, VisibilityLost
from collectors.paths import PathGuard
from collectors.redact import scrub
from collectors.sighting import Sighting

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
_FULL = (
    "spool is full, the least important events are dropped and counted: bring the collector back,"
    " or raise max_bytes in [spool]"
)


class Supervisor:
    """Owns everything that runs."""

    def __init__(
        self,
        config: AgentConfig,
        identity: Identity,
        factories: Mapping[str, SensorFactory],
        reload: Callable[[], AgentConfig],
        clock: Clock | None = None,
    ) -> None:
        """Open the state directory; nothing runs yet but the spool's writer.

        Raises:
            AlreadyRunning: another agent uses the state directory.
            NewerFormat: a newer agent wrote the spool.
            IdentityError: the certificate cannot be used.
            sqlite3.OperationalError, OSError: the directory cannot be written.
        """
        self._config = config
        self._identity = identity
        self._reload_config = reload
        self._clock = clock or SystemClock()
        self._notifier = Notifier()
        self._health = Health()
        self._version = version("ronda")
        self._started = self._clock.wall()
        self._settling: list[str] = []
        self._lock = StateLock(config.state_dir)
        with contextlib.ExitStack() as undo:
            undo.callback(self._lock.release)
            self._spool = Spool(
                config.state_dir,
                agent=identity.record.agent,
                max_bytes=config.spool_max_bytes,
                clock=self._clock,
                on_problem=lambda text: self._health.set("spool", text),
            )
            undo.callback(self._spool.close)
            self._courier = Courier(
                self._spool,
                identity,
                clock=self._clock,
                vitals=self._vitals,
                on_problem=self._health.set,
                renewal=Renewal(config.state_dir, self._clock),
                fetching=Fetching(config.state_dir, self._clock),
            )
            undo.pop_all()
        self._sensors = Sensors(
            factories,
            Parts(
                state_dir=config.state_dir,
                spool=self._spool,
                guard=PathGuard(identity.path_key),
                keys=Keys(fleet=identity.fleet_key, fleet_epoch=identity.record.fleet_epoch),
                clock=self._clock,
                on_problem=self._health.set,
            ),
        )

    def run(self) -> int:
        """Run until SIGTERM or SIGINT; the exit code. Main thread only."""
        with _signals() as wakeup:
            self._tell(AgentState(action="started", version=self._version, boot_id=_boot_id()))
            self._courier.start()
            self._sensors.apply(self._config.sensors)
            self._write_status()
            self._notifier.ready(self._summary())
            try:
                return self._loop(wakeup)
            finally:
                self._stop()

    def _loop(self, wakeup: int) -> int:
        gaps = GapDetector(self._clock)
        next_status = self._clock.monotonic() + WRITE_SECONDS
        while True:
            for number in _wait(wakeup, TICK_SECONDS):
                if number == signal.SIGHUP:
                    self._reload()
                else:
                    return 0
            for gap in gaps.tick(TICK_SECONDS):
                self._tell_gap(gap)
            self._courier.break_off()
            broken = [part for part, alive in self._vital_parts() if not alive]
            if broken:
                log.critical("%s hangs or has died; the agent ends to be started again", broken[0])
                return 1
            if not self._sensors.watch(self._health.set):
                self._notifier.watchdog()
            self._health.set("spool size", _FULL if self._spool.full else None)
            moved = self._settling != (self._sensors.settling() if self._settling else [])
            if self._clock.monotonic() >= next_status or self._health.changed() or moved:
                next_status = self._clock.monotonic() + WRITE_SECONDS
                self._write_status()
                self._notifier.status(self._summary())

    def _vital_parts(self) -> Sequence[tuple[str, bool]]:
        stuck = [(f"sensor {name}", False) for name in self._sensors.stuck]
        return [("spool", self._spool.alive), ("transport", self._courier.alive), *stuck]

    def _tell(self, record: Kind) -> None:
        with contextlib.suppress(SpoolClosed):
            self._spool.append([self._own(record)])

    def _own(self, record: Kind) -> Sighting:
        return Sighting(record=record, observed=self._clock.wall(), module="agent")

    def _tell_gap(self, gap: Gap) -> None:
        if gap.cause == "jump":
            log.warning("the clock was set by %.1f s", gap.seconds)
            self._tell(ClockSkew(skew=round(gap.seconds, 3), cause="jump"))
            return
        log.warning("nothing ran for %.0f s", gap.seconds)
        detail = f"the agent did not run for {gap.seconds:.0f} s: suspended, paused or starved"
        self._tell(
            VisibilityLost(
                cause="suspended",
                begin=gap.begin,
                end=gap.end,
                duration=gap.end - gap.begin,
                detail=Scrubbed(detail),
            )
        )

    # Reload.

    def _reload(self) -> None:
        self._notifier.reloading()
        refusal = self._try_reload()
        if refusal is None:
            log.info("configuration reloaded")
            self._health.set("configuration", None)
            self._tell(AgentState(action="reloaded", version=self._version))
        else:
            log.error("configuration not reloaded, the old one stays in force: %s", refusal)
            words = f"not reloaded: {refusal}; see 'ronda-agent check'"
            self._health.set("configuration", words)
            reason = scrub(refusal)
            self._tell(AgentState(action="reload_refused", version=self._version, reason=reason))
        self._write_status()
        self._notifier.ready(self._summary())

    def _try_reload(self) -> str | None:
        """Apply the new configuration; a sentence when it is refused."""
        try:
            config = self._reload_config()
        except ConfigError as error:
            return "; ".join(error.mistakes)
        except (ImportError, ValueError) as error:  # a sensor's package is broken or was removed
            return str(error)
        if config.state_dir != self._config.state_dir:
            return "state_dir has changed: restart the agent instead"
        if (refusal := self._sensors.refusal(config.sensors)) is not None:
            return refusal
        self._config = config
        logging.getLogger().setLevel(config.log_level.upper())
        self._spool.set_max_bytes(config.spool_max_bytes)
        self._sensors.apply(config.sensors)
        return None

    # Health.

    def _vitals(self) -> Vitals:
        problems = self._health.problems()
        return Vitals(
            healthy=not problems,
            problems=tuple(scrub(problem) for problem in problems),
            coverage=self._sensors.coverage(),
        )

    def _summary(self) -> str:
        problems = self._health.problems()
        return "; ".join(problems) if problems else "watching"

    def _write_status(self, *, ended: bool = False) -> None:
        problems = self._health.problems()
        self._settling = self._sensors.settling()
        try:
            spool: dict[str, Any] = msgspec.to_builtins(self._spool.status())
        except (SpoolClosed, OSError, sqlite3.Error):
            spool = {}
        status = Status(
            written=self._clock.wall(),
            pid=0 if ended else os.getpid(),
            version=self._version,
            agent=self._identity.record.agent,
            opd=self._identity.record.opd,
            started=self._started,
            healthy=not problems and not self._settling and not ended,
            problems=problems,
            settling=self._settling,
            sensors=self._sensors.snapshot(),
            spool={**spool, "max_bytes": self._config.spool_max_bytes},
            uplink=msgspec.to_builtins(self._courier.status),
        )
        write_status(self._config.state_dir / "status.json", status)

    def _stop(self) -> None:
        """End everything within five seconds; a sensor that does not end is left behind."""
        self._notifier.stopping()
        log.info("stopping")
        for name in self._sensors.stop(2.2):
            log.warning("sensor %s did not stop in time", name)
        self._say_goodbye()
        deadline = time.monotonic() + 0.7
        while self._spool.acknowledged < self._spool.last and time.monotonic() < deadline:
            time.sleep(0.02)  # a last chance to say goodbye to the collector
        self._write_status(ended=True)
        self._courier.stop(1.0)
        self._spool.close(1.0)
        self._lock.release()

    def _say_goodbye(self) -> None:
        """Make the last event durable, unless the disk is sick."""
        record = AgentState(action="stopping", version=self._version)
        hurry = threading.Event()
        hurry.set()
        with contextlib.suppress(SpoolClosed, Stopped):
            self._spool.handover("agent", 0, [self._own(record)], hurry)


def _boot_id() -> str | None:
    return host_facts()["boot_id"] or None


@contextlib.contextmanager
def _signals() -> Any:
    """Yield a descriptor on which SIGTERM, SIGINT and SIGHUP arrive as bytes.

    A handler that set an Event could deadlock against the main thread's wait on it.
    """
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    previous = {number: signal.signal(number, _ignore) for number in numbers}
    old = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    # `ronda-agent run` holds SIGHUP back until here: its default is to end the process.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(old)
        for number, handler in previous.items():
            signal.signal(number, handler)
        os.close(reader)
        os.close(writer)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Only the wake-up byte matters."""


def _wait(descriptor: int, seconds: float) -> list[int]:
    """Return the signals that came within *seconds*, each once, the end before a reload."""
    ready, _, _ = select.select([descriptor], [], [], seconds)
    found: set[int] = set()
    while ready:
        # To the bottom: a storm of SIGHUP must not delay SIGTERM.
        data = os.read(descriptor, 65536)
        found.update(data)
        ready, _, _ = select.select([descriptor], [], [], 0)
    return sorted(found, key=lambda number: number == signal.SIGHUP)
