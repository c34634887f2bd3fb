"""Adds to a change what role the file has and which techniques it may serve."""

from __future__ import annotations

import msgspec

from collectors.files.compare import Row
from collectors.files.meaning import severity
from collectors.files.meaning.roles import Roles
from collectors.files.tell import Subject
from collectors.kinds import FileChange


class Annotate:
    """See `collectors.files.tell.Addition`. Knows role and techniques."""

    def __init__(self, roles: Roles) -> None:
        """*roles* of this host."""
        self._roles = roles

    def __call__(
        self, record: FileChange, subject: Subject, _row: Row | None, _now: Row | None
    ) -> FileChange:
        """Return *record* with role and techniques."""
        role = self._roles.of(subject.path)
        if role is not None:
            record = msgspec.structs.replace(record, role=role.name)
        techniques = severity.techniques(record)
        return msgspec.structs.replace(record, techniques=techniques) if techniques else record
