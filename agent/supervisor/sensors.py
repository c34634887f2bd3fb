"""All sensors together: apply a configuration, pass changed files on, watch for silence."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agent.supervisor.runner import Parts, SensorRunner, describe
from collectors.api import Coverage, SensorFactory, Settings, Unsupported
from collectors.paths import SafePath

log = logging.getLogger(__name__)

_SETTLING = ("not started", "first baseline")


class Sensors:
    """The runners by name."""

    def __init__(self, factories: Mapping[str, SensorFactory], parts: Parts) -> None:
        """Nothing runs yet."""
        self._factories = factories
        self._parts = parts
        self._runners: dict[str, SensorRunner] = {}
        self.stuck: list[str] = []
        """Sensors that did not end when they should: only a new process helps."""

    def refusal(self, settings: Mapping[str, Settings]) -> str | None:
        """Try what *settings* would start anew; a sentence when one of them cannot run."""
        for name, wanted in settings.items():
            running = self._runners.get(name)
            if not wanted.enabled or (running is not None and running.settings == wanted):
                continue
            try:
                self._make(name, wanted).check()
            except Unsupported as error:
                return f"sensor {name} cannot run with it: {error}"
            except Exception as error:  # noqa: BLE001 - a plug-in must not stop the reload
                return f"sensor {name}: {describe(error)}"
        return None

    def apply(self, settings: Mapping[str, Settings]) -> None:
        """Stop what is off or changed, start what is on."""
        fresh = {}
        for name, wanted in settings.items():
            old = self._runners.get(name)
            if wanted.enabled and (old is None or old.settings != wanted):
                try:
                    fresh[name] = self._make(name, wanted)
                except Exception as error:  # noqa: BLE001 - a plug-in must not stop the agent
                    reason = describe(error)
                    log.error("sensor %s cannot be made: %s", name, reason)  # noqa: TRY400
                    self._parts.on_problem(f"sensor {name}", f"cannot be made: {reason}")
        on = {name for name, wanted in settings.items() if wanted.enabled}
        replaced = [r for name, r in self._runners.items() if name in fresh or name not in on]
        # From here on the new ones take the offers; they keep them until they run.
        self._runners = {n: r for n, r in self._runners.items() if n in on} | fresh
        self.stuck += self._end(replaced, 5.0)
        for runner in replaced:
            self._parts.on_problem(f"sensor {runner.name}", None)
            self._parts.on_problem(f"silence of {runner.name}", None)
        for name, runner in fresh.items():
            if name not in self.stuck:
                runner.start()

    def _make(self, name: str, settings: Settings) -> SensorRunner:
        return SensorRunner(name, self._factories[name], settings, self._parts, self._publish)

    def _publish(self, source: str, paths: Sequence[SafePath]) -> None:
        for name, runner in list(self._runners.items()):
            if name != source:
                runner.offer(paths)

    def watch(self, tell: Callable[[str, str | None], None]) -> bool:
        """Tell about silent sensors; True when there are any."""
        silent = False
        for runner in self._runners.values():
            words = runner.silent()
            tell(f"silence of {runner.name}", words)
            silent = silent or words is not None
        return silent

    def coverage(self) -> dict[str, Coverage]:
        """Return the coverage of all sensors."""
        return {name: runner.coverage() for name, runner in list(self._runners.items())}

    def settling(self) -> list[str]:
        """Return who does not see changes yet; sensors say so under ``state`` in their coverage."""
        states = {name: str(found.get("state", "")) for name, found in self.coverage().items()}
        return [f"{name}: {state}" for name, state in states.items() if state in _SETTLING]

    def snapshot(self) -> dict[str, dict[str, Any]]:
        """Return the state of all sensors."""
        return {name: runner.snapshot() for name, runner in list(self._runners.items())}

    def stop(self, timeout: float) -> list[str]:
        """Stop all; the names of those that did not end within *timeout* seconds."""
        return self._end(list(self._runners.values()), timeout)

    @staticmethod
    def _end(runners: Sequence[SensorRunner], timeout: float) -> list[str]:
        for runner in runners:
            runner.ask_to_stop()
        deadline = time.monotonic() + timeout
        return [r.name for r in runners if not r.join(deadline - time.monotonic())]
