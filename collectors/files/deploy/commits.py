"""Changes in git checkouts: as the index has them, or not; a pull becomes one line for people.

git takes ``index.lock`` before it touches the first file and puts the new index in its place after
the last one. A change that is looked at meanwhile is held, in the transaction that records it, and
judged when the lock is gone; a lock that stays holds nothing for longer than `LIMIT`.

What equals the index is told as ever, with ``git: committed`` and the window ``git-...`` of its
checkout, and counted into one ``change.window`` event for all of them, with the commit of HEAD.
Only a checkout that is part of the accepted state explains anything, and only while the account of
a web server can write neither its index nor the directory of it: there an intruder could have made
one. What git never does, such as a change of rights, and what decides over the whole host is
explained by none.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Callable

import msgspec

from collectors.api import SensorContext
from collectors.files.baseline import Baseline
from collectors.files.compare import Row
from collectors.files.deploy.bursts import Bursts
from collectors.files.deploy.checkout import Checkout, Reader
from collectors.files.deploy.drift import GIT, Drift
from collectors.files.deploy.indexed import (
    COMMITTED,
    MODIFIED,
    blob_of_bytes,
    blob_of_file,
    state_of,
)
from collectors.files.deploy.plausible import makes, stands, what_is
from collectors.files.deploy.tracked import Tracked
from collectors.files.deploy.trust import Trust
from collectors.files.hashing import Hasher
from collectors.files.journal import Journal
from collectors.files.scope import below, join, split
from collectors.files.tell import Listener, Subject
from collectors.kinds import FileChange
from collectors.paths import SafePath
from collectors.sighting import Sighting

LIMIT = 60.0
"""Seconds for which a change is held, at most."""
MAX_HELD = 50_000
_STEP = 500
_BOOKKEEPING = re.compile(
    rb"\.git/(?:index|HEAD|[A-Z_]*HEAD|packed-refs|COMMIT_EDITMSG|shallow"
    rb"|objects(?:/(?:[0-9a-f]{2}(?:/[0-9a-f]{38}(?:[0-9a-f]{24})?)?|info(?:/[a-z-]+)?"
    rb"|pack(?:/pack-[0-9a-f]{40}(?:[0-9a-f]{24})?\.(?:pack|idx|rev|bitmap|mtimes))?))?"
    rb"|(?:logs/)?(?:HEAD|refs(?:/[A-Za-z0-9_/-]+)?))"
)
"""What git writes for itself; not hooks, not its configuration."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS git_held (
  id INTEGER PRIMARY KEY, path BLOB NOT NULL, sighting BLOB NOT NULL)
