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
from collectors.files.meaning.urgent import urgent
from collectors.files.packages import disk, inventory, judge, weigh
from collectors.files.packages.case import Acted
from collectors.files.packages.database import Database
from collectors.files.packages.digests import Digests, Sum
from collectors.files.packages.hold import MAX_HELD, Before, Buffer, Held
from collectors.files.packages.index import Owned
from collectors.files.packages.inventory import Inventory
from collectors.files.packages.lists import GPGV
from collectors.files.packages.manifests import Act, plain
from collectors.files.packages.places import NEVER_PACKAGED
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
"""Seconds that evidence may be old. Package managers hold their lock for longer before they touch a
file."""
_BATCH = 50
"""Packages that are indexed in one transaction."""
_AGAIN = 60.0
"""Seconds until manifests that could not be read are tried again."""
_SEEN = ("dpkg_log_inode", "dpkg_log_size", "dpkg_status_inode", "dpkg_status_mtime")
_READY = "packages_ready"
_MD5 = 16
_MAX_ACCOUNTS = 1000
"""Changes of a file of accounts that are remembered in one transaction."""


class Packages:
    """See the module. All calls from the sensor's worker."""

    quiet: ClassVar[float] = QUIET
    stale: ClassVar[float] = STALE
    limit: ClassVar[float] = LIMIT
    gpgv: ClassVar[str] = GPGV
    inventory_start: ClassVar[float] = inventory.START
    inventory_pause: ClassVar[float] = inventory.PAUSE

    def __init__(
        self,
        context: SensorContext,
        baseline: Baseline,
        journal: Journal,
        *,
        database: Database,
        pulse: Callable[[], None],
    ) -> None:
        """Make the tables and see whether a transaction is open."""
        self._context = context
        self._baseline = baseline
        self._journal = journal
        self._database = database
        self._pulse = pulse
        self._view = database.open(baseline.connection, context.guard, pulse=pulse, gpgv=self.gpgv)
        self._index = self._view.index
        self._buffer = Buffer(baseline.connection)
        self._proofs = self._view.proofs
        self.folded: Callable[[int], None] = lambda _: None
        """Told the number of a transaction whose children are known, before they are let go."""
        self._gathered: Evidence | None = None
        self._accounts: dict[bytes, set[str]] = {}
        self._looked = 0.0
        self._begin: int | None = None
        self._inventory = Inventory(
            baseline,
            journal,
            self._view.manifests,
            self._digests,
            start=self.inventory_start,
            pause=self.inventory_pause,
        )
        baseline.begin()
        self._inventory.create_tables()
        self._index.create_tables()
        self._buffer.create_tables()
        self._proofs.create_tables()
        baseline.commit()
        self._held = self._buffer.count()
        self._ready = baseline.get(_READY) == 1
        self._transaction = Transaction(
            self._seen(),
            quiet=self.quiet,
            stale=self.stale,
            limit=self.limit,
            locked_is_working=database.locked_is_working,
        )
        if self._held:
            self._transaction.resume(time.monotonic())
        # Once known, manifests change only with what was done to packages: see `settle`.
        self._reading: Iterator[None] | None = None if self._ready else self._index.refresh()
        self._retry = 0.0
        self.poll()

    @property
    def ready(self) -> bool:
        """Whether the manifests have been read."""
        return self._ready and self._reading is None

    @property
    def state(self) -> str:
        """Return in a word what is known of packages, or why nothing is."""
        if self._database.trouble:
            return self._database.trouble
        return "known" if self.ready else "being read"

    @property
    def held(self) -> int:
        """How many changes wait."""
        return self._held

    def poll(self) -> Verdict:
        """Look for a transaction; return what is to be done."""
        now = self._looked = time.monotonic()
        self._transaction.observe(now, self._database.look())
        if self._transaction.holding and self._begin is None:
            oldest = self._buffer.oldest() if self._held else None
            self._begin = oldest if oldest is not None else self._context.now()
        return self._transaction.verdict(now)

    def step(self, seconds: float) -> bool:
        """Read manifests for about *seconds*; return whether there is more to read."""
        if self._transaction.open or time.monotonic() < self._retry:
            return False
        if self._reading is None and not self._ready:
            self._reading = self._index.refresh()
        deadline = time.monotonic() + seconds
        while self._read_some():
            if time.monotonic() >= deadline:
                return True
        return False

    def state_some(self, seconds: float) -> bool:
        """Tell what is installed, for about *seconds*; return whether there is more at once.

        For times when nothing else is to be done.
        """
        if not self.ready:
            return False
        # Asked again: packages that change must not be stated half.
        if self._transaction.open or self.poll() is not Verdict.NONE:
            self._inventory.interrupt()
            return False
        return self._inventory.step(seconds)

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
                self._reading = None
                self._ready = self._ready or not self._index.unread
                self._baseline.put(_READY, int(self._ready))
                self._retry = 0.0 if self._ready else time.monotonic() + _AGAIN
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
        if self._fleeting(path, record):
            return
        owners = self._index.owners(subject.path)
        if not self._transaction.holding and time.monotonic() - self._looked > _FRESH:
            self.poll()
        before = _before(row)
        held = self._transaction.holding and self._held < MAX_HELD
        held = held and not urgent(record, owned=bool(owners))
        if held and not judge.hopeless(record, before):
            names = frozenset(owner.package for owner in owners)
            sighting = Sighting(record=record, observed=self._context.now(), module=NAME)
            self._journal.wrote()
            self._buffer.add(subject.path, Held(sighting, before, names))
            self._held += 1
            return
        self._tell_now(subject, record, owners, path)

    def _fleeting(self, path: bytes, record: FileChange) -> bool:
        """Tell whether a reader of the database made this, and it is nothing but a plain file."""
        pattern = self._database.fleeting
        plain_file = record.type == "file" and not int(record.mode or "0", 8) & 0o7111
        return pattern is not None and plain_file and bool(pattern.fullmatch(path))

    def _tell_now(
        self, subject: Subject, record: FileChange, owners: list[Owned], path: bytes
    ) -> None:
        md5 = None
        present = record.type == "file" and record.outcome != "gone"
        if present and any(o.digest and len(o.digest) == _MD5 for o in owners):
            place = subject.place
            directory = place.descriptor if place.descriptor >= 0 else None
            md5 = disk.md5_of(directory, subject.name, self._pulse)
        state = weigh.state(path, owners, record, md5, self._database.own)
        self._journal.tell(annotate(record, owners, state), severity=weigh.weigh(state))

    def _remember_account(self, path: bytes, record: FileChange) -> None:
        """Remember what the files of accounts held: their tools write it to a backup."""
        hashes = self._accounts.setdefault(path, set())
        hashes.update(h for h in (record.sha256, record.previous_sha256) if h)
        if len(hashes) > _MAX_ACCOUNTS or len(self._accounts) > _MAX_ACCOUNTS:
            self._accounts.clear()

    def gather(self) -> None:
        """Read the archives of what dpkg has begun to unpack, while apt still has them."""
        if not self._proofs.early or not self._transaction.holding:
            return
        now = self._transaction.seen
        if self._gathered is not None and self._gathered.log == now.log:
            return
        self._gathered = now
        self._fetch(self._view.acts(self._seen()))

    def _fetch(self, acts: Sequence[Act]) -> None:
        if not self._proofs.missing(acts):
            return
        self._journal.commit()
        keep = self._proofs.fetch(acts)
        self._baseline.begin()
        keep()
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
        self._baseline.begin()
        self._view.began(ready=self._ready)
        self._baseline.commit()
        acts = self._view.acts(before)
        self._fetch(acts)
        acted, former = self._learn(acts, before)
        try:
            self._journal.wrote()
            proven = self._proofs.vouched(acts)
            acted = acted._replace(sealed=frozenset(plain(name) for name in proven))
            settlement = Settlement(
                self._context,
                self._journal,
                view=self._view,
                buffer=self._buffer,
                database=self._database,
                acted=acted,
                report=Report(acts, proven, self._sums(acts, verdict), self._database.proof),
                accounts=self._accounts,
                former=former,
                pulse=self._pulse,
            )
            settlement.run(self._begin or now, now, expired=verdict is Verdict.EXPIRED)
            if verdict is Verdict.CLOSED:
                if self._database.look() != seen:
                    # It runs again and has changed files under our eyes: judge both together.
                    self._journal.rollback()
                    self.poll()
                    return
                self._remember(seen)
                self._proofs.clear()
                self._view.closed()
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
        """Return what other hosts should have alike; nothing while it still runs."""
        if verdict is not Verdict.CLOSED:
            return {}
        return self._digests().of(acts)

    def _digests(self) -> Digests:
        guard, root = self._context.guard, self._database.root
        return Digests(self._baseline, self._index, guard, root=root, pulse=self._pulse)

    def _learn(self, acts: Sequence[Act], before: Evidence) -> tuple[Acted, dict[bytes, str]]:
        """Read the manifests that may have changed; return who acted, and former directories."""
        acted = Acted.of(acts)
        # Without the whole log nobody can say whose manifests may have changed.
        whole = self._ready and self._view.continuous(before)
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
            now = self._database.look()
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
        root = self._database.root
        return bytes(path[len(root) :]) if path.startswith(root + b"/") else None


def _before(row: Row | None) -> Before | None:
    if row is None:
        return None
    sha256 = row.digest.hex() if row.digest is not None and row.outcome == "hashed" else None
    return Before(row.mode, row.uid, row.gid, sha256)
