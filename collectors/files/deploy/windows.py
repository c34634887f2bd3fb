"""Announced change windows: what may be announced, since when, until when, what happened in them.

A window ends when either clock says so: the wall clock, or the clock that nobody can set
(CLOCK_BOOTTIME). A wall clock that is set back does not prolong it, and across a reboot the time
that was left is kept beside it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence

import msgspec

from collectors.boot import boot_id, since_boot
from collectors.files.compare import Row
from collectors.files.deploy.requests import MAX_PATHS, Expect
from collectors.files.journal import Journal
from collectors.files.scope import below
from collectors.files.tell import Subject
from collectors.kinds import ChangeWindow, FileChange, Scrubbed
from collectors.paths import PathGuard, SafePath
from collectors.redact import mask_text, visible

SAMPLE = 10
MAX_OPEN = 16
"""Windows at once."""
KEEP = 100
"""Windows that are over and still listed."""
SECOND = 1_000_000_000
_SAVE_EVERY = 10.0
"""Seconds: how exactly the time that is left survives a reboot."""
_TICK = 2 * SECOND
"""The kernel's coarse clock and ours differ, and some file systems keep whole seconds only."""

PROTECTED = (
    *(b"/etc/" + name for name in (b"cron.d", b"cron.daily", b"cron.hourly", b"cron.monthly")),
    *(b"/etc/" + name for name in (b"cron.weekly", b"crontab", b"gshadow", b"group", b"init.d")),
    *(b"/etc/" + name for name in (b"ld.so.conf.d", b"ld.so.preload", b"pam.d", b"passwd")),
    *(b"/etc/" + name for name in (b"profile.d", b"ronda", b"security", b"shadow", b"ssh")),
    *(b"/etc/" + name for name in (b"sudoers", b"sudoers.d", b"systemd", b"udev")),
    *(b"/usr/" + name for name in (b"bin", b"sbin", b"lib", b"lib32", b"lib64", b"libexec")),
    b"/root/.ssh",
    b"/usr/local/bin",
    b"/usr/local/sbin",
    b"/var/lib/dpkg",
    b"/var/lib/rpm",
    b"/var/spool/cron",
)
"""Neither these nor what holds them can be announced: what decides over the whole host."""

_SCHEMA = """CREATE TABLE IF NOT EXISTS change_window
 (id TEXT PRIMARY KEY, open INTEGER NOT NULL, begin INTEGER NOT NULL, body BLOB NOT NULL)"""


class Window(msgspec.Struct, kw_only=True):
    """One window. Times in ns since 1970 unless said otherwise."""

    id: str
    paths: list[bytes]
    """Guarded."""
    reason: str
    by: str
    begin: int
    until: int
    """At first as announced; later when it ended."""
    boot: str
    boot_until: float
    """Seconds of CLOCK_BOOTTIME of that boot."""
    left: float
    """Seconds that were left when it was last saved."""
    state: str = "opened"
    actions: dict[str, int] = {}
    sample: list[bytes] = []

    def holds(self, path: bytes) -> bool:
        """Tell whether *path* lies in it."""
        return any(below(path, top) for top in self.paths)

    def covers(self, row: Row | None) -> bool:
        """Tell whether a file in this state may have been changed while it was open."""
        return row is None or self.begin - _TICK <= row.ctime <= self.until


def refusal(paths: Sequence[bytes], seconds: float, longest: float, own: Iterable[bytes]) -> str:
    """Return why no window is opened, or nothing. Pure. *own*: the agent's files."""
    if not paths:
        return "no path was given"
    if len(paths) > MAX_PATHS:
        return f"more than {MAX_PATHS} paths"
    if not 0 < seconds <= longest:
        return (
            f"a window lasts longer than 0 and at most {longest:g} s here"
            " (max_window in [sensors.files])"
        )
    own = tuple(own)
    return next(filter(None, (_path_refusal(path, own) for path in paths)), "")


def _path_refusal(path: bytes, own: Iterable[bytes]) -> str:
    if path == b"/":
        return "a path is too wide: name the directory that is deployed to"
    if not path.startswith(b"/") or set(path[1:].split(b"/")) & {b"", b".", b".."}:
        return "a path is not absolute, or not in its plain form"
    if path.count(b"/") < 2 or len(path) < 4:
        return "a path is too wide: name the directory that is deployed to"
    for kept in own:
        if below(path, kept) or below(kept, path):
            return "a path holds files of Ronda: these are never announced"
    for kept in PROTECTED:
        if below(path, kept) or below(kept, path):
            name = kept.decode()
            return f"a path holds {name} or lies in it: it decides over the whole host"
    return ""


