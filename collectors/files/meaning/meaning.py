"""What the worker needs of this folder, in one place."""

from __future__ import annotations

from collectors.api import SensorContext
from collectors.files.baseline import Baseline
from collectors.files.journal import Journal
from collectors.files.meaning.annotate import Annotate
from collectors.files.meaning.differences import Differences
from collectors.files.meaning.roles import Roles
from collectors.files.status import Status
from collectors.files.tell import Addition


class Meaning:
    """All calls from the sensor's worker."""

    def __init__(
        self,
        context: SensorContext,
        baseline: Baseline,
        journal: Journal,
        status: Status,
        roles: Roles,
    ) -> None:
        """*roles* of this host."""
        self._status = status
        self._annotate = Annotate(roles)
        self._differences = Differences(context, baseline, journal, roles)

    def additions(self) -> list[Addition]:
        """Return who adds what, in this order."""
        return [self._annotate, self._differences]

    def step(self, seconds: float) -> bool:
        """Use an idle moment; return whether there is more to do at once."""
        more = self._differences.step(seconds)
        state = "being read" if self._differences.reading else "known"
        self._status.update(texts=self._differences.files, text_versions=state)
        return more

    def close(self) -> None:
        """End children and threads."""
        self._differences.close()
