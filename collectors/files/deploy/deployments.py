"""The part of the worker that knows of deployments: orders, windows, drift, git checkouts."""

from __future__ import annotations

from collections.abc import Callable

from collectors.api import SensorContext
from collectors.files.baseline import Baseline
from collectors.files.deploy.commits import Commits
from collectors.files.deploy.orders import Orders
from collectors.files.journal import Journal
from collectors.files.packages.folding import Packages
from collectors.files.scope import Scope
from collectors.files.settings import FileSettings
from collectors.files.tell import Addition, Listener


class Deployments:
    """All calls from the sensor's worker."""

    def __init__(
        self,
        context: SensorContext,
        baseline: Baseline,
        journal: Journal,
        *,
        settings: FileSettings,
        scope: Scope,
        look: Callable[[], None],
        pulse: Callable[[], None],
        packages: Packages | None,
    ) -> None:
        """*look* looks at everything that is dirty; *packages* is told what no checkout holds."""
        self._orders = Orders(
            context, baseline, journal, scope=scope, longest=settings.longest_window(), look=look
        )
        self._commits = Commits(
            context,
            baseline,
            journal,
            drift=self._orders.drift,
            limit=settings.hash_limit(),
            pulse=pulse,
            behind=packages,
            enabled=settings.git,
        )
        if packages is not None:
            packages.folded = self._orders.drift.accept_package
        self.listener: Listener = self._commits

    def additions(self) -> list[Addition]:
        """Return what adds to each change, in this order."""
        return [self._orders.windows, self._commits, self._orders.drift]

    def turn(self) -> None:
        """Do what is due: orders, ends of windows, pulls that are over.

        Raises:
            collectors.api.Stopped: the agent is going down; what is left follows at the next start.
        """
        self._orders.turn()
        self._commits.turn()

    def compared(self) -> None:
        """Take note that the tree has been compared with the baseline."""
        self._commits.compared()

    def close(self) -> None:
        """End the child."""
        self._commits.close()

    def facts(self) -> dict[str, int]:
        """Return numbers for the status."""
        return {
            "windows": len(self._orders.windows),
            "drift": len(self._orders.drift),
            "git_held": self._commits.held,
        }
