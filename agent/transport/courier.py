"""The transport thread: heartbeats and batches, one request at a time.

The first request of a process is a heartbeat: its answer tells whether the spool is an older
copy before anything is sent. Batches that fail stay in the spool; nothing here is kept.
"""

from __future__ import annotations

import contextlib
import logging
import random
import sqlite3
import threading
from collections.abc import Callable

import msgspec

from agent.clock import SECOND, Clock
from agent.identity import Identity, IdentityError
from agent.knowledge import Fetching
from agent.renewal import Renewal
from agent.spool import Pending, Spool, SpoolClosed
from agent.transport.client import Answer, CollectorClient, Trouble
from agent.transport.failures import Problem
from agent.transport.letters import Letterhead, UplinkStatus, Vitals
from agent.transport.pace import Backoff, SkewWatch, Window
from collectors.api import Stopped
from collectors.kinds import ClockSkew
from collectors.redact import excerpt
from collectors.sighting import Sighting
from collectors.wire import CONTENT_TYPE, Acknowledgement, Rejection

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 15.0
_LINGER_SECONDS = 0.05
_GIANT = 256 << 10
"""Bytes of one event above which nobody need wonder that it is refused as too large."""
_LARGEST = 1 << 63
_HEARTBEAT_TYPE = "application/x-ronda-heartbeat"


