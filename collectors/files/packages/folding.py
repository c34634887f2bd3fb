"""Folding what a package manager did into one event, and telling everything else as ever.

`tell` takes each change that the sensor finds. While a package transaction is open the change is
held; when it is over `settle` judges all that is held, in one transaction of the database.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

from collectors.api import SensorContext
from collectors.files.baseline import Baseline
from collectors.files.compare import Row
from collectors.files.journal import NAME, Journal
from collectors.files.packages import disk, judge, weigh
from collectors.files.packages.case import Acted
from collectors.files.packages.digests import Digests, Sum
from collectors.files.packages.hold import MAX_HELD, Before, Buffer, Held
from collectors.files.packages.index import Index, Owned
from collectors.files.packages.lists import GPGV
from collectors.files.packages.manifests import Act, plain
from collectors.files.packages.places import NEVER_PACKAGED
from collectors.files.packages.probe import Dpkg
from collectors.files.packages.proof import Archives
from collectors.files.packages.report import Report, annotate
from collectors.files.packages.settle import Settlement
from collectors.files.packages.transaction import (
    LIMIT,
    QUIET,
    STALE,
    Evidence,
    Transaction,
    Verdict,
)
from collectors.files.tell import Subject
from collectors.kinds import FileChange
from collectors.paths import SafePath
from collectors.sighting import Sighting

_FRESH = 0.005
"""Seconds that evidence may be old. dpkg holds its lock for longer before it touches a file."""
_BATCH = 50
"""Packages that are indexed in one transaction."""
_SEEN = ("dpkg_log_inode", "dpkg_log_size", "dpkg_status_inode", "dpkg_status_mtime")
_READY = "packages_ready"
_MAX_ACCOUNTS = 1000
"""Changes of a file of accounts that are remembered in one transaction."""


class Packages:
    """See the module. All calls from the sensor's worker."""

    quiet: ClassVar[float] = QUIET
    stale: ClassVar[float] = STALE
    limit: ClassVar[float] = LIMIT
    gpgv: ClassVar[str] = GPGV

    def __init__(
        self,
        context: SensorContext,
        baseline: Baseline,
        journal: Journal,
        *,
        dpkg: Dpkg,
        pulse: Callable[[], None],
    ) -> None:
        """Make the tables and see whether a transaction is open."""
        self._context = context
        self._baseline = baseline
        self._journal = journal
        self._dpkg = dpkg
        self._pulse = pulse
        self._index = Index(baseline.connection, dpkg, context.guard)
        self._buffer = Buffer(baseline.connection)
        self._archives = Archives(
            baseline.connection, self._index, root=dpkg.root, pulse=pulse, gpgv=self.gpgv
        )
        self.folded: Callable[[int], None] = lambda _: None
        """Told the number of a transaction whose children are known, before they are let go."""
        self._gathered: Evidence | None = None
        self._accounts: dict[bytes, set[str]] = {}
        self._looked = 0.0
        self._begin: int | None = None
        baseline.begin()
        self._index.create_tables()
        self._buffer.create_tables()
        self._archives.create_tables()
        baseline.commit()
        self._held = self._buffer.count()
        self._ready = baseline.get(_READY) == 1
        self._transaction = Transaction(
            self._seen(), quiet=self.quiet, stale=self.stale, limit=self.limit
        )
        if self._held:
            self._transaction.resume(time.monotonic())
        # Once known, manifests change only with what dpkg.log says: see `settle`.
        self._reading: Iterator[None] | None = None if self._ready else self._index.refresh()
        self.poll()

    @property
    def ready(self) -> bool:
        """Whether the manifests have been read."""
        return self._ready and self._reading is None

    @property
    def held(self) -> int:
        """How many changes wait."""
        return self._held

    def poll(self) -> Verdict:
        """Look for a transaction; return what is to be done."""
        now = self._looked = time.monotonic()
        self._transaction.observe(now, self._dpkg.look())
        if self._transaction.holding and self._begin is None:
            oldest = self._buffer.oldest() if self._held else None
            self._begin = oldest if oldest is not None else self._context.now()
        return self._transaction.verdict(now)

    def step(self, seconds: float) -> bool:
        """Read manifests for about *seconds*; return whether there is more to read."""
        if self._reading is None or self._transaction.open:
            return False
        deadline = time.monotonic() + seconds
        while self._read_some():
            if time.monotonic() >= deadline:
                return True
        return False

    def _read_some(self) -> bool:
        """Index a few packages in one transaction; return whether there are more."""
        if self._reading is None:
            return False
        self._journal.commit()
        self._baseline.begin()
        try:
            for _ in itertools.islice(self._reading, _BATCH):
                self._pulse()
            more = next(self._reading, self) is not self
            if not more:
                self._baseline.put(_READY, 1)
                self._ready = True
                self._reading = None
        except BaseException:
            self._baseline.rollback()
            self._reading = None if self._ready else self._index.refresh()
            raise
        self._baseline.commit()
        return more

    def tell(self, subject: Subject, record: FileChange, row: Row | None) -> None:
        """Hold one change or tell it at once; *row* is what stood there before."""
        path = self._below(subject.path)
        if path is None or NEVER_PACKAGED.match(path):
            if path is not None and self._transaction.holding:
                self._remember_account(path, record)
            self._journal.tell(record)
            return
        owners = self._index.owners(subject.path)
        if not self._transaction.holding and time.monotonic() - self._looked > _FRESH:
            self.poll()
        before = _before(row)
        held = self._transaction.holding and self._held < MAX_HELD
        if held and not judge.hopeless(record, before):
            names = frozenset(owner.package for owner in owners)
            sighting = Sighting(record=record, observed=self._context.now(), module=NAME)
            self._journal.wrote()
            self._buffer.add(subject.path, Held(sighting, before, names))
            self._held += 1
            return
        self._tell_now(subject, record, owners, path)

    def _tell_now(
        self, subject: Subject, record: FileChange, owners: list[Owned], path: bytes
    ) -> None:
        md5 = None
        if record.type == "file" and record.outcome != "gone" and any(o.md5 for o in owners):
            place = subject.place
            directory = place.descriptor if place.descriptor >= 0 else None
            md5 = disk.md5_of(directory, subject.name, self._pulse)
        state = weigh.state(path, owners, record, md5)
        self._journal.tell(annotate(record, owners, state), severity=weigh.weigh(state))

    def _remember_account(self, path: bytes, record: FileChange) -> None:
        """Remember what the files of accounts held: their tools write it to a backup."""
        hashes = self._accounts.setdefault(path, set())
        hashes.update(h for h in (record.sha256, record.previous_sha256) if h)
        if len(hashes) > _MAX_ACCOUNTS or len(self._accounts) > _MAX_ACCOUNTS:
            self._accounts.clear()

    def gather(self) -> None:
        """Read the archives of what dpkg has begun to unpack, while apt still has them."""
        if not self._transaction.holding:
            return
        now = self._transaction.seen
        if self._gathered is not None and self._gathered.log == now.log:
            return
        self._gathered = now
        self._read_archives(self._dpkg.acts(*self._seen().log))

    def _read_archives(self, acts: Sequence[Act]) -> None:
        missing = self._archives.missing(acts)
        if not missing:
            return
        self._journal.commit()
        found = self._archives.gather(missing)
        self._baseline.begin()
        self._archives.keep(found)
        self._baseline.commit()

    def settle(self, verdict: Verdict) -> None:
        """Judge all that is held, and end the transaction or go on with an empty buffer.

        Raises:
            collectors.api.Stopped: the agent is going down; everything is held as before.
        """
        self._journal.commit()
        now = self._context.now()
        seen = self._transaction.seen
        before = self._seen()
        acts = self._dpkg.acts(*before.log)
        self._read_archives(acts)
        acted, former = self._learn(acts, before)
        try:
            self._journal.wrote()
            proven = self._archives.vouched(acts)
            acted = acted._replace(sealed=frozenset(plain(name) for name in proven))
            settlement = Settlement(
                self._context,
                self._journal,
                index=self._index,
                buffer=self._buffer,
                archives=self._archives,
                dpkg=self._dpkg,
                acted=acted,
                report=Report(acts, proven, self._sums(acts, verdict)),
                accounts=self._accounts,
                former=former,
                pulse=self._pulse,
            )
            settlement.run(self._begin or now, now, expired=verdict is Verdict.EXPIRED)
            if verdict is Verdict.CLOSED:
                if self._dpkg.look() != seen:
                    # dpkg runs again and has changed files under our eyes: judge both together.
                    self._journal.rollback()
                    self.poll()
                    return
                self._remember(seen)
                self._archives.clear()
            self.folded(settlement.number)
            self._buffer.clear()
            self._journal.commit()
        except BaseException:
            self._journal.rollback()
            self._held = self._buffer.count()
            raise
        self._held = 0
        self._begin = None
        self._gathered = None
        self._accounts.clear()
        self._transaction.settled(verdict)

    def _sums(self, acts: Sequence[Act], verdict: Verdict) -> dict[str, Sum]:
        """Return what other hosts should have alike; nothing while dpkg still runs."""
        if verdict is not Verdict.CLOSED:
            return {}
        guard, root = self._context.guard, self._dpkg.root
        return Digests(self._baseline, self._index, guard, root=root, pulse=self._pulse).of(acts)

    def _learn(self, acts: Sequence[Act], before: Evidence) -> tuple[Acted, dict[bytes, str]]:
        """Read the manifests that may have changed; return who acted, and former directories."""
        acted = Acted.of(acts)
        # Without the whole log nobody can say whose manifests may have changed.
        whole = self._ready and self._dpkg.continuous(before.log[0])
        only = acted.unpacked | acted.removed if whole else None
        if only is not None:
            changed = frozenset(plain(name) for name in self._index.stale())
            acted = acted._replace(touched=acted.touched - (changed - only))
        former = self._index.directories(acted.removed)
        self._reading = self._index.refresh(acted.all, only)
        while self._read_some():
            pass
        return acted, former

    def _seen(self) -> Evidence:
        """Return the evidence up to which everything is settled; that of now at first."""
        values = [self._baseline.get(key) for key in _SEEN]
        if None in values:
            now = self._dpkg.look()
            self._baseline.begin()
            self._remember(now)
            self._baseline.commit()
            return now._replace(locked=False)
        log_inode, size, status_inode, mtime = (value or 0 for value in values)
        return Evidence(False, (log_inode, size), (status_inode, mtime))

    def _remember(self, seen: Evidence) -> None:
        for key, value in zip(_SEEN, (*seen.log, *seen.status), strict=True):
            self._baseline.put(key, value)

    def _below(self, path: SafePath) -> bytes | None:
        """Return *path* below the root of the packages, None when it is elsewhere."""
        root = self._dpkg.root
        return bytes(path[len(root) :]) if path.startswith(root + b"/") else None


def _before(row: Row | None) -> Before | None:
    if row is None:
        return None
    sha256 = row.digest.hex() if row.digest is not None and row.outcome == "hashed" else None
    return Before(row.mode, row.uid, row.gid, sha256)
