"""The loop of the exposure sensor, for one run."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from collectors.api import Coverage, SensorContext, Stopped
from collectors.content.result import SAMPLED
from collectors.exposure.examine import (
    CHANGED,
    GONE,
    INCOMPLETE,
    Examiner,
    Look,
    Signature,
)
from collectors.exposure.fingerprint import fingerprint
from collectors.exposure.servers import WebWatch
from collectors.exposure.settings import ExposureSettings
from collectors.exposure.settle import MOST_TRIES, settle
from collectors.exposure.state import Pending, State
from collectors.exposure.sweep import Sweep
from collectors.outbox import Outbox
from collectors.paths import SafePath
from collectors.sighting import Sighting

NAME = "exposure"
_BEAT = 5.0
_LOOK = 0.5
"""Seconds after which the watching thread sees that the run is over."""
_IDLE = 1.0
_RETRY = 0.2
_GENTLE = 3.0
"""Seconds of rest for each second of sweeping."""
OUTCOMES = (
    "sampled",
    "too_large",
    "timed_out",
    "encrypted",
    "unreadable",
    "damaged",
    "unsupported",
    "crashed",
)
"""Of files that are not clean but unknown: how many there are now, in the coverage."""
_NO_SIGNATURE = Signature(0, 0, 0, 0, 0)

_log = logging.getLogger(__name__)


class Worker:
    """One run: from opening to stopping."""

    def __init__(
        self,
        settings: ExposureSettings,
        context: SensorContext,
        wake: threading.Event,
        coverage: Coverage,
    ) -> None:
        self._settings = settings
        self._context = context
        self._wake = wake
        self._coverage = coverage
        self._state = State(context.state_dir)
        self._outbox = Outbox(self._state.connection, NAME)
        # <state>/sensors/exposure: the agent's own files are two levels up.
        own = os.fsencode(context.state_dir.parent.parent)
        self._examiner = Examiner(settings, context.guard, context.keys, own)
        self._web = WebWatch(settings, context, self._state.connection, self._outbox)
        self._examiner.web = self._web.view
        self._examiner.learn()
        self._changes = self._examiner.knowledge.changes
        self._rules = self._fingerprint()
        self._sweep = Sweep(
            settings,
            self._examiner.scope,
            context.guard,
            self._state,
            self._rules,
            now=lambda: context.now() / 1e9,
        )
        self._used = self._alive = time.monotonic()
        self._over = threading.Event()
        self._stale = True
        """What the coverage says of the state may have changed."""

    def run(self) -> None:
        """Work until ``context.stopping`` is set."""
        watcher = threading.Thread(target=self._watch, name="exposure-watch")
        try:
            self._outbox.create_table()
            self._outbox.begin(self._context)
            watcher.start()
            self._outbox.flush(self._context)
            while not self._context.stopping.is_set():
                self._turn()
        except Stopped:
            _log.debug("exposure: stopped while handing over; the rest follows at the next start")
        finally:
            self._over.set()
            if watcher.ident is not None:
                watcher.join()
            self._examiner.close()
            self._web.view.close()
            self._state.close()

    def _watch(self) -> None:
        # A scan may take as long as its timeout; the agent must not wait that long to stop, nor
        # think that the sensor is dead.
        due = 0.0
        while not self._over.is_set():
            if self._context.stopping.wait(_LOOK):
                self._wake.set()
                while not self._over.wait(0.05):
                    for pid in (self._examiner.child.pid, self._web.interrupt()):
                        if pid is None:
                            continue
                        with suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)
                return
            now = time.monotonic()
            if now >= due and now - self._alive < self._settings.timeout + 30:
                self._context.beat()
                due = now + _BEAT

    def _turn(self) -> None:
        self._wake.clear()
        self._alive = time.monotonic()
        if self._web.refresh():
            self._follow_servers()
        self._examiner.learn()
        if self._examiner.knowledge.changes != self._changes:  # now, or in the middle of a look
            self._learned()
        pending = self._state.newest()
        if pending is None:
            self._rest()
        elif 0 < pending.tries < MOST_TRIES and self._wake.wait(_RETRY):
            return  # something newer came while this file is still being written
        else:
            self._take(pending)

    def _rest(self) -> None:
        if self._stale:
            self._tell_state()
        begin = time.monotonic()
        told = self._web.tell()  # in turns: a sweep may last all night
        if told:
            self._outbox.flush(self._context)
        more = self._sweep.step()
        self._tell_sweep()
        if more or told:
            self._wake.wait(min(_IDLE, _GENTLE * (time.monotonic() - begin)))
            return
        self._coverage["waiting"] = 0
        if time.monotonic() - self._used >= self._settings.child_idle:
            self._examiner.rest()
            self._web.view.close()
        self._wake.wait(_IDLE)

    def _fingerprint(self) -> str:
        registers = sorted(self._examiner.knowledge.hashes)
        return fingerprint(self._settings, *(one.encode() for one in registers))

    def _learned(self) -> None:
        """With other registers old files say other things; with new canaries they do not."""
        self._stale = True
        self._changes = self._examiner.knowledge.changes
        rules = self._fingerprint()
        if rules == self._rules:
            return
        self._rules = rules
        with self._transaction():
            self._state.look_again()
        self._sweep.use(rules)
        self._stale = True

    def _follow_servers(self) -> None:
        """Roots have come or gone, or files are handed out that were not: judge them anew."""
        self._examiner.scope.serve(self._web.view.roots)
        with self._transaction():
            self._state.look_again()
        self._sweep.follow()
        self._stale = True

    def _take(self, pending: Pending) -> None:
        if pending.path.endswith(b"/"):
            self._sweep_again(pending)
            return
        if pending.path.rpartition(b"/")[2] == b".htaccess":
            with self._transaction():
                self._state.look_again(SafePath(pending.path.rpartition(b"/")[0]))
        look = self._look(pending)
        if look is None or self._context.stopping.is_set():
            # Killed on purpose, or nothing that concerns us.
            if look is None:
                with self._state.connection:
                    self._state.done(pending)
            return
        self._settle(pending, look)
        self._coverage["waiting"] = self._state.waiting()
        told = self._outbox.flush(self._context)
        self._stale = self._stale or bool(told) or look.outcome in (SAMPLED, INCOMPLETE, GONE)
        self._sweep.looked(pending.path)
        if pending.queued == 0:  # of the sweep: nobody waits for it
            self._wake.wait(min(1.0, _GENTLE * (time.monotonic() - self._alive)))

    def _tell_state(self) -> None:
        # When nothing else is to be done: counting reads a whole table.
        self._stale = False
        self._coverage["findings"] = self._state.findings()
        now = self._state.outcomes()
        for outcome in OUTCOMES:
            self._coverage[outcome] = now.get(outcome, 0)
        knowledge = self._examiner.knowledge
        self._coverage["canaries"] = len(knowledge.canaries)
        self._coverage["registers"] = len(knowledge.registers)
        self._web.tell_state(self._coverage)

    def _tell_sweep(self) -> None:
        now = self._sweep.coverage()
        for key in [key for key in self._coverage if key.startswith("sweep") and key not in now]:
            del self._coverage[key]
        self._coverage.update(now)

    def _look(self, pending: Pending) -> Look | None:
        guard = self._context.guard
        real = guard.resolve(pending.path)
        known = self._state.known(pending.path)
        if real is None:
            return Look(GONE)
        if real not in self._examiner.scope and known is None:
            return None
        self._used = time.monotonic()
        # What other rules have found, or not found, is not known.
        same = known.signature if known is not None and known.rules == self._rules else None
        look = self._examiner.look(real, pending.path, same)
        if look.outcome == CHANGED and pending.tries >= MOST_TRIES and look.settled is not None:
            look = look.settled
        self._count(look.outcome)
        return look

    def _count(self, outcome: str) -> None:
        if outcome == SAMPLED:
            return  # counted as files, not as looks
        number = self._coverage.get(outcome, 0)
        self._coverage[outcome] = int(number) + 1

    def _settle(self, pending: Pending, look: Look) -> None:
        path = pending.path
        known = self._state.known(path)
        guard = self._context.guard
        step = settle(look, known.digest if known else "", guard.display(path), guard.token(path))
        with self._transaction():
            if step.again:
                self._state.again(pending)
                return
            self._state.done(pending)
            if step.forget:
                self._state.forget(path)
            elif step.remember is not None:
                signature = look.signature or _NO_SIGNATURE
                self._state.remember(path, signature, step.remember, self._rules)
            now = self._context.now()
            self._outbox.add(
                Sighting(record=record, observed=now, module=NAME, severity=severity)
                for record, severity in step.records
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._state.connection as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield

    def _sweep_again(self, pending: Pending) -> None:
        """A directory: files may have come unnamed after the sweep had passed their place."""
        with self._transaction():
            self._state.done(pending)
            self._sweep.again()
