"""Adds to a change what role the file has."""

from __future__ import annotations

import msgspec

from collectors.files.compare import Row
from collectors.files.meaning.roles import Roles
from collectors.files.tell import Subject
from collectors.kinds import FileChange


class Annotate:
    """See `collectors.files.tell.Addition`."""

    def __init__(self, roles: Roles) -> None:
        """*roles* of this host."""
        self._roles = roles

    def __call__(
        self, record: FileChange, subject: Subject, _row: Row | None, _now: Row | None, /
    ) -> FileChange:
        """Return *record* with its role."""
        role = self._roles.of(subject.path)
        return record if role is None else msgspec.structs.replace(record, role=role.name)
