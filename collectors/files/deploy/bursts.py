"""Many committed changes of one checkout: one event for people, when they are over."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

import msgspec

from collectors.api import SensorContext
from collectors.files.baseline import Baseline
from collectors.files.deploy.checkout import Checkout, Reader
from collectors.files.deploy.tracked import Tracked
from collectors.files.journal import Journal
from collectors.kinds import ChangeWindow, FileChange, Scrubbed
from collectors.paths import SafePath
from collectors.redact import excerpt

QUIET = 2.0
"""Seconds without a further change after which a pull is over."""
LIMIT = 60.0
"""Seconds for which a pull is one pull, at most."""
SAMPLE = 10
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS git_burst (window TEXT PRIMARY KEY, body BLOB NOT NULL)"
    " WITHOUT ROWID"
)
_encoder = msgspec.msgpack.Encoder()


class Burst(msgspec.Struct, kw_only=True):
    """Committed changes of one checkout that belong together; times in ns since 1970."""

    work: bytes
    """Guarded."""
    begin: int
    last: int
    actions: dict[str, int] = {}
    sample: list[bytes] = []


class Bursts:
    """The table. All calls from the sensor's worker."""

    def __init__(
        self,
        context: SensorContext,
        baseline: Baseline,
        journal: Journal,
        *,
        reader: Reader,
        tracked: Tracked,
        busy: Callable[[Checkout], bool],
    ) -> None:
        """*busy* tells whether git is at work. Makes the table; goes on with what is in it."""
        self._context = context
        self._guard = context.guard
        self._connection = baseline.connection
        self._journal = journal
        self._reader = reader
        self._tracked = tracked
        self._busy = busy
        self._touched: dict[str, float] = {}
        self._connection.execute(_SCHEMA)
        rows = self._connection.execute("SELECT window, body FROM git_burst")
        self._bursts = {w: msgspec.msgpack.decode(body, type=Burst) for w, body in rows}

    def turn(self) -> None:
        """Tell of what is over."""
        for window in list(self._bursts):
            if self._over(window):
                self._finish(window)

    def count(self, checkout: Checkout, record: FileChange, path: SafePath) -> str:
        """Count a committed change into the burst of its checkout; return the window's id."""
        work = self._guard.guard(checkout.work)
        window = f"git-{hashlib.sha256(work).hexdigest()[:8]}"
        now = self._context.now()
        burst = self._bursts.setdefault(window, Burst(work=work, begin=now, last=now))
        burst.last = now
        burst.actions[record.action] = burst.actions.get(record.action, 0) + 1
        if len(burst.sample) < SAMPLE and path not in burst.sample:
            burst.sample.append(path)
        self._touched[window] = time.monotonic()
        self._journal.wrote()
        self._connection.execute(
            "INSERT OR REPLACE INTO git_burst VALUES (?, ?)", (window, _encoder.encode(burst))
        )
        return window

    def _over(self, window: str) -> bool:
        burst = self._bursts[window]
        if abs(self._context.now() - burst.begin) > LIMIT * 1e9:
            return True
        work = self._guard.resolve(SafePath(burst.work))
        checkout = None if work is None else self._reader.find(work)
        quiet = time.monotonic() - self._touched.get(window, 0.0) >= QUIET
        return quiet and (checkout is None or not self._busy(checkout))

    def _finish(self, window: str) -> None:
        burst = self._bursts.pop(window)
        work = self._guard.resolve(SafePath(burst.work))
        checkout = None if work is None else self._reader.find(work)
        head = "" if checkout is None else self._reader.head(checkout)
        owner = None if checkout is None else self._reader.owner(checkout)
        if checkout is not None:
            self._tracked.note(checkout)
        total = sum(burst.actions.values())
        said = f"{total} files as the index of the checkout has them"
        self._journal.wrote()
        self._connection.execute("DELETE FROM git_burst WHERE window = ?", (window,))
        display = self._guard.display
        self._journal.tell(
            ChangeWindow(
                action="closed",
                window=window,
                paths=(display(SafePath(burst.work)),),
                reason=Scrubbed(f"{said}, HEAD {excerpt(head, 80)}" if head else said),
                by="unknown" if owner is None else str(owner),
                begin=burst.begin,
                until=burst.last,
                actions=dict(burst.actions),
                sample=tuple(display(SafePath(path)) for path in burst.sample),
            )
        )
        self._journal.commit()