"""

_log = logging.getLogger(__name__)
_encoder = msgspec.msgpack.Encoder()
_sightings = msgspec.msgpack.Decoder(Sighting)


class Commits:
    """See the module. An `Addition`, and the `Listener` before the one of packages."""

    def __init__(
        self,
        context: SensorContext,
        baseline: Baseline,
        journal: Journal,
        *,
        drift: Drift,
        limit: int,
        pulse: Callable[[], None],
        behind: Listener | None = None,
        enabled: bool = True,
    ) -> None:
        """*limit*: bytes above which no content is read. *behind*: who is told what is not held."""
        self._context = context
        self._guard = context.guard
        self._baseline = baseline
        self._journal = journal
        self._drift = drift
        self._limit = limit
        self._pulse = pulse
        self._behind = behind
        self._enabled = enabled
        self._reader = Reader()
        self._tracked = Tracked(self._reader)
        self._unknown: set[Checkout] = set()
        self._hasher = Hasher(limit, pulse)
        self._hold = False
        self._explained = False
        self._trust = Trust(context.guard, baseline, drift, self._reader)
        self._stale: dict[bytes, int] = {}
        baseline.connection.execute(_SCHEMA)
        query = "SELECT count(*) FROM git_held"
        self.held = int(baseline.connection.execute(query).fetchone()[0])
        self._bursts = Bursts(
            context,
            baseline,
            journal,
            reader=self._reader,
            tracked=self._tracked,
            busy=self._busy,
        )
        drift.explained = self.explained

    def close(self) -> None:
        """End the child."""
        self._reader.close()

    def explained(self) -> str | None:
        """Return `GIT` when the change that was added to last is accepted for git's sake."""
        return GIT if self._explained else None

    def __call__(
        self, record: FileChange, subject: Subject, row: Row | None, now: Row | None
    ) -> FileChange:
        """Add whether a file of a checkout is as its index has it."""
        del row
        self._hold = self._explained = False
        if not self._enabled or record.role == "ronda":
            return record
        where = subject.place.path
        path = join(where, subject.name)
        if b"\0" in path or not where.startswith(b"/"):
            return record  # gone, and known by its masked name only; or a root
        checkout = self._reader.find(where)
        if checkout is None:
            return record
        if not self._tracked.knows(checkout):
            self._unknown.add(checkout)
        if below(path, join(checkout.work, b".git")):
            self._explained = self._is_bookkeeping(checkout, path)
            return record
        if self._may_wait(checkout, now):
            self._hold = True
            return record
        if record.action == "created" and now is None:
            return record  # came and went between two looks: nobody knows what it held
        # Between a deletion and a creation that are told together stands what is there at last.
        return self._judged(record, subject.path, checkout, path, now or what_is(path))

    def tell(self, subject: Subject, record: FileChange, row: Row | None) -> None:
        """Hold a change that git is making, or pass it on."""
        if self._hold:
            self._hold = False
            sighting = Sighting(record=record, observed=self._context.now(), module="files")
            self._journal.wrote()
            self._baseline.connection.execute(
                "INSERT INTO git_held (path, sighting) VALUES (?, ?)",
                (subject.path, _encoder.encode(sighting)),
            )
            self.held += 1
        elif self._behind is not None:
            self._behind.tell(subject, record, row)
        else:
            self._journal.tell(record)

    def turn(self) -> None:
        """Judge what was held when git is done, and tell of pulls that are over.

        Raises:
            collectors.api.Stopped: the agent is going down; everything is held as before.
        """
        if self.held:
            self._settle()
        while self._unknown:
            self._tracked.note(self._unknown.pop())
        self._bursts.turn()
        self._reader.rest()

    def compared(self) -> None:
        """Remember what all checkouts track; called when the tree has been compared."""
        if not self._enabled:
            return
        query = "SELECT path FROM directory WHERE substr(path, -5) = ?"
        for (path,) in self._baseline.connection.execute(query, (b"/.git",)).fetchall():
            real = self._guard.resolve(SafePath(bytes(path)))
            checkout = None if real is None else self._reader.find(split(real)[0])
            if checkout is not None:
                self._tracked.note(checkout)

    def _may_wait(self, checkout: Checkout, now: Row | None) -> bool:
        """Tell whether a change is to be held: not for a lock that anybody could have made."""
        dangerous = now is not None and now.type == "file" and bool(now.mode & 0o6000)
        return (
            not dangerous
            and self.held < MAX_HELD
            and self._busy(checkout)
            and self._trust(checkout)
        )

    def _busy(self, checkout: Checkout) -> bool:
        """Tell whether git changes files of *checkout* just now."""
        lock = self._reader.locked(checkout)
        if lock is None:
            self._stale.pop(checkout.git, None)
            return False
        return self._stale.get(checkout.git) != lock.st_ino

    def _judged(
        self,
        record: FileChange,
        path: SafePath,
        checkout: Checkout,
        real: bytes,
        there: Row | None,
    ) -> FileChange:
        """Return *record* with the state of the file *real*, counted if git explains it."""
        state = self._state(record, checkout, real, there)
        if state is None:
            return record
        record = msgspec.structs.replace(record, git=state)
        if state != COMMITTED or not makes(record, path) or not self._trust(checkout):
            return record
        self._explained = True
        if record.window is not None:
            return record
        return msgspec.structs.replace(record, window=self._bursts.count(checkout, record, path))

    def _state(
        self, record: FileChange, checkout: Checkout, real: bytes, there: Row | None
    ) -> str | None:
        directory, name = split(real)
        if (there.type if there is not None else record.type) == "dir":
            listing = self._reader.listing(checkout, real)
            if listing is None:
                return None
            if there is None and not listing.known:
                gits = listing.recent(self._context.now()) and self._tracked.had(checkout, real)
                return COMMITTED if gits else None
            return (COMMITTED if there is not None else MODIFIED) if listing.known else None
        listing = self._reader.listing(checkout, directory)
        if listing is None:
            return None

        def blob(algorithm: str) -> bytes | None:
            if there is not None and there.type == "symlink":
                with contextlib.suppress(OSError):
                    return blob_of_bytes(os.readlink(real), algorithm)
                return None
            return blob_of_file(real, None, self._limit, algorithm, self._pulse)

        had = there is None and self._tracked.had(checkout, real)
        return state_of(listing, name, there, now=self._context.now(), had=had, blob=blob)

    def _is_bookkeeping(self, checkout: Checkout, path: bytes) -> bool:
        inside = path[len(checkout.work.rstrip(b"/")) + 1 :]
        return _BOOKKEEPING.fullmatch(inside) is not None and self._trust(checkout)

    def _settle(self) -> None:
        """Judge what is held in checkouts where git is done."""
        query = "SELECT id, path, sighting FROM git_held WHERE id > ? ORDER BY id LIMIT ?"
        last = 0
        while rows := self._baseline.connection.execute(query, (last, _STEP)).fetchall():
            for number, path, body in rows:
                self._pulse()
                last = number
                if not self._release(number, SafePath(bytes(path)), _sightings.decode(body)):
                    self._journal.commit()
                    return
            self._journal.commit()

    def _release(self, number: int, path: SafePath, sighting: Sighting) -> bool:
        """Tell one held change; return False when git is still at work."""
        record = sighting.record
        real = self._guard.resolve(path)
        checkout = None if real is None or not self._enabled else self._reader.find(split(real)[0])
        if real is not None and checkout is not None and isinstance(record, FileChange):
            lock = self._reader.locked(checkout)
            if lock is not None and self._stale.get(checkout.git) != lock.st_ino:
                if abs(self._context.now() - sighting.observed) < LIMIT * 1e9:
                    return False
                _log.warning("files: git has held its lock for long; its changes are told singly")
                self._stale[checkout.git] = lock.st_ino
            self._explained = False
            there = what_is(real)
            if stands(self._guard, self._hasher, record, real, there):
                record = self._judged(record, path, checkout, real, there)
            else:  # what it was then cannot be compared any more
                record = msgspec.structs.replace(record, git=MODIFIED)
            if self._explained:
                self._drift.accept_one(path, GIT)
        self._journal.pass_on(msgspec.structs.replace(sighting, record=record))
        self._baseline.connection.execute("DELETE FROM git_held WHERE id = ?", (number,))
        self.held -= 1
        return True
