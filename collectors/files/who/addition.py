"""Adding to the record of a change who made it."""

from __future__ import annotations

import msgspec

from collectors.files.compare import Row
from collectors.files.tell import Subject
from collectors.files.who.holders import Holders
from collectors.files.writer import Writer
from collectors.kinds import FileChange, Scrubbed
from collectors.paths import PathGuard

_WRITTEN = ("created", "modified")


class Who:
    """An `Addition`: what the kernel said, else what /proc shows, else the owner as a guess."""

    def __init__(self, guard: PathGuard, holders: Holders | None) -> None:
        """*holders*: None where the kernel names the writer, and nobody needs to search."""
        self._guard = guard
        self._holders = holders

    def __call__(
        self, record: FileChange, subject: Subject, row: Row | None, now: Row | None
    ) -> FileChange:
        """Return *record* with the writer as far as it is known."""
        del row
        writer = subject.writer or self._seen(record, now)
        if writer is not None:
            return msgspec.structs.replace(
                record,
                executable=self._shown(writer.executable),
                pid=writer.pid,
                parent=self._shown(writer.parent),
                user=_text(writer.user),
                login=_text(writer.login),
                confidence=writer.confidence,
            )
        if now is None or record.action not in _WRITTEN:
            return record
        return msgspec.structs.replace(record, user=str(now.uid), confidence="guess")

    def _seen(self, record: FileChange, now: Row | None) -> Writer | None:
        if self._holders is None or now is None or record.found_by != "watch":
            return None
        if record.type != "file" or record.action not in _WRITTEN:
            return None
        return self._holders.writer(now.device, now.inode)

    def _shown(self, path: bytes | None) -> Scrubbed | None:
        return None if path is None else self._guard.display(self._guard.guard(path))


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)
