"""The end of a package transaction: one event for what it explains, the rest told one by one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Mapping

import msgspec

from collectors.api import SensorContext
from collectors.files.journal import Journal
from collectors.files.packages import disk, judge, scripts, weigh
from collectors.files.packages.archive import Entry
from collectors.files.packages.case import Acted, Case, Rights
from collectors.files.packages.database import Database, View
from collectors.files.packages.hold import Before, Buffer, Child, Held, Summary
from collectors.files.packages.index import Owned
from collectors.files.packages.places import origin, replaced
from collectors.files.packages.report import Report, annotate
from collectors.kinds import Severity
from collectors.paths import SafePath

_MAX_KNOWN = 200_000
_BACKUPS = {
    path + b"-": path for path in (b"/etc/passwd", b"/etc/group", b"/etc/shadow", b"/etc/gshadow")
}
"""Backups that the tools for accounts write, and of what."""


class Settlement:
    """Judges everything that is held, inside the transaction that the caller has open."""

    def __init__(
        self,
        context: SensorContext,
        journal: Journal,
        *,
        view: View,
        buffer: Buffer,
        database: Database,
        acted: Acted,
        report: Report,
        accounts: Mapping[bytes, Collection[str]],
        former: Mapping[bytes, str],
        pulse: Callable[[], None],
    ) -> None:
        """*accounts*: hashes that the files of accounts have had, by path below the root.

        *former*: directories of removed packages, with the package.
        """
        self._guard = context.guard
        self._journal = journal
        self._index = view.index
        self._proofs = view.proofs
        self._buffer = buffer
        self._database = database
        self._acted = acted
        self._report = report
        self._accounts = accounts
        self._former = former
        self._pulse = pulse
        self._controls = view.controls(acted)
        self._rights = Rights(*database.owner())
        self._overrides = view.index.overrides()
        self._known: set[str] = set()
        self._alternatives: set[bytes] = set()
        self._copies: set[bytes] = set()
        self._links: list[SafePath] = []
        self._digest = hashlib.sha256()
        self.number = 0
        """Of the transaction, once `run` has begun."""

    def run(self, begin: int, end: int, *, expired: bool) -> None:
        """Judge, fold, tell; *begin* and *end* in ns since 1970."""
        self.number = self._buffer.begin_transaction()
        for path, changes in self._buffer.groups():
            self._pulse()
            self._settle(path, changes, last=False)
        for path in self._links:  # what they point to has been judged by now
            self._settle(path, self._buffer.changes(path), last=True)
        report = self._report
        digest = self._digest.hexdigest()
        self._buffer.end_transaction(
            self.number, Summary(begin, end, report.total, report.unexplained, digest)
        )
        if report.total or report.packages:
            record = report.record(self.number, begin, end, digest, expired=expired)
            severity = Severity.MEDIUM if report.unverified or report.trusts else None
            self._journal.tell(record, severity=severity)

    def _settle(self, path: SafePath, changes: list[Held], *, last: bool) -> None:
        case = self._case(path, changes)
        why = judge.explain(case)
        if why is None:
            case = self._closer(case)
            why = judge.explain(case)
        if why is None:
            if changes[-1].record.type == "symlink" and not case.gone and not last:
                self._links.append(path)
                return
            for held in changes:
                self._tell(case, held)
            return
        self._learn(case, why)
        fine = judge.steps_explained(case, why, self._known)
        for held, explained in zip(changes, fine, strict=True):
            if explained:
                self._fold(path, case, held, why)
            else:
                self._tell(case, held)

    def _learn(self, case: Case, why: str) -> None:
        changes = case.held
        for each in (changes[-1].record.sha256, changes[0].before and changes[0].before.sha256):
            if each and case.owners and len(self._known) < _MAX_KNOWN:
                self._known.add(each)
        if why == judge.ALTERNATIVE or (why == scripts.LEFTOVER and case.gone):
            self._alternatives.add(case.path)
        elif why == scripts.COPY:
            self._copies.add(case.path)

    def _case(self, path: SafePath, changes: list[Held]) -> Case:
        real = self._guard.resolve(path)
        below = bytes(path[len(self._database.root) :])
        source = origin(below)
        record = changes[-1].record
        absent = record.action == "deleted" or record.outcome == "gone"
        present = None
        if real is not None and not absent:
            present = disk.read(real, record, self._owners, self._pulse)
        return Case(
            path=below,
            held=changes,
            acted=self._acted,
            owners=self._index.owners(path),
            beside=self._related(source) if source is not None else frozenset(),
            twin=source in self._alternatives,
            disk=present,
            gone=absent and (real is None or disk.gone(real)),
            rights=self._rights,
            override=self._overrides.get(bytes(path)),
            packed=self._proofs.packed(path),
            listed=self._proofs.listed(path),
            proof=self._database.proof,
            states=self._database.states,
            info=self._controls(below, present),
        )

    def _closer(self, case: Case) -> Case:
        """Return the case with what only matters when nothing simpler explains it."""
        started = scripts.enabled(case.path)
        record = case.held[-1].record
        twin = scripts.twin_of_alternative(case.path, record.type)
        backup = _BACKUPS.get(case.path)
        spare = self._spare(case.path)
        return case._replace(
            spare=spare,
            saved=None if spare is None else self._stood(spare),
            fresh=() if spare is None else self._entries(spare),
            beside=case.beside
            | (self._related(started) if started else frozenset())
            | (self._related(spare[len(self._database.root) :]) if spare else frozenset()),
            parents=self._parents(case.path),
            twin=case.twin or (case.gone and twin in self._alternatives),
            copied=record.sha256 is not None and record.sha256 in self._proofs.copies,
            backup=backup is not None and record.sha256 in self._accounts.get(backup, ()),
            settled=self._target(case) in self._copies,
        )

    def _spare(self, path: bytes) -> SafePath | None:
        """Return the configuration file beside which rpm has put *path*."""
        below = replaced(path) if self._database.name == "rpm" else None
        return None if below is None else SafePath(self._database.root + below)

    def _stood(self, path: SafePath) -> Before | None:
        """Return what stood at *path* before its first change that is held."""
        changes = self._buffer.changes(path)
        return changes[0].before if changes else None

    def _entries(self, path: SafePath) -> list[Entry]:
        return self._proofs.packed(path) + self._proofs.listed(path)

    def _target(self, case: Case) -> bytes | None:
        if case.disk is None or not case.disk.link:
            return None
        return os.path.normpath(os.path.join(os.path.dirname(case.path), case.disk.link))

    def _parents(self, path: bytes) -> frozenset[str]:
        """Return who owns, or owned, a directory above, below ``/etc`` and ``/usr/share``."""
        found: frozenset[str] = frozenset()
        shared = 3 if path.startswith((b"/usr/", b"/var/")) else 2
        parent = os.path.dirname(path)
        while parent.count(b"/") >= shared:
            found |= self._related(parent)
            parent = os.path.dirname(parent)
        return found

    def _related(self, below: bytes) -> frozenset[str]:
        path = SafePath(self._database.root + below)
        owners = frozenset(owner.package for owner in self._index.owners(path))
        former = self._former.get(path)
        return owners | self._buffer.owners(path) | ({former} if former else frozenset())

    def _owners(self, path: bytes) -> list[Owned]:
        """Return who owns *path*, given as it is or as a manifest spells it."""
        found = self._index.owners(self._guard.guard(path))
        return found or self._index.owners(self._guard.guard(self._index.real(path)))

    def _fold(self, path: SafePath, case: Case, held: Held, why: str) -> None:
        record = held.record
        proven = judge.proven(case, why)
        reason = why if proven else f"{why} (unverified)"
        self._buffer.add_child(self.number, Child(path, record.action, reason, record.sha256))
        self._digest.update(
            b"\0".join((record.action.encode(), path, (record.sha256 or "").encode())) + b"\n"
        )
        where = os.path.dirname(path) if why == scripts.LEFTOVER else None
        self._report.folded(
            self._guard.display(path),
            record.action,
            proven=proven,
            left=None if where is None else self._guard.display(SafePath(where)),
        )

    def _tell(self, case: Case, held: Held) -> None:
        self._report.told()
        md5 = case.disk.md5 if case.disk is not None else None
        state = weigh.state(case.path, case.owners, held.record, md5, self._database.own)
        self._journal.pass_on(
            msgspec.structs.replace(
                held.sighting,
                record=annotate(held.record, case.owners, state),
                severity=weigh.weigh(state),
            )
        )