class Courier:
    """Carries the spool to the collector, on a thread of its own."""

    def __init__(
        self,
        spool: Spool,
        identity: Identity,
        *,
        clock: Clock,
        vitals: Callable[[], Vitals] = Vitals,
        on_problem: Callable[[str, str | None], None] = lambda _source, _text: None,
        renewal: Renewal | None = None,
        fetching: Fetching | None = None,
        rng: random.Random | None = None,
    ) -> None:
        """*on_problem* is called with a source and one sentence, or None when it is over.

        Raises:
            IdentityError: certificate and key cannot be used.
        """
        self._spool = spool
        self._identity = identity
        self._clock = clock
        self._vitals = vitals
        self._on_problem = on_problem
        self._renewal = renewal
        self._fetching = fetching
        self._backoff = Backoff(rng or random.Random())  # noqa: S311 - jitter, no secret
        self._window = Window()
        self._skew = SkewWatch()
        self._letterhead = Letterhead(identity.record.agent, clock)
        self._client = CollectorClient(identity, clock)
        self._problems: dict[str, str] = {}
        self._greeted = False
        self._heartbeat_at = self._batch_at = 0.0
        self._urgent_mark = 0
        self.status = UplinkStatus(
            collector=identity.record.agent_url, certificate_until=identity.record.not_after
        )
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout: float = 3.0) -> None:
        """End after the running request, at most *timeout* seconds."""
        self._stopping.set()
        self._spool.wake()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def break_off(self) -> None:
        """End a request that does not come to an end. Called now and then, from any thread."""
        self._client.break_off()

    @property
    def alive(self) -> bool:
        """Say whether the thread runs."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                try:
                    self._turn()
                except (sqlite3.Error, OSError) as error:
                    self._tell("spool", f"spool cannot be read: {error}")
                    self._stopping.wait(1.0)
        except (SpoolClosed, Stopped):
            pass
        finally:
            self._client.close()
            if self._renewal is not None:
                self._renewal.close()
            if self._fetching is not None:
                self._fetching.close()

    def _turn(self) -> None:
        self._renew()
        self._fetch()
        now = self._clock.monotonic()
        if now >= self._heartbeat_at:
            self._heartbeat()
            return
        if now < self._batch_at or not self._greeted:
            until = min(self._heartbeat_at, max(self._batch_at, now)) if self._greeted else None
            self._stopping.wait(max(0.0, (until or self._heartbeat_at) - now))
            return
        after = self._spool.acknowledged
        batch = self._spool.pending(after, self._window.limit)
        if batch.empty:
            self._tell("delivery", None)
            if self._spool.wait(after, min(1.0, self._heartbeat_at - now)):
                self._stopping.wait(_LINGER_SECONDS)
            return
        if self._spool.last > batch.last and not self._send_urgent(batch.last):
            return
        self._send(batch)

    # Requests.

    def _heartbeat(self) -> None:
        spool = self._spool
        body = self._letterhead.heartbeat(
            spool.epoch, spool.last, spool.acknowledged, self._vitals()
        )
        answer = self._post("/v1/heartbeat", body, _HEARTBEAT_TYPE)
        self._heartbeat_at = self._clock.monotonic() + HEARTBEAT_SECONDS
        if answer is not None and answer.status == 200:
            self._greeted = self._take(answer) is not None or self._greeted
        elif answer is not None:
            self._refuse(answer, "uplink")
        if not self._greeted:
            self._heartbeat_at = min(self._heartbeat_at, self._batch_at)

    def _send(self, batch: Pending) -> None:
        answer = self._post("/v1/batch", self._letterhead.batch(batch), CONTENT_TYPE)
        if answer is None:
            return
        if answer.status in (400, 413):
            self._search(batch, answer)
        elif answer.status != 200:
            self._refuse(answer, "delivery")
        elif (ack := self._take(answer)) is not None:
            if ack.epoch != batch.epoch or ack.acknowledged < batch.last:
                self._pause("delivery", "the collector takes events but does not acknowledge them")
                return
            self.status.sent += len(batch.bodies)
            if self._spool.epoch != batch.epoch:
                self._pause("delivery", "the collector counts differently: a new epoch begins")
                return
            self._window.accepted(len(batch.bodies))
            self._backoff.reset()
            self._tell("delivery", None)

    def _send_urgent(self, above: int) -> bool:
        """Let urgent events overtake; False when the collector does not answer."""
        for batch in self._spool.urgent(max(above, self._urgent_mark)):
            answer = self._post("/v1/batch", self._letterhead.batch(batch), CONTENT_TYPE)
            if answer is None:
                return False
            if answer.status == 200:
                self._take(answer)
            elif answer.status not in (400, 413):  # a refused event is dealt with in order
                self._refuse(answer, "delivery")
                return False
            self._urgent_mark = batch.last
        return True

    def _post(self, path: str, body: bytes, content_type: str) -> Answer | None:
        try:
            answer = self._client.post(path, body, content_type)
        except Trouble as trouble:
            self.status.connected = False
            self._pause("uplink", self._words(trouble.problem), hopeless=trouble.problem.auth)
            return None
        self.status.connected = True
        self.status.last_answer = answer.answered
        return answer

    # Answers.

    def _take(self, answer: Answer) -> Acknowledgement | None:
        """Digest a 200; None when it is not the collector's."""
        try:
            ack = msgspec.json.decode(answer.body, type=Acknowledgement)
            sane = all(0 <= number < _LARGEST for number in (ack.epoch, ack.acknowledged, ack.now))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            sane = False
        if not sane:
            self._pause(
                "uplink", "something that is not a ronda collector answers: check agent_url"
            )
            return None
        self._tell("uplink", None)
        skew = self._skew.observe(answer.asked, answer.answered, ack.now)
        self.status.skew = self._skew.current
        if skew is not None:
            log.warning("clock differs from the collector's by %.1f s; check time service", skew)
            record = ClockSkew(skew=round(skew, 3))
            sighting = Sighting(record=record, observed=self._clock.wall(), module="agent")
            self._spool.append([sighting], self._stopping)
        if self._fetching is not None:
            self._fetching.wanted = ack.bundle
        epoch = self._spool.epoch
        self._spool.acknowledge(ack.epoch, ack.acknowledged)
        if self._spool.epoch != epoch:
            self._urgent_mark = 0
        return ack

    def _search(self, batch: Pending, answer: Answer) -> None:
        """Find and take out what the collector refuses, so that the rest moves on."""
        rejection = _rejection(answer)
        named = sorted(set(rejection.sequences).intersection(batch.sequences))
        if answer.status == 400 and named:
            for sequence in named:
                self._quarantine(sequence, rejection.reason)
            return
        single = len(batch.bodies) == 1
        # A collector, or what stands before it, may find everything too large.
        giant = single and answer.status == 413 and len(batch.bodies[0]) > _GIANT
        if self._window.refused(len(batch.bodies)) or giant:
            self._quarantine(batch.sequences[-1], rejection.reason)
        elif (single and not self._newest_is_taken()) or not batch.bodies:
            words = excerpt(rejection.reason, 200)
            text = (
                f"the collector refuses all events: {words}; compare versions with 'ronda status'"
            )
            self._pause("delivery", text, hopeless=True)

    def _newest_is_taken(self) -> bool:
        """Try an event from the other end: are some events bad, or is it all of them?"""
        batch = self._spool.pending(self._spool.last - 1, 1)
        answer = self._post("/v1/batch", self._letterhead.batch(batch), CONTENT_TYPE)
        taken = answer is not None and answer.status == 200
        if taken:
            self._window.accepted(1)
        return taken

    def _quarantine(self, sequence: int, reason: str) -> None:
        log.warning("event %d is refused and quarantined: %s", sequence, excerpt(reason, 200))
        self._spool.quarantine(sequence, reason)

    def _refuse(self, answer: Answer, source: str) -> None:
        reason = excerpt(_rejection(answer).reason, 200)
        if answer.status in (401, 403):
            text = f"the collector does not accept this agent ({reason}): re-enrol with"
            self._pause("uplink", f"{text} 'ronda-agent enroll STRING'", hopeless=True)
        elif answer.status == 426:
            text = f"versions do not fit ({reason}): update the collector first, then the agents"
            self._pause(source, text, hopeless=True)
        elif answer.status in (429, 503):
            self._pause(source, f"the collector is busy: {reason}", answer.retry_after)
        else:
            text = f"the collector answers {answer.status}: {reason}"
            self._pause(source, text, answer.retry_after, hopeless=answer.status < 500)

    def _pause(
        self, source: str, text: str, retry_after: float | None = None, *, hopeless: bool = False
    ) -> None:
        self._tell(source, text)
        delay = self._backoff.hopeless() if hopeless else self._backoff.next(retry_after)
        self._batch_at = self._clock.monotonic() + delay

    def _tell(self, source: str, text: str | None) -> None:
        """Log and pass on a change of state, not every retry."""
        if text == self._problems.get(source):
            return
        if text is None:
            del self._problems[source]
            log.info("%s works again", source)
        else:
            self._problems[source] = text
            log.warning("%s: %s", source, text)
        self._on_problem(source, text)

    def _words(self, problem: Problem) -> str:
        until = self._identity.record.not_after
        if (problem.auth or problem.unreachable) and until <= self._clock.wall():
            # The alert that says so is often lost when the collector closes at once.
            return "this agent's certificate has expired: re-enrol with 'ronda-agent enroll STRING'"
        return problem.text

    def _renew(self) -> None:
        if self._renewal is None:
            return
        with contextlib.suppress(IdentityError):  # told below; the old one is still in use
            fresh = self._renewal.tick(self._identity)
            if fresh is not None:
                self._client.close()
                self._identity = fresh
                self._client = CollectorClient(fresh, self._clock)
                self.status.certificate_until = fresh.record.not_after
                days = (fresh.record.not_after - self._clock.wall()) // (86400 * SECOND)
                log.info("certificate renewed, valid for %d days", days)
        self._tell("certificate", self._renewal.problem)

    def _fetch(self) -> None:
        if self._fetching is None:
            return
        if self._fetching.tick():
            log.info("bundle %d is in force", self._fetching.version)
        self._tell("knowledge", self._fetching.problem)


def _rejection(answer: Answer) -> Rejection:
    try:
        return msgspec.json.decode(answer.body, type=Rejection)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Rejection(reason="no reason given")
