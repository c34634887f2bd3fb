"""The end of a package transaction: one event for what it explains, the rest told one by one."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import msgspec

from collectors.api import SensorContext
from collectors.files.journal import Journal
from collectors.files.packages import disk, judge
from collectors.files.packages.hold import Buffer, Child, Held, Summary
from collectors.files.packages.index import Index, Owned
from collectors.files.packages.manifests import Act, plain
from collectors.files.packages.probe import Dpkg
from collectors.kinds import FileChange, PackageChange, PackageTransaction, Scrubbed
from collectors.paths import SafePath
from collectors.redact import scrub

MAX_PACKAGES = 500
"""Packages listed in one event; the count is exact."""
SAMPLE = 10
_MAX_KNOWN = 200_000


class Settlement:
    """Judges everything that is held, inside the transaction that the caller has open."""

    def __init__(
        self,
        context: SensorContext,
        journal: Journal,
        *,
        index: Index,
        buffer: Buffer,
        dpkg: Dpkg,
        acts: Sequence[Act],
        pulse: Callable[[], None],
    ) -> None:
        self._context = context
        self._guard = context.guard
        self._journal = journal
        self._index = index
        self._buffer = buffer
        self._dpkg = dpkg
        self._acts = acts
        self._pulse = pulse
        self._acted = frozenset(plain(act.package) for act in acts)
        self._rights = judge.Rights(*dpkg.owner())
        self._overrides = index.overrides()
        self._known: set[str] = set()
        self._alternatives: set[bytes] = set()
        self._digest = hashlib.sha256()
        self._actions: Counter[str] = Counter()
        self._sample: list[Scrubbed] = []
        self._number = 0
        self._unexplained = 0

    def run(self, begin: int, end: int, *, expired: bool) -> None:
        """Judge, fold, tell; *begin* and *end* in ns since 1970."""
        self._number = self._buffer.begin_transaction()
        for path, changes in self._buffer.groups():
            self._pulse()
            self._settle(path, changes)
        total = sum(self._actions.values())
        summary = Summary(begin, end, total, self._unexplained, self._digest.hexdigest())
        self._buffer.end_transaction(self._number, summary)
        if total or self._acts:
            self._journal.tell(self._record(begin, end, total, expired=expired))

    def _settle(self, path: SafePath, changes: list[Held]) -> None:
        case = self._case(path, changes)
        why = judge.explain(case)
        if why is None:
            for held in changes:
                self._tell(case, held)
            return
        for each in (changes[-1].record.sha256, changes[0].before and changes[0].before.sha256):
            if each and case.owners and len(self._known) < _MAX_KNOWN:
                self._known.add(each)
        if why == judge.ALTERNATIVE:
            self._alternatives.add(case.path)
        fine = judge.steps_explained(case, why, self._known)
        for held, explained in zip(changes, fine, strict=True):
            if explained:
                self._fold(path, held.record, why)
            else:
                self._tell(case, held)

    def _case(self, path: SafePath, changes: list[Held]) -> judge.Case:
        real = self._guard.resolve(path)
        root = self._dpkg.root
        below = bytes(path[len(root) :])
        origin = judge.origin(below)
        beside: frozenset[str] = frozenset()
        if origin is not None:
            beside = frozenset(o.package for o in self._index.owners(SafePath(root + origin)))
            beside |= self._owners_before(SafePath(root + origin))
        record = changes[-1].record
        absent = record.action == "deleted" or record.outcome == "gone"
        present = None
        if real is not None and not absent:
            present = disk.read(real, record, self._owners, self._pulse)
        return judge.Case(
            path=below,
            held=changes,
            acted=self._acted,
            owners=self._index.owners(path),
            beside=beside,
            twin=origin in self._alternatives,
            disk=present,
            gone=absent and (real is None or disk.gone(real)),
            rights=self._rights,
            override=self._overrides.get(bytes(path)),
        )

    def _owners(self, path: bytes) -> list[Owned]:
        """Return who owns *path*, given as it is or as a manifest spells it."""
        found = self._index.owners(self._guard.guard(path))
        return found or self._index.owners(self._guard.guard(self._index.real(path)))

    def _owners_before(self, path: SafePath) -> frozenset[str]:
        return self._buffer.owners(path)

    def _fold(self, path: SafePath, record: FileChange, why: str) -> None:
        self._buffer.add_child(self._number, Child(path, record.action, why, record.sha256))
        self._digest.update(
            b"\0".join((record.action.encode(), path, (record.sha256 or "").encode())) + b"\n"
        )
        self._actions[record.action] += 1
        if len(self._sample) < SAMPLE and record.action != "deleted":
            shown = self._guard.display(path)
            if shown not in self._sample:
                self._sample.append(shown)

    def _tell(self, case: judge.Case, held: Held) -> None:
        self._unexplained += 1
        md5 = case.disk.md5 if case.disk is not None else None
        severity = judge.weigh(case.path, case.owners, held.record, md5)
        self._journal.pass_on(
            msgspec.structs.replace(
                held.sighting, record=annotate(held.record, case.owners), severity=severity
            )
        )

    def _record(self, begin: int, end: int, total: int, *, expired: bool) -> PackageTransaction:
        changes = _summary(self._acts)
        return PackageTransaction(
            number=self._number,
            packages=tuple(changes[:MAX_PACKAGES]),
            names=tuple(change.name for change in changes[:MAX_PACKAGES]),
            count=len(changes),
            actions=dict(self._actions),
            total=total,
            unexplained=self._unexplained,
            sample=tuple(self._sample),
            digest=self._digest.hexdigest(),
            begin=begin,
            end=end,
            outcome="expired" if expired else "closed",
        )


def annotate(record: FileChange, owners: Iterable[Owned]) -> FileChange:
    """Return *record* with the package that owns its path, if any does."""
    name = min((owner.package for owner in owners), default=None)
    return record if name is None else msgspec.structs.replace(record, package=scrub(name))


def _shown(version: str | None) -> Scrubbed | None:
    return None if version is None else scrub(version)


def _summary(acts: Sequence[Act]) -> list[PackageChange]:
    """Return one line for each package: from its first version to its last."""
    found: dict[str, PackageChange] = {}
    for act in acts:
        known = found.get(act.package)
        if act.action in ("configure", "trigproc") and known is not None:
            continue
        found[act.package] = PackageChange(
            name=scrub(act.package),
            action=act.action,
            old=known.old if known is not None else _shown(act.old),
            new=_shown(act.new),
        )
    return list(found.values())
