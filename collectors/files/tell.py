"""Putting a change into words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from collectors.api import SensorContext
from collectors.files import tree
from collectors.files.attributes import NONE
from collectors.files.baseline import Directory
from collectors.files.compare import Row, differences
from collectors.files.dirty import Marks
from collectors.files.journal import Journal
from collectors.files.scope import join
from collectors.files.writer import Writer
from collectors.kinds import FileChange
from collectors.paths import PathGuard, SafePath
from collectors.redact import scrub


class Place(NamedTuple):
    """A directory that is being compared."""

    path: bytes
    safe: SafePath
    descriptor: int
    entry: Directory
    found_by: str
    fresh: bool
    silent: bool
    """Part of a first baseline: record, do not tell."""


class Subject(NamedTuple):
    """A name in a directory that is being compared."""

    place: Place
    name: bytes
    key: bytes
    """The name as it may be stored."""
    writer: Writer | None = None
    """Who changed it, where an event told."""

    @property
    def path(self) -> SafePath:
        """Return its path as it may be stored."""
        return SafePath(join(self.place.safe, self.key))


class Listener(Protocol):
    """Who decides how and when a change is told."""

    def tell(self, subject: Subject, record: FileChange, row: Row | None) -> None:
        """Take one change; *row* is what stood there before."""


class Addition(Protocol):
    """Adds what it knows of a change to its record; never waits, never raises for the file."""

    def __call__(
        self, record: FileChange, subject: Subject, row: Row | None, now: Row | None, /
    ) -> FileChange:
        """Return *record* with more in it; *row* is what stood there before, *now* what does."""


class Teller:
    """Turns changes into records for the journal."""

    def __init__(
        self,
        context: SensorContext,
        journal: Journal,
        listener: Listener | None = None,
        additions: Sequence[Addition] = (),
    ) -> None:
        """*listener* stands between the records and the journal; *additions* come before it."""
        self._additions = tuple(additions)
        self._guard = context.guard
        self._journal = journal
        self._listener = listener

    def tell(
        self,
        subject: Subject,
        action: str,
        *,
        now: Row | None = None,
        row: Row | None = None,
        directory: bool = False,
    ) -> None:
        """Tell one change; *directory* is the type of what was never seen, only heard of."""
        place = subject.place
        known = now or row
        kind = known.type if known else "dir" if directory else "file"
        target = None
        if now is not None and kind == "symlink":
            target = tree.link_target(place.descriptor, place.path, subject.name)
        record = describe(
            self._guard,
            action,
            subject.path,
            kind=kind,
            found_by=place.found_by,
            new=now,
            old=row,
            target=target,
        )
        for add in self._additions:
            record = add(record, subject, row, now)
        if self._listener is None:
            self._journal.tell(record)
        else:
            self._listener.tell(subject, record, row)
        if kind == "file":
            self._journal.publish(subject.path)

    def alternate(
        self,
        subject: Subject,
        row: Row | None,
        now: Row | None,
        counts: tuple[int, int],
        marks: Marks,
    ) -> None:
        """Tell creations and deletions (*counts*) in turn; the last one leads to *now*."""
        created, deleted = counts
        present = row is not None
        while created or deleted:
            if present:
                self.tell(subject, "deleted", row=row, directory=marks.directory)
                row = None
                deleted -= 1
            else:
                created -= 1
                last = now if created == 0 and deleted == 0 else None
                self.tell(subject, "created", now=last, directory=marks.directory)
            present = not present


def describe(
    guard: PathGuard,
    action: str,
    path: SafePath,
    *,
    kind: str,
    found_by: str,
    new: Row | None = None,
    old: Row | None = None,
    target: bytes | None = None,
) -> FileChange:
    """Return the record of one change. *new* is None when the file is gone."""
    change = FileChange(
        action=action,
        path=guard.display(path),
        path_token=guard.token(path),
        type=kind,
        found_by=found_by,
        outcome="gone",
        previous_sha256=_hex(old),
    )
    if new is None:
        return change
    return msgspec.structs.replace(
        change,
        outcome=new.outcome,
        sha256=_hex(new),
        size=new.size,
        mode=_mode(new),
        uid=str(new.uid),
        gid=str(new.gid),
        inode=str(new.inode),
        mtime=new.mtime,
        ctime=new.ctime,
        target=None if target is None else guard.display(guard.guard(target)),
        previous_mode=_mode(old) if old and old.mode != new.mode else None,
        previous_uid=str(old.uid) if old and old.uid != new.uid else None,
        previous_size=old.size if old and old.size != new.size else None,
        changed=differences(old, new) if old else (),
        **_carried(old, new),
    )


def _carried(old: Row | None, new: Row) -> dict[str, Any]:
    """Return the fields of links, access list, capabilities, flags and label."""
    now, before = new.attributes or NONE, old.attributes if old else None
    if now == NONE and before in (None, NONE):
        return {}
    fields: dict[str, Any] = {
        "links": now.links or None,
        "acl": scrub(now.acl) if now.acl else None,
        "capabilities": now.capabilities or None,
        "flags": now.flags or None,
        "selinux": scrub(now.selinux) if now.selinux else None,
    }
    if before is not None and new.attributes is not None:
        if before.acl != now.acl:
            fields["previous_acl"] = scrub(before.acl)
        if before.capabilities != now.capabilities:
            fields["previous_capabilities"] = before.capabilities
        if before.flags != now.flags:
            fields["previous_flags"] = before.flags
    return fields


def _hex(row: Row | None) -> str | None:
    if row is None or row.digest is None or row.outcome != "hashed":
        return None
    return row.digest.hex()


def _mode(row: Row) -> str:
    return f"{row.mode & 0o7777:04o}"
