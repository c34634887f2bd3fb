"""Adds to the change of a configuration file what changed in it, with nothing secret in it.

For each such file the masked lines and their hashes are kept. A new version is read by the bounded
child, compared, and kept in the transaction of the row that it belongs to.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator

import msgspec

from collectors.api import SensorContext
from collectors.content.line_forms import (
    MOST_BYTES,
    PASSWD,
    PASSWORDLESS,
    SHADOW,
    SUPERUSER,
    TEXT,
    LinesRequest,
    LinesResult,
)
from collectors.files import tree
from collectors.files.baseline import Baseline
from collectors.files.compare import Row
from collectors.files.hashing import open_file
from collectors.files.journal import Journal
from collectors.files.meaning.asker import Asker
from collectors.files.meaning.roles import Roles
from collectors.files.meaning.snapshots import Snapshot, Snapshots
from collectors.files.meaning.unified import unified
from collectors.files.scope import join
from collectors.files.tell import Subject
from collectors.kinds import FileChange, Scrubbed
from collectors.paths import SafePath
from collectors.redact import scrub

_DONE = "snapshots_done"
_MOST_ACCOUNTS = 20
_EARLIER = "compared with an earlier version than the last one told"
_UNKNOWN = "no earlier version is kept"
_ACCOUNTS = {b"/etc/passwd": PASSWD, b"/etc/shadow": SHADOW}
_WORDS = frozenset({"sudoers", "pam", "authorized_keys", "sshd", "accounts"})
_SECRET_NAME = re.compile(
    rb"(?i).*(?:secret|shadow|htpasswd|pgpass|netrc|credential|keytab|sasl_passwd|private"
    rb"|\.key|\.pem|\.p12|\.jks|passwords?)(?:[._-][^/]*)?",
    re.DOTALL,
)


class Differences:
    """See `collectors.files.tell.Addition`. All calls from the sensor's worker."""

    def __init__(
        self, context: SensorContext, baseline: Baseline, journal: Journal, roles: Roles
    ) -> None:
        """Make the table."""
        self._context = context
        self._baseline = baseline
        self._journal = journal
        self._roles = roles
        baseline.begin()
        self._kept = Snapshots(baseline.connection)
        baseline.commit()
        self._asker = Asker(context.guard.derive(b"lines"), context.stopping)
        self._waiting: Iterator[SafePath] | None = None
        if baseline.get(_DONE) != 1:
            self._waiting = self._candidates()

    @property
    def files(self) -> int:
        """How many files' versions are kept."""
        return self._kept.files

    @property
    def reading(self) -> bool:
        """Whether first versions are still being read."""
        return self._waiting is not None

    def __call__(
        self, record: FileChange, subject: Subject, row: Row | None, now: Row | None, /
    ) -> FileChange:
        """Return *record* with what changed in the file."""
        path = subject.path
        if record.type != "file" or not self._roles.configuration(path):
            return record
        if now is None:
            diff = self._gone(path, row)
            return msgspec.structs.replace(record, diff=diff) if diff else record
        if row is not None and row.digest == now.digest and row.outcome == now.outcome:
            return record
        return self._changed(record, subject, row, now)

    def _gone(self, path: SafePath, row: Row | None) -> Scrubbed | None:
        old = self._kept.get(path)
        if old is None:
            return None
        self._journal.wrote()
        self._kept.drop(path)
        known = row is not None and row.digest == old.digest
        return unified(old.lines, [], "" if known else _EARLIER)

    def _changed(
        self, record: FileChange, subject: Subject, row: Row | None, now: Row
    ) -> FileChange:
        path = subject.path
        old = self._kept.get(path)
        place = subject.place
        directory = None if place.descriptor == tree.NOWHERE else place.descriptor
        name = subject.name if directory is not None else join(place.path, subject.name)
        answer = self._look(path, name, directory, now)
        if isinstance(answer, str):
            diff = Scrubbed(f"(no difference: {answer})") if answer else None
            return msgspec.structs.replace(record, diff=diff)
        self._journal.wrote()
        self._kept.put(path, answer.sha256, answer.lines)
        if old is not None:
            known = row is None or row.digest == old.digest
            diff = unified(old.lines, answer.lines, "" if known else _EARLIER)
        elif row is not None:  # of a file that was there, all lines would look new
            diff = Scrubbed(f"({_UNKNOWN})")
        else:
            diff = unified([], answer.lines)
        return msgspec.structs.replace(record, diff=diff, **new_accounts(old, answer))

    def _look(
        self, path: SafePath, name: bytes, directory: int | None, now: Row, *, waits: bool = True
    ) -> LinesResult | str:
        """Return the lines of what is there, or why there are none (empty: it is no text)."""
        if now.outcome != "hashed" or now.size > MOST_BYTES:
            return "too large" if now.size > MOST_BYTES else ""
        inner = self._roles.inner(path)
        request = LinesRequest(style=self._style(path), accounts=_ACCOUNTS.get(inner or b"", ""))
        # Nobody hides a new account behind many other changes.
        waits = waits and not request.accounts
        try:
            descriptor = open_file(name, directory)
        except OSError:
            return "gone or not to be read"
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return ""
            answer = self._asker.ask(descriptor, request, waits=waits)
        finally:
            os.close(descriptor)
        if isinstance(answer, str):
            return answer
        if answer.outcome != TEXT:
            return "" if answer.outcome == "binary" else answer.outcome
        return answer if answer.sha256 == now.digest else "it has changed again"

    def _style(self, path: SafePath) -> str:
        role = self._roles.of(path)
        name = path.rpartition(b"/")[2]
        if role is not None and role.name in _WORDS:
            return "words"
        secret = role is not None and role.secret
        return "secret" if secret or _SECRET_NAME.fullmatch(name) else "plain"

    def step(self, seconds: float) -> bool:
        """Read first versions for about *seconds*; return whether there are more to read."""
        if self._waiting is None:
            self._asker.rest()
            return False
        deadline = time.monotonic() + seconds
        for path in self._waiting:
            self._first(path)
            if time.monotonic() >= deadline:
                return True
        self._waiting = None
        self._journal.wrote()
        self._baseline.put(_DONE, 1)
        self._journal.commit()
        return False

    def _first(self, path: SafePath) -> None:
        parent, _, name = path.rpartition(b"/")
        entry = self._baseline.directory(SafePath(parent))
        row = None if entry is None else self._baseline.row(entry.id, name)
        real = self._context.guard.resolve(path)
        if row is None or real is None or self._kept.digest(path) == row.digest or self._kept.full:
            return
        where, _, last = real.rpartition(b"/")
        try:
            directory = tree.open_directory(where)
        except OSError:
            return
        try:
            answer = self._look(path, last, directory, row, waits=False)
        finally:
            os.close(directory)
        if not isinstance(answer, str):
            self._journal.wrote()
            self._kept.put(path, answer.sha256, answer.lines)
            if self._journal.due():
                self._journal.commit()

    def _candidates(self) -> Iterator[SafePath]:
        """Yield the configuration files of the baseline, directory by directory."""
        found = self._baseline.connection.execute("SELECT id, path FROM directory").fetchall()
        query = "SELECT name FROM file WHERE directory = ? AND digest IS NOT NULL"
        for number, directory in found:
            if not directory:
                continue
            rows = self._baseline.connection.execute(query, (number,)).fetchall()
            for (name,) in rows:
                path = SafePath(join(bytes(directory), bytes(name)))
                if self._roles.configuration(path):
                    yield path

    def close(self) -> None:
        """End the child."""
        self._asker.close()


def new_accounts(old: Snapshot | None, new: LinesResult) -> dict[str, tuple[Scrubbed, ...]]:
    """Return the fields that name notable accounts whose lines *old* had not. Pure."""
    known = {line[0] for line in old.lines} if old is not None else set()
    found: dict[str, dict[Scrubbed, None]] = {SUPERUSER: {}, PASSWORDLESS: {}}
    for index, what, name in new.notable:
        if new.lines[index][0] not in known:
            found[what][scrub(name)] = None
    return {
        "superusers": tuple(found[SUPERUSER])[:_MOST_ACCOUNTS],
        "passwordless": tuple(found[PASSWORDLESS])[:_MOST_ACCOUNTS],
    }
