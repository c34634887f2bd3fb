"""The loop of the files sensor, for one run."""

from __future__ import annotations

import logging
import time

from collectors.api import SensorContext, Stopped
from collectors.files import attendance
from collectors.files.baseline import Baseline
from collectors.files.deploy.deployments import Deployments
from collectors.files.dirty import DirtySet
from collectors.files.examine import Examiner
from collectors.files.journal import NAME, Journal
from collectors.files.losses import Losses
from collectors.files.meaning.meaning import Meaning
from collectors.files.meaning.roles import Roles
from collectors.files.meaning.severity import heavier
from collectors.files.mounts import Mounts
from collectors.files.order import Order
from collectors.files.packages.database import Database
from collectors.files.packages.folding import Packages
from collectors.files.packages.hold import tell_held
from collectors.files.packages.transaction import Verdict
from collectors.files.pauses import Pauses
from collectors.files.reconcile import Reconciler
from collectors.files.rehash import Rehasher
from collectors.files.scope import Scope
from collectors.files.settings import FileSettings
from collectors.files.settle import Settler
from collectors.files.sources.choose import choose
from collectors.files.status import Status
from collectors.files.tell import Addition
from collectors.files.vouch import Voucher
from collectors.files.who.addition import Who
from collectors.files.who.holders import Holders
from collectors.files.who.programs import Programs
from collectors.outbox import Outbox

_BEAT = 10.0
"""Seconds between two signs of life; also the precision of the downtime that is told."""
_STEP = 0.2
"""Seconds of walking before events get their turn."""
_IDLE = 1.0
"""Seconds after which an idle worker looks whether it is to stop."""
_GRACE = 0.6
"""Seconds for the last look when the agent stops (the contract allows two in all)."""

_log = logging.getLogger(__name__)


