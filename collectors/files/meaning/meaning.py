"""What the worker needs of this folder, in one place."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from collectors.api import SensorContext
from collectors.files.baseline import Baseline
from collectors.files.compare import Row
from collectors.files.journal import Journal
from collectors.files.meaning.annotate import Annotate
from collectors.files.meaning.differences import Differences
from collectors.files.meaning.growth import Growth
from collectors.files.meaning.own import Databases
from collectors.files.meaning.roles import Roles
from collectors.files.meaning.severity import techniques
from collectors.files.status import Status
from collectors.files.tell import Addition, Subject
from collectors.kinds import FileChange


class Meaning:
    """All calls from the sensor's worker."""

    def __init__(
        self,
        context: SensorContext,
        baseline: Baseline,
        journal: Journal,
        status: Status,
        roles: Roles,
        *,
        limit: int,
        pulse: Callable[[], None],
    ) -> None:
        """*roles* of this host. *limit*: bytes above which files are sampled."""
        self._journal = journal
        self._status = status
        self._annotate = Annotate(roles)
        self.growth = Growth(roles, context.now, limit, pulse)
        self._databases = Databases(context)
        self._differences = Differences(context, baseline, journal, roles)

    def additions(self) -> list[Addition]:
        """Return who adds what, in this order."""
        return [self._annotate, self.growth, self._differences, self._worth]

    @staticmethod
    def _worth(
        record: FileChange, _subject: Subject, _row: Row | None, _now: Row | None, /
    ) -> FileChange:
        """Add the techniques, once role, growth and accounts are known."""
        found = techniques(record)
        return msgspec.structs.replace(record, techniques=found) if found else record

    def check(self) -> None:
        """Tell what has become of the agent's own databases."""
        for change in self._databases.check():
            self._journal.tell(change)
            self._journal.commit()

    def step(self, seconds: float) -> bool:
        """Use an idle moment; return whether there is more to do at once."""
        more = self._differences.step(seconds)
        state = "being read" if self._differences.reading else "known"
        self._status.update(texts=self._differences.files, text_versions=state)
        return more

    def close(self) -> None:
        """End children and threads."""
        self._differences.close()
