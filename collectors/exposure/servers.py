"""The web servers' part in the sensor's loop: notices changes, tells of applications."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from collectors.api import Coverage, SensorContext
from collectors.exposure.settings import ExposureSettings
from collectors.exposure.web import applications, inventory
from collectors.exposure.web.view import WebView
from collectors.kinds import WebApplication
from collectors.outbox import Outbox
from collectors.redact import scrub
from collectors.sighting import Sighting

DAY_NS = 86400 * 10**9
_DAY_SECONDS = 86400.0
_WALK_SECONDS = 6 * 3600.0
"""Between two looks into the folders of all applications."""
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS application"
    " (id TEXT PRIMARY KEY, digest TEXT NOT NULL, told INTEGER NOT NULL, body BLOB NOT NULL)"
    " WITHOUT ROWID"
)
_RECORD = msgspec.msgpack.Decoder(WebApplication)

_log = logging.getLogger(__name__)


class WebWatch:
    """One run. Only for the sensor's own thread, but for `interrupt`."""

    def __init__(
        self,
        settings: ExposureSettings,
        context: SensorContext,
        connection: sqlite3.Connection,
        outbox: Outbox,
    ) -> None:
        self.view = WebView(
            settings.web_configs,
            asks=settings.web_check,
            rate=settings.web_check_rate,
            stopping=context.stopping.is_set,
        )
        self._owners = settings.applications
        self._context = context
        self._connection = connection
        self._outbox = outbox
        self._walk: Iterator[WebApplication] | None = None
        self._seen: set[str] = set()
        self._due = float("-inf")
        self._judged = time.monotonic()
        self._said: tuple[str, ...] = ()
        connection.execute(_SCHEMA)

    def refresh(self) -> bool:
        """Return whether what the servers hand out may have changed; looks now and then."""
        changed = self.view.refresh()
        # What no file shows (a program, a firewall on the host) may have changed as well.
        daily = bool(self.view.sites) and time.monotonic() - self._judged >= _DAY_SECONDS
        if self._context.stopping.is_set() or not (changed or daily):
            return False
        self._judged = time.monotonic()
        self._due = float("-inf")
        self._walk = None
        self._say_problems()
        return True

    def interrupt(self) -> int | None:
        """Return the process id of the child that a call may wait for. Any thread."""
        child = self.view.child
        return child.pid if child is not None else None

    def _say_problems(self) -> None:
        said = tuple(
            f"{problem.file}:{problem.line}: {problem.text}" for problem in self.view.problems
        )
        for line in said if said != self._said else ():
            _log.warning("exposure: web server: %s", scrub(line))
        self._said = said

    def tell(self) -> bool:
        """Look at one more application and tell of it if there is news; False: nothing is due."""
        if self._walk is None:
            if time.monotonic() < self._due:
                return False
            self._due = time.monotonic() + _WALK_SECONDS
            self._seen.clear()
            self._walk = inventory.records(
                self.view,
                self._context.guard,
                self._owners,
                self._context.now(),
                self._context.stopping.is_set,
            )
        record = next(self._walk, None)
        if self._context.stopping.is_set():
            return False
        if record is None:
            self._walk = None
            self._tell_gone()
            return True
        self._seen.add(record.application)
        self._tell(record)
        return True

    def _tell(self, record: WebApplication) -> None:
        now = self._context.now()
        # Each new file would be news; that somebody works on it is one, once a day.
        same = msgspec.structs.replace(record, files=0, changed=None)
        digest = hashlib.sha256(msgspec.msgpack.encode(same)).hexdigest()
        row = self._connection.execute(
            "SELECT digest, told FROM application WHERE id = ?", (record.application,)
        ).fetchone()
        if row is not None and row[0] == digest and 0 <= now - row[1] < DAY_NS:
            return
        body = msgspec.msgpack.encode(record)
        with self._transaction():
            self._connection.execute(
                "INSERT OR REPLACE INTO application VALUES (?, ?, ?, ?)",
                (record.application, digest, now, body),
            )
            self._hand_over(record)

    def _tell_gone(self) -> None:
        if self.view.problems:
            return  # what cannot be read may still be there
        rows = self._connection.execute("SELECT id, body FROM application").fetchall()
        for application, body in rows:
            if application in self._seen:
                continue
            with self._transaction():
                self._connection.execute("DELETE FROM application WHERE id = ?", (application,))
                try:
                    last = _RECORD.decode(body)
                except msgspec.DecodeError:  # of another version
                    continue
                self._hand_over(
                    msgspec.structs.replace(last, state=applications.GONE, listening=False)
                )

    def _hand_over(self, record: WebApplication) -> None:
        now = self._context.now()
        self._outbox.add([Sighting(record=record, observed=now, module="exposure")])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._connection as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield

    def tell_state(self, coverage: Coverage) -> None:
        """Write into *coverage* what is known of web servers."""
        sites = self.view.sites
        if not sites and not self._said:
            return
        coverage["web_sites"] = len([site for site in sites if site.enabled])
        coverage["web_problems"] = len(self._said)
        if self._said:
            coverage["web_problem"] = scrub(self._said[0])
        else:
            coverage.pop("web_problem", None)
