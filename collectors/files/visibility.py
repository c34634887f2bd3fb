"""Saying what we could not see, since when, and whether it has been repaired."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from collectors.api import SensorContext
from collectors.files.journal import Journal, shown
from collectors.files.notes import Gap
from collectors.kinds import Scrubbed, Severity, VisibilityLost

BASELINE_LOST = "baseline_lost"

DETAILS = {
    BASELINE_LOST: "the record of what the files looked like was damaged or removed and has been"
    " made anew; what changed since the last event before is not known",
    "watch_limit": "fs.inotify.max_user_watches is used up: raise it; until then these directories"
    " are only compared at intervals",
    "permission": "the agent may not read these directories: give it CAP_DAC_READ_SEARCH or leave"
    " them out with exclude",
    "unmounted": "a file system is not mounted or does not answer; its files count as neither"
    " changed nor deleted",
    "mounted_over": "another file system was mounted over this place: what lies below it is hidden"
    " and counts as deleted; what is there now is compared",
    "queue_overflow": "more changes at once than the kernel keeps: the whole tree is compared;"
    " files that came and went meanwhile are not known",
    "suspended": "the sensor stood still (suspended, stopped by a signal, paused machine, or"
    " the clock was set); the whole tree has been compared since",
    "stopped": "the sensor did not run; files that came and went meanwhile are not known",
    "crashed": "the sensor ended without stopping (killed, power loss); files that came and went"
    " meanwhile are not known",
}


class _Told(NamedTuple):
    begin: int
    directories: int


class Visibility:
    """Remembers what was told, so that a lasting blindness is told once and its end too."""

    def __init__(self, context: SensorContext, journal: Journal) -> None:
        self._context = context
        self._journal = journal
        self._told: dict[str, _Told] = {}

    def blind(self, directories: Mapping[bytes, str]) -> None:
        """Tell of blind directories where their number has grown, or fallen to none."""
        by_cause: dict[str, list[bytes]] = {}
        for path, cause in directories.items():
            by_cause.setdefault(cause, []).append(path)
        now = self._context.now()
        for cause, paths in by_cause.items():
            told = self._told.get(cause)
            if told is None or len(paths) > told.directories:
                begin = told.begin if told else now
                self._told[cause] = _Told(begin, len(paths))
                self._lost(cause, begin, paths=sorted(paths))
        for cause in [each for each in self._told if each not in by_cause]:
            told = self._told.pop(cause)
            self._lost(cause, told.begin, end=now, directories=told.directories, repaired=True)

    def overflow(self, begin: int) -> None:
        """Tell that events were lost after *begin*, ns."""
        self._lost("queue_overflow", begin)

    def mount(self, cause: str, place: bytes, begin: int, *, end: int | None = None) -> None:
        """Tell that another file system is at *place* since *begin*; *end*: it was compared."""
        self._lost(cause, begin, end=end, paths=[place], repaired=end is not None)

    def folded(self, count: int) -> None:
        """Tell that *count* creations of files that are gone were not told one by one."""
        now = self._context.now()
        detail = f"{count} creations and deletions of the same names were too fast to be listed"
        self._lost("queue_overflow", now, end=now, detail=detail)

    def repaired(self, gaps: list[Gap]) -> None:
        """Tell that the tree has been compared since these gaps."""
        for gap in gaps:
            repaired = gap.cause != BASELINE_LOST  # nothing to compare with: not made good
            self._lost(gap.cause, gap.begin, end=gap.end, repaired=repaired)

    def _lost(
        self,
        cause: str,
        begin: int,
        *,
        end: int | None = None,
        paths: list[bytes] | None = None,
        directories: int = 0,
        repaired: bool = False,
        detail: str | None = None,
    ) -> None:
        record = VisibilityLost(
            cause=cause,
            begin=begin,
            end=end,
            duration=None if end is None else end - begin,
            detail=Scrubbed(detail or DETAILS[cause]),
            directories=len(paths) if paths else directories,
            sample=shown(self._context, paths or []),
            repaired=repaired,
        )
        # What has been made good is for the record; a person need not rise for it.
        severity = Severity.LOW if repaired else None
        self._journal.tell(record, severity=Severity.HIGH if cause == BASELINE_LOST else severity)
