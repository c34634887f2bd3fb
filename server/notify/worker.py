"""Sends what is in the outbox: one thread and one sending process for each channel.

A service that is down, slow or hanging holds up nobody but its own channel.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from typing import Any

from server.config import ChannelConfig, ServerConfig
from server.notify.channels import ChannelError, Message, Outcome, Sender, read_url
from server.notify.message import alert_message, digest_message
from server.notify.outbox import SECOND, Outbox, Policy, abandon, choose
from server.store.state import StateStore

POLL = 0.2
"""Seconds between looks at the outbox."""

MAX_HOLD = 60.0
"""A channel that fails is left alone for at most so many seconds."""

IDLE = 600.0
"""Seconds without a message after which a sending process is let go: it holds some 45 MB."""

WARM = 4
"""With at most so many channels their processes stay: an alert at night goes out at once."""

GRACE = 3.0
"""Seconds for sends under way when the collector stops."""

_log = logging.getLogger(__name__)


class NotifyWorker:
    """All channels. ``start`` once, ``stop`` once."""

    def __init__(
        self, config: ServerConfig, state: StateStore, *, policy: Policy | None = None
    ) -> None:
        chosen = policy or Policy()
        self._state = state
        self._names = {channel.name for channel in config.notify.channels}
        warm = len(config.notify.channels) <= WARM
        self._lines = [
            _Line(channel, channel.language or config.language, state, chosen, warm=warm)
            for channel in config.notify.channels
        ]

    def start(self) -> None:
        """Begin to send."""
        gone = abandon(self._state, self._names)
        if gone:
            _log.warning("%d notifications given up: their channel is not configured", gone)
        for line in self._lines:
            line.start()

    def stop(self) -> None:
        """Stop all threads; a send that does not end soon is cut off, to be repeated later."""
        for line in self._lines:
            line.cancelled.set()
        deadline = time.monotonic() + GRACE
        for line in self._lines:
            line.join(max(0.0, deadline - time.monotonic()))
        for line in self._lines:
            line.sender.interrupt()
            line.join()


class _Line(threading.Thread):
    """One channel."""

    def __init__(
        self,
        channel: ChannelConfig,
        language: str,
        state: StateStore,
        policy: Policy,
        *,
        warm: bool,
    ) -> None:
        super().__init__(name=f"notify-{channel.name}", daemon=True)
        self._channel = channel
        self._language = language
        self._state = state
        self._policy = policy
        self._warm = warm
        self._outbox = Outbox(state, channel.name, policy)
        self.sender = Sender()
        self.cancelled = threading.Event()
        self._failures = 0
        self._used = time.monotonic()
        self._next_start = 0.0

    def run(self) -> None:
        try:
            while not self.cancelled.is_set():
                try:
                    pause = self._round()
                except sqlite3.Error as error:
                    _log.error("channel %s waits: %s", self._channel.name, error)
                    pause = MAX_HOLD / 10
                self.cancelled.wait(pause)
        finally:
            self.sender.close()

    def _round(self) -> float:
        """Send one message if one is due; return the seconds to wait before the next look."""
        now = time.time_ns()
        rows = self._outbox.due(now)
        if not rows:
            if self._warm:
                self._prepare()
            elif time.monotonic() - self._used > IDLE:
                self.sender.close()
            return POLL
        ids = choose(
            rows,
            sent=self._outbox.sent_since(now - round(self._policy.window * SECOND)),
            last_digest=self._outbox.last_digest(),
            now=now,
            policy=self._policy,
        )
        if not ids:
            return POLL
        self._outbox.claim(ids, now)
        outcome = self._attempt([row for row in rows if row["id"] in set(ids)])
        if self.cancelled.is_set() and not outcome.ok:
            return 0.0  # cut off: the lease brings it back
        return self._settle(ids, outcome)

    def _prepare(self) -> None:
        if self.cancelled.is_set() or time.monotonic() < self._next_start:
            return
        self._next_start = time.monotonic() + MAX_HOLD  # one that dies at once is not fed to death
        try:
            self.sender.prepare()
        except OSError as error:
            _log.warning("channel %s: no sending process: %s", self._channel.name, error)

    def _attempt(self, rows: list[dict[str, Any]]) -> Outcome:
        """Make the message and send it. One that cannot be made must not stop the others."""
        try:
            return self._send(self._message(rows))
        except ChannelError as error:
            return Outcome(False, str(error))
        except sqlite3.Error:
            raise
        except Exception as error:  # noqa: BLE001 - the thread must live: nobody else sends
            _log.exception("channel %s: a message cannot be made", self._channel.name)
            return Outcome(False, f"the message cannot be made ({type(error).__name__})")

    def _message(self, rows: list[dict[str, Any]]) -> Message:
        alerts = [
            self._state.query("SELECT * FROM alert WHERE id = ?", (row["alert"],))[0]
            for row in rows
        ]
        if len(alerts) > 1:
            return digest_message(alerts, self._language)
        return alert_message(alerts[0], str(rows[0]["reason"]), self._language)

    def _send(self, message: Message) -> Outcome:
        self._used = time.monotonic()
        return self.sender.send(read_url(self._channel), message, self._policy.timeout)

    def _settle(self, ids: list[int], outcome: Outcome) -> float:
        now = time.time_ns()
        if outcome.ok:
            if self._failures:
                _log.info("channel %s delivers again", self._channel.name)
            self._failures = 0
            self._outbox.delivered(ids, now)
            return 0.0
        self._failures += 1
        failed = self._outbox.not_delivered(ids, outcome.error, now)
        if self._failures == 1:
            _log.warning("channel %s does not deliver: %s", self._channel.name, outcome.error)
        if failed:
            _log.error("channel %s: %d notifications failed for good", self._channel.name, failed)
        return min(self._policy.retry_in(self._failures, 1.0), MAX_HOLD)
