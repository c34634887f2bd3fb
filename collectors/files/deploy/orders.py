"""Carrying out what the command line asks for. See `collectors.files.deploy.requests`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

import msgspec

from collectors.api import SensorContext
from collectors.files.baseline import Baseline
from collectors.files.deploy import requests
from collectors.files.deploy.drift import Drift
from collectors.files.deploy.mailbox import Bad, Inbox
from collectors.files.deploy.requests import Accept, Answer, Close, Expect
from collectors.files.deploy.windows import Windows, clean
from collectors.files.journal import Journal
from collectors.files.scope import Scope, agent_directory
from collectors.kinds import BaselineAccepted, ChangeWindow, Scrubbed
from collectors.paths import SafePath
from collectors.redact import excerpt

_EVERY = 0.25
"""Seconds between two looks into the inbox."""
_KEEP = 30 * 86400 * 1_000_000_000
"""ns for which the id of a request is remembered after it was carried out."""
_SCHEMA = """CREATE TABLE IF NOT EXISTS request
 (id TEXT PRIMARY KEY, at INTEGER NOT NULL, answer BLOB NOT NULL) WITHOUT ROWID"""
_CONFIGURATION = b"/etc/ronda"

_log = logging.getLogger(__name__)


class Orders:
    """Windows, drift and the inbox of one run. All calls from the sensor's worker."""

    def __init__(
        self,
        context: SensorContext,
        baseline: Baseline,
        journal: Journal,
        *,
        scope: Scope,
        longest: float,
        look: Callable[[], None],
    ) -> None:
        """*longest*: seconds that a window may last."""
        self._context = context
        self._baseline = baseline
        self._journal = journal
        self._longest = longest
        self._look = look
        self._inbox = Inbox(context.state_dir)
        self._looked = 0.0
        baseline.connection.execute(_SCHEMA)
        self.windows = Windows(baseline.connection, journal, context.guard, context.now)
        self.drift = Drift(baseline.connection, journal, context.now)
        baseline.begin()
        self.drift.keep_within(scope)
        baseline.connection.execute("DELETE FROM request WHERE at < ?", (context.now() - _KEEP,))
        baseline.commit()
        own = agent_directory(context.state_dir)
        self._own = (context.guard.guard(bytes(own.resolve())), _CONFIGURATION)

    def turn(self) -> None:
        """Carry out what is in line, and end windows that are over.

        Raises:
            collectors.api.Stopped: the agent is going down; what is left follows at the next start.
        """
        if self.windows.due():
            self._look()
            self._journal.wrote()
            self.windows.expire()
            self._journal.commit()
        now = time.monotonic()
        if now - self._looked < _EVERY:
            return
        self._looked = now
        looked = False
        for request in self._inbox.waiting():
            if not looked:
                # What was done before the command was given is not part of it.
                self._look()
                looked = True
            if isinstance(request, Bad):
                self._refuse(request)
            else:
                self._take(request)

    def _take(self, request: requests.Any) -> None:
        answer = self._answered(request.id)
        if answer is None:
            self._journal.commit()
            # The file goes when this is on disk for good, a power loss included: each commit is.
            try:
                self._journal.wrote()
                answer = self._carry_out(request)
                self._baseline.connection.execute(
                    "INSERT INTO request VALUES (?, ?, ?)",
                    (request.id, self._context.now(), msgspec.msgpack.encode(answer)),
                )
                self._journal.commit()
            except BaseException:
                self._journal.rollback()
                raise
        self._inbox.answer(request.id, answer)

    def _answered(self, number: str) -> Answer | None:
        query = "SELECT answer FROM request WHERE id = ?"
        row = self._baseline.connection.execute(query, (number,)).fetchone()
        return None if row is None else msgspec.msgpack.decode(row[0], type=Answer)

    def _carry_out(self, request: requests.Any) -> Answer:
        if isinstance(request, Close):
            return self._close(request)
        guard = self._context.guard
        paths = tuple(guard.guard(path) for path in request.paths)
        request = msgspec.structs.replace(request, paths=paths)
        if isinstance(request, Expect):
            return self._expect(request)
        return self._accept(request, paths)

    def _expect(self, request: Expect) -> Answer:
        window, why = self.windows.open(request, longest=self._longest, own=self._own)
        if why:
            return Answer(done=False, text=f"refused: {why}")
        return Answer(
            done=True,
            text=f"window {window.id} is open",
            window=window.id,
            until=window.until,
        )

    def _close(self, request: Close) -> Answer:
        window = self.windows.close(request.window, request.by, request.reason)
        if window is None:
            return Answer(done=False, text="no window of this id is open", window=request.window)
        total = sum(window.actions.values())
        return Answer(
            done=True,
            text=f"window {window.id} is closed: {total} changes were inside",
            window=window.id,
            until=window.until,
            entries=total,
        )

    def _accept(self, request: Accept, paths: Sequence[SafePath]) -> Answer:
        if not request.reason.strip():
            return Answer(done=False, text="refused: no reason was given")
        # A command from the future would accept what nobody has seen yet.
        upto = min(request.made, self._context.now())
        accepted, sample = self.drift.accept(paths, upto)
        if not accepted:
            return Answer(done=True, text="nothing there differs from what was accepted")
        display = self._context.guard.display
        self._journal.tell(
            BaselineAccepted(
                paths=tuple(display(path) for path in paths),
                reason=Scrubbed(clean(request.reason)),
                by=request.by,
                entries=accepted,
                sample=tuple(display(path) for path in sample),
            )
        )
        return Answer(done=True, text=f"{accepted} differences are accepted", entries=accepted)

    def _refuse(self, bad: Bad) -> None:
        """Say that something lies in the inbox that no command of this version makes."""
        name = bad.path.name
        _log.warning("files: request %s is refused: %s", name, bad.why)
        now = self._context.now()
        self._journal.tell(
            ChangeWindow(
                action="refused",
                window=f"w{name[:8]}",
                reason=excerpt(f"a request could not be read: {bad.why}", 200),
                by="unknown",
                begin=now,
                until=now,
            )
        )
        self._journal.commit()
        self._inbox.drop(bad)
