"""Adds to a change what role the file has, and whether it may be handed out."""

from __future__ import annotations

import msgspec

from collectors.files.compare import Row
from collectors.files.meaning.roles import Roles
from collectors.files.tell import Subject
from collectors.kinds import WEB_ROOT, FileChange


class Annotate:
    """See `collectors.files.tell.Addition`."""

    def __init__(self, roles: Roles) -> None:
        """*roles* of this host."""
        self._roles = roles

    def __call__(
        self, record: FileChange, subject: Subject, _row: Row | None, _now: Row | None, /
    ) -> FileChange:
        """Return *record* with its role and place."""
        role = self._roles.of(subject.path)
        if role is not None:
            record = msgspec.structs.replace(record, role=role.name)
        if self._roles.web_root(subject.path) is not None:
            record = msgspec.structs.replace(record, place=WEB_ROOT)
        return record
