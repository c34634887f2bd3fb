"""The sensor contract.

A sensor watches one thing on this host. Duties of both sides:

* The supervisor makes the sensor with its checked settings, calls ``check`` once and then ``run``
  on a thread of its own. ``run`` returns within two seconds after ``context.stopping`` is set and
  leaves no thread, child or descriptor behind.
* The sensor lets exceptions out of ``run``: the supervisor reports them, waits (1 s, doubled up to
  five minutes) and makes a new instance. It never retries on behalf of the supervisor.
* ``emit`` and ``handover`` block while the spool is under pressure; they raise `Stopped` when the
  agent is going down meanwhile. After ``handover`` returns, the sightings are on disk.
* ``beat`` is called at least every 20 seconds; a sensor that falls silent makes the whole agent
  unhealthy.
* Nothing that a sensor passes on holds matched bytes or raw paths: see `collectors.redact` and
  `collectors.paths`.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Protocol, TypeAlias

import msgspec

from collectors.kinds import Record
from collectors.paths import PathGuard, SafePath
from collectors.sighting import Sighting

Coverage: TypeAlias = dict[str, int | float | str]


class Unsupported(Exception):  # noqa: N818 - a fact about the host, not a mistake
    """This host cannot run the sensor; ``str()`` is one sentence that says why."""


class Stopped(Exception):  # noqa: N818
    """The agent is stopping; unwind."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every sensor's settings: the keys of its table in agent.toml."""

    enabled: bool = True


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """Secrets a sensor may hand to its bounded child, by pipe only."""

    fleet: bytes
    """32 bytes: key of value tokens, the same on all hosts."""
    fleet_epoch: int


class SensorContext(Protocol):
    """What the supervisor gives to a running sensor."""

    state_dir: Path
    """The sensor's own directory, mode 0700."""
    stopping: threading.Event
    guard: PathGuard
    keys: Keys

    def now(self) -> int:
        """Return ns since 1970, UTC."""

    def emit(self, sighting: Sighting) -> None:
        """Queue one sighting; it is durable within the group-commit interval."""

    def handover(self, source: str, upto: int, sightings: Sequence[Sighting]) -> None:
        """Spool *sightings* and remember *upto* for *source*, in one transaction.

        This is the exactly-once path: after a crash ``cursor(source)`` tells what has arrived.
        """

    def cursor(self, source: str) -> int:
        """Return the highest *upto* handed over for *source*, 0 at first."""

    def publish(self, paths: Sequence[SafePath]) -> None:
        """Tell the other sensors that these files changed; durable on return where they care.

        A path that ends in ``/`` is a directory: anything below it may have changed unnamed.
        """

    def beat(self) -> None:
        """Say that the sensor is alive."""


class Sensor(Protocol):
    """One sensor. Classes are found by the entry-point group ``ronda.sensors``."""

    name: ClassVar[str]
    settings_type: ClassVar[type[Settings]]
    emits: ClassVar[frozenset[type[Record]]]

    def check(self) -> list[str]:
        """Return warnings, one sentence each.

        Raises:
            Unsupported: it cannot run here.
        """

    def run(self, context: SensorContext) -> None:
        """Watch until ``context.stopping`` is set."""

    def coverage(self) -> Coverage:
        """Return what is seen and what is not, for ``status`` and the heartbeat. Any thread."""

    def offer(self, paths: Sequence[SafePath]) -> None:
        """Take note of changed files that another sensor saw; may do nothing. Any thread.

        Durable on return for a sensor that acts on it, also before ``run`` has begun.
        """


class SensorFactory(Protocol):
    """The class behind an entry point."""

    name: ClassVar[str]
    settings_type: ClassVar[type[Settings]]
    emits: ClassVar[frozenset[type[Record]]]

    def __call__(self, settings: Settings, state_dir: Path) -> Sensor:
        """Make the sensor. *settings* is of ``settings_type``; must not touch the system yet."""
