"""The loop of the files sensor, for one run."""

from __future__ import annotations

import logging
import time

from collectors.api import SensorContext, Stopped
from collectors.files.baseline import DAMAGED, Baseline
from collectors.files.deploy.deployments import Deployments
from collectors.files.dirty import DirtySet
from collectors.files.examine import Examiner
from collectors.files.journal import NAME, Journal
from collectors.files.meaning.meaning import Meaning
from collectors.files.meaning.roles import Roles
from collectors.files.meaning.severity import heavier
from collectors.files.mounts import Mounts
from collectors.files.notes import Gap
from collectors.files.packages.folding import Packages
from collectors.files.packages.hold import tell_held
from collectors.files.packages.probe import Dpkg
from collectors.files.packages.transaction import Verdict
from collectors.files.pauses import Pauses
from collectors.files.reconcile import Reconciler
from collectors.files.rehash import Rehasher
from collectors.files.scope import Scope
from collectors.files.settings import FileSettings
from collectors.files.sources.choose import choose
from collectors.files.status import Status
from collectors.files.tell import Addition
from collectors.files.visibility import BASELINE_LOST, Visibility
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
_SHORT_GAP = 1_000_000_000

_log = logging.getLogger(__name__)


class Worker:
    """One run: from opening to stopping."""

    _beaten = 0.0
    _looked = 0.0
    _due = 0.0
    _walking = False
    _overflows = 0
    _blind = 0
    _overflow_told = False
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
        dpkg: Dpkg | None = None,
        roles: Roles | None = None,
    ) -> None:
        """*dpkg*: whose packages to know; None where there are none or nobody wants to.

        *roles* of this host.
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
        self._visibility = Visibility(context, self._journal)
        self._outbox.create_table()
        self._packages = (
            None
            if dpkg is None
            else Packages(context, baseline, self._journal, dpkg=dpkg, pulse=self._pulse)
        )
        self._deployments = Deployments(
            context,
            baseline,
            self._journal,
            settings=settings,
            scope=scope,
            look=lambda: self._look(everything=True),
            pulse=self._pulse,
            packages=self._packages,
        )
        self._meaning = Meaning(
            context,
            baseline,
            self._journal,
            status,
            roles or Roles(),
            limit=settings.hash_limit(),
            pulse=self._pulse,
        )
        self._examiner = self._make_examiner(settings.hash_limit())
        self._voucher = Voucher(baseline, self._journal, self._pulse)
        self._rehasher = self._make_rehasher(settings.rehash_seconds())
        self._reconciler = Reconciler(self._examiner, self._dirty, baseline.last_gap)
        self._pauses = Pauses()

    def _make_examiner(self, limit: int) -> Examiner:
        return Examiner(
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

    def _make_rehasher(self, interval: float) -> Rehasher:
        settler, verified = self._examiner.settler, self._voucher.verified
        return Rehasher(settler, self._status, interval, verified)

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
            visibility=self._visibility,
        )

    def _open(self) -> None:
        self._outbox.begin(self._context)
        self._outbox.flush(self._context)
        if self._packages is None:
            tell_held(self._baseline, self._journal)
        last = self._baseline.get("beat")
        now = self._context.now()
        if last is None and self._had_baseline():
            self._baseline.add_gap(Gap(BASELINE_LOST, now, now))
        if last is not None:
            clean = self._baseline.get("clean") == 1
            if not clean or abs(now - last) > _SHORT_GAP:
                gap = Gap("stopped" if clean else "crashed", min(last, now), now)
                self._baseline.add_gap(gap)
        self._baseline.whole = not self._examiner.first
        self._voucher.opened()
        self._baseline.put("clean", 0)
        self._baseline.put("beat", now)
        self._request()
        state = "first baseline" if self._examiner.first else "comparing"
        self._status.update(state=state)

    def _had_baseline(self) -> bool:
        """Tell whether this new baseline stands in for one that was damaged or removed."""
        damaged = any(self._context.state_dir.glob(DAMAGED + "*"))
        return damaged or self._context.cursor(NAME) > 0

    def _turn(self) -> None:
        self._pulse()
        if not self._source.alive():
            raise RuntimeError("the reader of events has died")
        self._check_overflow()
        self._check_mounts()
        self._check_pauses()
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
        elif reading:
            return
        elif now >= self._due:
            self._request()
        elif (self._mounts is not None and self._mounts.pending) or (
            not len(self._dirty) and self._rehasher.step(_STEP)
        ):
            return
        elif len(self._dirty):
            # Gather: one look for many changes of a file.
            self._pauses.sleep(self._context.stopping.wait, self._coalesce)
        elif not self._meaning.step(_STEP):
            self._pauses.sleep(self._dirty.wait, min(_IDLE, max(0.0, self._due - now)))
            self._looked = time.monotonic()
        self._report()

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
        known = "known" if self._packages.ready else "being read"
        self._status.update(held=self._packages.held, packages=known)
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
            self._visibility.folded(folded)
        self._journal.commit()
        self._looked = time.monotonic()

    def _check_overflow(self) -> None:
        if not self._dirty.take_overflow():
            return
        now = self._context.now()
        begin = now
        if self._source.overflows != self._overflows:  # else our own bounds were reached
            self._overflows = self._source.overflows
            begin = min(self._source.overflow_since, now)
        self._journal.wrote()
        self._baseline.add_gap(Gap("queue_overflow", begin, now))
        if not self._overflow_told:
            self._overflow_told = True
            self._visibility.overflow(begin)
        self._journal.commit()
        _log.warning("files: events were lost; comparing the whole tree")
        self._request()

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

    def _check_pauses(self) -> None:
        """Keep the times in which nothing ran, and compare everything: who knows what was lost."""
        pauses = self._pauses.take()
        if not pauses:
            return
        self._journal.wrote()
        for pause in pauses:
            self._baseline.add_gap(pause)
        self._journal.commit()
        _log.warning("files: nothing ran for a time; comparing the whole tree")
        self._request()

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
        self._visibility.repaired(self._baseline.take_gaps(self._reconciler.gap))
        self._overflow_told = False
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
        if len(blind) != self._blind and not self._reconciler.running:
            self._blind = len(blind)
            self._visibility.blind(blind)
            self._journal.commit()

    def _close(self) -> None:
        """Look once more, so that a short-lived file is not forgotten; then sign off."""
        self._deadline = self._deadline or time.monotonic() + _GRACE
        try:
            self._look(everything=True)
        except Stopped:
            self._journal.abandon()
        self._baseline.begin()
        self._baseline.put("clean", 1)
        self._baseline.put("beat", self._context.now())
        self._baseline.commit()

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
