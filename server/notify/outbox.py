"""The durable queue of notifications. Rows are written with the alert, in its transaction.

A row is claimed before it is sent: its next try is moved behind the time a send can take. After
a crash between sending and marking it is sent again, so delivery is at least once, never none.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from server.store.state import StateStore

SECOND = 10**9


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """When to try, and when to hold back. Seconds."""

    timeout: float = 30.0
    """A send that takes longer is cut off."""
    lease: float = 45.0
    """After a crash a claimed row is tried again this much later; more than `timeout`."""
    first_retry: float = 2.0
    last_retry: float = 300.0
    attempts: int = 120
    """After so many tries a row has failed for good: nearly ten hours with the values above."""
    burst: int = 30
    """Messages of a channel within `window`; above that there are digests."""
    window: float = 600.0
    gather: float = 10.0
    """A digest waits so long for more to come."""
    digest_every: float = 120.0

    def retry_in(self, attempts: int, roll: float) -> float:
        """Return the seconds before the next try after *attempts*; *roll* is random, 0 to 1.

        Between half and all of the exponential delay, so that channels do not try in step.
        """
        delay = min(self.first_retry * 2.0 ** min(attempts - 1, 30), self.last_retry)
        return delay * (0.5 + roll / 2)


class Outbox:
    """One channel's part of the table ``outbox``. Times are ns since 1970."""

    def __init__(self, state: StateStore, channel: str, policy: Policy) -> None:
        self._state = state
        self._channel = channel
        self._policy = policy

    def due(self, now: int, limit: int = 1000) -> list[dict[str, Any]]:
        """Return rows to be sent, the oldest first."""
        return self._state.query(
            "SELECT id, alert, reason, created, attempts FROM outbox"
            " WHERE status = 'pending' AND due <= ? AND channel = ? AND alert IS NOT NULL"
            " ORDER BY due, id LIMIT ?",
            (now, self._channel, limit),
        )

    def claim(self, ids: Sequence[int], now: int) -> None:
        """Count a try and move the next one behind the lease."""
        until = now + round(self._policy.lease * SECOND)
        with self._state.transaction():
            for row in ids:
                self._state.execute(
                    "UPDATE outbox SET attempts = attempts + 1, due = ?"
                    " WHERE id = ? AND status = 'pending'",
                    (until, row),
                )

    def delivered(self, ids: Sequence[int], now: int) -> None:
        """Mark the first of *ids* as delivered and the others as merged into it."""
        with self._state.transaction():
            for place, row in enumerate(ids):
                status = "merged" if place else "delivered"
                self._state.execute(
                    "UPDATE outbox SET status = ?, delivered = ?, error = '' WHERE id = ?",
                    (status, now, row),
                )
            # The service is back: what waits for a later try need not wait.
            self._state.execute(
                "UPDATE outbox SET due = ? WHERE status = 'pending' AND due > ? AND channel = ?",
                (now, now, self._channel),
            )

    def not_delivered(self, ids: Sequence[int], error: str, now: int) -> int:
        """Keep the error and plan the next try; return how many have failed for good."""
        failed = 0
        with self._state.transaction():
            for row in ids:
                failed += self._put_off(row, error, now)
        return failed

    def _put_off(self, row: int, error: str, now: int) -> bool:
        rows = self._state.query("SELECT attempts FROM outbox WHERE id = ?", (row,))
        attempts = int(rows[0]["attempts"])
        over = attempts >= self._policy.attempts
        # Not a secret: jitter only.
        delay = self._policy.retry_in(attempts, random.random())  # noqa: S311
        self._state.execute(
            "UPDATE outbox SET status = ?, due = ?, error = ? WHERE id = ?",
            ("failed" if over else "pending", now + round(delay * SECOND), error, row),
        )
        return over

    def sent_since(self, moment: int) -> int:
        """Return how many messages went out since *moment*. Survives a restart."""
        rows = self._state.query(
            "SELECT count(*) AS sent FROM outbox"
            " WHERE status = 'delivered' AND channel = ? AND delivered > ?",
            (self._channel, moment),
        )
        return int(rows[0]["sent"])

    def last_digest(self) -> int:
        """Return when the last digest went out; 0 for never."""
        rows = self._state.query(
            "SELECT coalesce(max(delivered), 0) AS at FROM outbox"
            " WHERE status = 'merged' AND channel = ?",
            (self._channel,),
        )
        return int(rows[0]["at"])


def choose(
    rows: Sequence[dict[str, Any]], *, sent: int, last_digest: int, now: int, policy: Policy
) -> list[int]:
    """Return the ids to send now in one message: one, many (a digest), or none yet. Pure.

    *rows* are due, the oldest first; *sent* counts the messages within the window.
    """
    if not rows:
        return []
    if sent < policy.burst:
        return [int(rows[0]["id"])]
    waited = now - min(int(row["created"]) for row in rows)
    if waited < policy.gather * SECOND or now - last_digest < policy.digest_every * SECOND:
        return []
    return [int(row["id"]) for row in rows]


def abandon(state: StateStore, channels: Collection[str]) -> int:
    """Give up rows for channels that are no longer configured; return how many."""
    gone = 0
    with state.transaction():
        for row in state.query("SELECT DISTINCT channel FROM outbox WHERE status = 'pending'"):
            if row["channel"] not in channels:
                cursor = state.execute(
                    "UPDATE outbox SET status = 'failed', error = 'channel is not configured'"
                    " WHERE status = 'pending' AND channel = ?",
                    (row["channel"],),
                )
                gone += cursor.rowcount
    return gone