class Worker:
    """One run: from opening to stopping."""

    _beaten = 0.0
    _looked = 0.0
    _due = 0.0
    _walking = False
    _orphans_checked = False
    _deadline: float | None = None
    _mounts: Mounts | None = None

    def __init__(
        self,
        settings: FileSettings,
        scope: Scope,
        baseline: Baseline,
        context: SensorContext,
        status: Status,
        *,
        packages: Database | None = None,
        roles: Roles | None = None,
        order: Order | None = None,
    ) -> None:
        """*packages*: the database to know them by; None where there are none or nobody wants to.

        *roles* of this host. *order*: what is walked first.
        """
        self._coalesce = settings.coalesce_seconds()
        self._scope = scope
        self._baseline = baseline
        self._context = context
        self._status = status
        self._dirty = DirtySet()
        self._choice = choose(settings.backend, scope, self._dirty, Programs())
        self._source = self._choice.source
        self._interval = self._configured = self._choice.interval(settings.reconcile_seconds())
        self._outbox = Outbox(baseline.connection, NAME)
        self._journal = Journal(baseline, self._outbox, context, heavier)
        self._pauses = Pauses()
        self._losses = Losses(
            context,
            baseline,
            self._journal,
            source=self._source,
            dirty=self._dirty,
            pauses=self._pauses,
        )
        self._outbox.create_table()
        self._packages = None if packages is None else self._make_packages(packages)
        self._deployments = self._make_deployments(settings)
        self._meaning = Meaning(
            context,
            baseline,
            self._journal,
            status,
            roles or Roles(),
            limit=settings.hash_limit(),
            pulse=self._pulse,
        )
        self._settler = self._make_settler(settings.hash_limit())
        self._examiner = Examiner(self._settler, self._pulse)
        self._voucher = Voucher(baseline, self._journal, self._pulse)
        self._rehasher = Rehasher(
            self._settler, status, settings.rehash_seconds(), self._voucher.verified
        )
        self._reconciler = Reconciler(self._examiner, self._dirty, baseline.last_gap, order)

    def _make_packages(self, database: Database) -> Packages:
        return Packages(
            self._context, self._baseline, self._journal, database=database, pulse=self._pulse
        )

    def _make_deployments(self, settings: FileSettings) -> Deployments:
        return Deployments(
            self._context,
            self._baseline,
            self._journal,
            settings=settings,
            scope=self._scope,
            look=lambda: self._look(everything=True),
            pulse=self._pulse,
            packages=self._packages,
        )

    def _make_settler(self, limit: int) -> Settler:
        return Settler(
            self._context,
            scope=self._scope,
            baseline=self._baseline,
            journal=self._journal,
            source=self._source,
            dirty=self._dirty,
            limit=limit,
            pulse=self._pulse,
            listener=self._deployments.listener,
            additions=self._additions(),
            growth=self._meaning.growth,
        )

    def _additions(self) -> list[Addition]:
        """Return who adds what to the record of a change, in this order."""
        holders = None if self._source.names_writers else Holders()
        who = Who(self._context.guard, holders)
        return [who, *self._meaning.additions(), *self._deployments.additions()]

    def run(self) -> None:
        """Watch until the agent stops."""
        self._source.start(self._context.state_dir)
        self._mounts = self._follow_mounts()
        try:
            self._watch()
            self._close()
        finally:
            self._source.stop()
            self._deployments.close()
            self._mounts.close()
            self._meaning.close()
            self._status.update(state="stopped", watched_directories=0)

    def _watch(self) -> None:
        try:
            self._open()
            while not self._context.stopping.is_set():
                self._turn()
        except Stopped:
            return  # in the middle of something; the next start takes it up

    def _follow_mounts(self) -> Mounts:
        return Mounts(
            self._context,
            scope=self._scope,
            source=self._source,
            dirty=self._dirty,
            baseline=self._baseline,
            examiner=self._examiner,
            visibility=self._losses.visibility,
        )

    def _open(self) -> None:
        self._outbox.begin(self._context)
        self._outbox.flush(self._context)
        if self._packages is None:
            tell_held(self._baseline, self._journal)
        attendance.sign_on(self._baseline, self._context)
        self._baseline.whole = not self._examiner.first
        self._voucher.opened()
        attendance.begin(self._baseline, self._context)
        self._request()
        state = "first baseline" if self._examiner.first else "comparing"
        self._status.update(state=state)

    def _turn(self) -> None:
        self._pulse()
        if not self._source.alive():
            raise RuntimeError("the reader of events has died")
        if self._losses.any():
            self._request()
        self._check_mounts()
        self._meaning.check()
        for directory, name in self._meaning.growth.due():
            self._dirty.touched(directory, name, writing=False)
        now = time.monotonic()
        if len(self._dirty) and now - self._looked >= self._coalesce:
            self._look()
        self._deployments.turn()
        reading = self._settle_packages()
        if self._reconciler.running:
            self._walk()
        elif not reading:
            self._rest(now)
        self._report()

    def _rest(self, now: float) -> None:
        """Do what can wait; where there is nothing of that, sleep."""
        if now >= self._due:
            self._request()
        elif self._mounts is not None and self._mounts.pending:
            return
        elif len(self._dirty):
            # Gather: one look for many changes of a file.
            self._pauses.sleep(self._context.stopping.wait, self._coalesce)
        elif self._packages is not None and self._packages.state_some(_STEP):
            return
        elif not self._rehasher.step(_STEP) and not self._meaning.step(_STEP):
            self._pauses.sleep(self._dirty.wait, min(_IDLE, max(0.0, self._due - now)))
            self._looked = time.monotonic()

    def _settle_packages(self) -> bool:
        """Settle a package transaction that is over; return whether manifests wait to be read."""
        if self._packages is None:
            return False
        verdict = self._packages.poll()
        self._packages.gather()
        # What happened before the start is known when the walk has found it.
        over = verdict is Verdict.CLOSED and not self._reconciler.running
        if over or verdict is Verdict.EXPIRED:
            self._look()
            self._packages.settle(verdict)
        reading = not self._reconciler.running and self._packages.step(_STEP)
        self._status.update(held=self._packages.held, packages=self._packages.state)
        return reading

    def _walk(self) -> None:
        self._source.catch_up()
        self._walking = True
        try:
            finished = self._reconciler.step(_STEP)
        finally:
            self._walking = False
            self._examiner.looked(everywhere=False)
        if finished:
            self._reconciled()
        elif self._journal.due():
            self._journal.commit()

    def _look(self, *, everything: bool = False) -> None:
        self._source.catch_up()
        for path, work in self._dirty.take(everything=everything).items():
            self._examiner.examine(path, work, "watch")
        self._examiner.looked(everywhere=True)
        folded = self._dirty.take_folded()
        if folded:
            self._losses.visibility.folded(folded)
        self._journal.commit()
        self._looked = time.monotonic()

    def _check_mounts(self) -> None:
        """Compare what has been mounted or unmounted, a few directories at a time."""
        if self._mounts is None:
            return
        if self._mounts.check():
            self._request()
        deadline = time.monotonic() + _STEP
        while self._mounts.pending and time.monotonic() < deadline:
            self._source.catch_up()
            self._walking = True
            try:
                self._mounts.step()
            finally:
                self._walking = False
                self._examiner.looked(everywhere=False)
            self._journal.commit()

    def _request(self) -> None:
        self._due = time.monotonic() + self._interval
        self._reconciler.request()

    def _reconciled(self) -> None:
        """The walk has come to its end: what was missed before it began is repaired."""
        if not self._orphans_checked:
            self._remove_orphans()
        self._journal.wrote()
        if self._examiner.first:
            _log.info("files: first baseline complete")
        self._baseline.set_complete_roots(self._examiner.baselined())
        self._baseline.whole = not self._examiner.first
        self._voucher.scanned()
        self._losses.repaired(self._reconciler.gap)
        self._deployments.compared()
        self._journal.commit()
        self._report()
        self._status.update(
            state="watching",
            walks=self._reconciler.walks,
            walk_seconds=round(self._reconciler.seconds, 3),
            total_directories=max(0, self._reconciler.directories - 1),
        )
        self._status.reconciled()
        # The next is put off until this one has cost no more than its share of a core.
        self._interval = self._reconciler.interval(self._configured)
        self._status.update(reconcile_interval=round(self._interval, 1))
        self._due = time.monotonic() + self._interval

    def _remove_orphans(self) -> None:
        guard = self._context.guard
        roots = frozenset(guard.guard(root) for root in self._scope.roots)
        for path in self._baseline.orphans(roots):
            self._examiner.remove_tree(path, "reconcile")
        self._orphans_checked = True

    def _report(self) -> None:
        blind = {**self._source.blind_paths(), **self._examiner.blind}
        self._status.update(
            watched_directories=self._source.watched,
            backend=self._source.describe(),
            why_not_better=self._choice.reason,
            blind_directories=len(blind),
            overflows=self._source.overflows,
            backlog=len(self._dirty),
            entries=self._baseline.commitment.entries,
            **self._deployments.facts(),
        )
        # While the tree is walked the number only grows: one record at the end says it all.
        if not self._reconciler.running:
            self._losses.blind(blind)

    def _close(self) -> None:
        """Look once more, so that a short-lived file is not forgotten; then sign off."""
        self._deadline = self._deadline or time.monotonic() + _GRACE
        try:
            self._look(everything=True)
        except Stopped:
            self._journal.abandon()
        attendance.sign_off(self._baseline, self._context)

    def _pulse(self) -> None:
        """Beat, and give up when the agent stops. Called at least for each MiB that is read.

        Raises:
            Stopped: the agent stops, and the time for a last look is over.
        """
        self._pauses.tick()
        now = time.monotonic()
        if self._context.stopping.is_set():
            self._deadline = self._deadline or now + _GRACE
            if self._walking or now >= self._deadline:
                raise Stopped
        if now - self._beaten >= _BEAT:
            self._beaten = now
            self._context.beat()
            self._journal.beat()