class Windows:
    """The table, and the `collectors.files.tell.Addition` that marks the changes inside."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        journal: Journal,
        guard: PathGuard,
        now: Callable[[], int],
        boot: Callable[[], float] = since_boot,
    ) -> None:
        """*now*: ns since 1970. Makes the table; call outside a transaction."""
        self._connection = connection
        self._journal = journal
        self._guard = guard
        self._now = now
        self._boot = boot
        self._boot_id = boot_id()
        self._saved = boot()
        connection.execute(_SCHEMA)
        self._open: dict[str, Window] = {}
        for window in read_windows(connection):
            if window.state == "opened":
                self._resume(window)

    def _resume(self, window: Window) -> None:
        """Go on with a window of an earlier run."""
        if window.boot != self._boot_id or not self._boot_id:
            window.boot, window.boot_until = self._boot_id, self._boot() + window.left
        self._open[window.id] = window

    def __len__(self) -> int:
        return len(self._open)

    def open(self, request: Expect, *, longest: float, own: Sequence[bytes]) -> tuple[Window, str]:
        """Open a window as *request* wants, or refuse; return it and why it was refused.

        In the caller's transaction.
        """
        now, boot = self._now(), self._boot()
        seconds = request.seconds
        same = request.boot == self._boot_id and bool(self._boot_id)
        ahead = (request.made - now) / SECOND
        age = max(-ahead, boot - request.since_boot if same else 0.0, 0.0)
        window = Window(
            id=f"w{request.id[:8]}",
            paths=list(request.paths),
            reason=clean(request.reason),
            by=request.by,
            begin=now,
            until=request.made + int(seconds * SECOND),
            boot=self._boot_id,
            boot_until=boot + seconds - age,
            left=seconds - age,
        )
        why = refusal(request.paths, seconds, longest, own)
        if not why and not window.reason.strip():
            why = "no reason was given"
        if not why and ahead > 60.0:
            why = "the command was given in the future: the clock was set back"
        if not why and window.left <= 0:
            why = "its time was over before the agent took it"
        if not why and len(self._open) >= MAX_OPEN:
            why = f"{MAX_OPEN} windows are open already"
        if not why and self._known(window.id):
            why = "a window with this id exists"
        if why:
            window.state = "refused"
            window.until = now
            self._tell(window, Scrubbed(f"{why}; reason given: {window.reason}"))
            return window, why
        # A command that waited for the agent: the time counts from when it was given.
        window.until = min(window.until, now + int(window.left * SECOND))
        self._open[window.id] = window
        self._save(window)
        self._tell(window)
        return window, ""

    def close(self, number: str, by: str, reason: str = "") -> Window | None:
        """Close a window; None when there is none of this id that is open."""
        window = self._open.get(number)
        if window is None:
            return None
        said = f"{window.reason}; closed: {clean(reason)}" if reason else window.reason
        self._end(window, "closed", by=by, reason=said)
        return window

    def due(self) -> bool:
        """Tell whether a window is over. Saves now and then how long the others last."""
        if not self._open:
            return False
        boot = self._boot()
        if boot - self._saved >= _SAVE_EVERY:
            self._saved = boot
            self._journal.wrote()
            for window in self._open.values():
                window.left = min(window.left, self._left(window))
                self._save(window)
        return any(self._left(window) <= 0 for window in self._open.values())

    def expire(self) -> None:
        """End what is over; what happened until now must have been looked at."""
        for window in [each for each in self._open.values() if self._left(each) <= 0]:
            self._end(window, "expired")

    def __call__(
        self, record: FileChange, subject: Subject, row: Row | None, now: Row | None
    ) -> FileChange:
        """Mark a change inside a window and count it."""
        del row
        if not self._open or record.role == "ronda":  # its program may lie below what is deployed
            return record
        path = subject.path
        for window in self._open.values():
            # What was done before the window opened, and is only found now, is not of it.
            if not window.holds(path) or not window.covers(now):
                continue
            self._journal.wrote()
            window.actions[record.action] = window.actions.get(record.action, 0) + 1
            if len(window.sample) < SAMPLE and path not in window.sample:
                window.sample.append(path)
            self._save(window)
            return msgspec.structs.replace(record, window=window.id)
        return record

    def _left(self, window: Window) -> float:
        """Return the seconds that a window lasts by the stricter of the two clocks."""
        return min((window.until - self._now()) / SECOND, window.boot_until - self._boot())

    def _known(self, number: str) -> bool:
        query = "SELECT 1 FROM change_window WHERE id = ?"
        return self._connection.execute(query, (number,)).fetchone() is not None

    def _save(self, window: Window) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO change_window VALUES (?, ?, ?, ?)",
            (
                window.id,
                int(window.state == "opened"),
                window.begin,
                msgspec.msgpack.encode(window),
            ),
        )

    def _end(self, window: Window, state: str, by: str = "", reason: str = "") -> None:
        self._journal.wrote()
        window.state = state
        window.until = min(window.until, self._now())
        del self._open[window.id]
        self._save(window)
        self._connection.execute(
            "DELETE FROM change_window WHERE open = 0 AND id NOT IN (SELECT id FROM change_window"
            " WHERE open = 0 ORDER BY begin DESC LIMIT ?)",
            (KEEP,),
        )
        self._tell(window, Scrubbed(reason or window.reason), by=by)

    def _tell(self, window: Window, reason: Scrubbed | None = None, by: str = "") -> None:
        guard = self._guard
        record = ChangeWindow(
            action=window.state,
            window=window.id,
            paths=tuple(guard.display(SafePath(path)) for path in window.paths[:MAX_PATHS]),
            reason=reason or Scrubbed(window.reason),
            by=by or window.by,
            begin=window.begin,
            until=window.until,
            actions=dict(window.actions),
            sample=tuple(guard.display(SafePath(path)) for path in window.sample),
        )
        self._journal.tell(record)


def clean(text: str) -> str:
    """Return *text* that should be scrubbed already as text that is, at most 500 characters."""
    return visible(mask_text(text))[:500]


def read_windows(connection: sqlite3.Connection) -> list[Window]:
    """Return all windows of the table, the newest first; none where there is no table."""
    query = "SELECT 1 FROM sqlite_master WHERE name = 'change_window'"
    if connection.execute(query).fetchone() is None:
        return []
    rows = connection.execute("SELECT body FROM change_window ORDER BY begin DESC")
    return [msgspec.msgpack.decode(row[0], type=Window) for row in rows]
