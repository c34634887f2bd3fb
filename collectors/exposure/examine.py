"""Looks at one file: opens it, has the child scan it, judges the answer."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from typing import NamedTuple

import msgspec

from collectors.api import Keys
from collectors.child import BoundedChild, ChildDied, ChildError, ChildTimeout, Limits
from collectors.content import told
from collectors.content.result import (
    CUSTOM_PREFIX,
    SAMPLED,
    TARGET,
    UNREADABLE,
    UNSUPPORTED,
    Init,
    Request,
    ScanResult,
)
from collectors.exposure import reach, score, select
from collectors.exposure.settings import ExposureSettings
from collectors.exposure.web.view import Place, WebView
from collectors.given import Knowledge
from collectors.kinds import (
    ChildCrashed,
    Kind,
    ScanIncomplete,
    Scrubbed,
    SensitiveData,
    Severity,
    Unread,
)
from collectors.paths import PathGuard, SafePath
from collectors.redact import scrub

CLEAN = "clean"
FOUND = "found"
GONE = "gone"
SKIPPED = "skipped"
INCOMPLETE = "incomplete"
CHANGED = "changed"

_SMALLEST = 12
"""Bytes: no identifier or credential is shorter."""
_OWN_TIME = 0.8
"""Of the time-out: then the child ends by itself, and what it has found is not lost."""
_EXPECTED = frozenset({UNSUPPORTED, "encrypted"})
"""Outcomes that say nothing bad of a file: they are told quietly."""
_ANSWER = msgspec.msgpack.Decoder(ScanResult)


class Signature(NamedTuple):
    """What changes when the file does."""

    device: int
    inode: int
    size: int
    mtime: int
    ctime: int

    @classmethod
    def of(cls, status: os.stat_result) -> Signature:
        """Take it from a stat."""
        return cls(
            status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
        )


class Look(NamedTuple):
    """What one look at a file gave."""

    outcome: str
    """``clean``, ``found``, ``sampled`` (nothing found, but not looked at whole), ``gone``,
    ``skipped``, ``incomplete`` or ``changed``."""
    signature: Signature | None = None
    record: Kind | None = None
    """`SensitiveData` or `ScanIncomplete`."""
    severity: int | None = None
    digest: str = ""
    """Equal for findings that say the same."""
    crash: ChildCrashed | None = None
    settled: Look | None = None
    """For ``changed``: what the look gave all the same."""


class Examiner:
    """Owns the bounded child. Not for several threads, but for `interrupt`."""

    def __init__(
        self, settings: ExposureSettings, guard: PathGuard, keys: Keys, own: bytes
    ) -> None:
        """*own* is the agent's state directory."""
        self.scope = select.Scope(settings, own=own)
        self._settings = settings
        self._guard = guard
        self.web: WebView | None = None
        """Asked for the address of a file, when there is a web server."""
        self._weights = {CUSTOM_PREFIX + one.name: one.weight for one in settings.identifiers}
        self._keys = keys
        folder = own + b"/knowledge" if own else b""
        host = os.uname().nodename
        self.knowledge = Knowledge(folder, keys.fleet, keys.fleet_epoch, host)
        self.child = self._new_child()

    def _new_child(self) -> BoundedChild:
        keys = self._keys
        init = Init(
            key=keys.fleet,
            epoch=keys.fleet_epoch,
            custom=self._settings.identifiers,
            canaries=self.knowledge.canaries,
        )
        limits = Limits(cpu=int(self._settings.timeout) + 1)
        return BoundedChild(TARGET, limits=limits, init=msgspec.msgpack.encode(init))

    def close(self) -> None:
        """End the child, and let go of the registers."""
        self.child.close()
        self.knowledge.close()

    def rest(self) -> None:
        """End the child; the next look starts another."""
        self.child.close()

    def learn(self) -> bool:
        """Take what the agent was given to look for; True when it has changed."""
        if not self.knowledge.refresh():
            return False
        self.child.close()
        self.child = self._new_child()
        return True

    def look(self, real: bytes, safe: SafePath, known: Signature | None = None) -> Look:
        """Look into the file at *real*; *known* is the signature of the last look, if any."""
        if select.by_name(real) != select.LOOK:
            return Look(SKIPPED if os.path.lexists(real) else GONE)
        try:
            descriptor = _open(real)
        except FileNotFoundError:
            return Look(GONE)
        except NotADirectoryError:
            return Look(GONE)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):
                return Look(SKIPPED)  # a link or a socket
            return self._incomplete(safe, None, UNREADABLE, os.strerror(error.errno or 0))
        try:
            return self._look(descriptor, real, safe, known)
        finally:
            os.close(descriptor)

    def _look(self, descriptor: int, real: bytes, safe: SafePath, known: Signature | None) -> Look:
        before = os.fstat(descriptor)
        signature = Signature.of(before)
        if not stat.S_ISREG(before.st_mode):
            return Look(SKIPPED)
        if signature == known:
            return Look(SKIPPED, signature)
        if before.st_size < _SMALLEST:
            return Look(CLEAN, signature)
        try:
            if select.by_magic(os.pread(descriptor, 16, 0)) != select.LOOK:
                return Look(SKIPPED, signature)
            if before.st_size > self._settings.max_bytes:
                limit = f"{before.st_size} bytes, over max_bytes"
                return self._incomplete(safe, signature, "too_large", limit)
            answer, crash = self._answer(descriptor, before.st_size, safe)
        except OSError as error:
            return self._incomplete(safe, signature, UNREADABLE, os.strerror(error.errno or 0))
        except ChildError as error:
            return self._crashed(safe, signature, error)
        settled = self._judge(answer, before, real, safe)._replace(crash=crash)
        if Signature.of(os.fstat(descriptor)) != signature:
            return Look(CHANGED, signature, settled=settled)
        return settled

    def _answer(
        self, descriptor: int, size: int, safe: SafePath
    ) -> tuple[ScanResult, ChildCrashed | None]:
        """Return what the child says; if it dies, what another says of the harmless parts.

        Raises:
            ChildError: nothing was found in them, or they are not harmless either.
        """
        try:
            return self._ask(descriptor, size, safe), None
        except ChildError as error:
            first = error
        try:
            answer = self._ask(descriptor, size, safe, again=True)
        except ChildError:
            raise first from None
        if not (answer.tallies or answer.canaries or answer.people):
            raise first
        return answer, _crash(first)

    def _ask(
        self, descriptor: int, size: int, safe: SafePath, *, again: bool = False
    ) -> ScanResult:
        self.learn()
        request = Request(
            name=self._guard.display(safe),
            size=size,
            seconds=_OWN_TIME * self._settings.timeout,
            again=again,
        )
        descriptors = [descriptor, *self.knowledge.registers]
        answer = self.child.call(
            msgspec.msgpack.encode(request), descriptors, self._settings.timeout
        )
        return _ANSWER.decode(answer)

    def _judge(
        self, answer: ScanResult, status: os.stat_result, real: bytes, safe: SafePath
    ) -> Look:
        signature = Signature.of(status)
        answer, canaries = told.sort_out(answer, lambda one: self.knowledge.is_planted(one, real))
        answer, people = told.people_in(answer, self.knowledge.register_names)
        if not answer.tallies and answer.unread:
            return self._unread(safe, signature, answer)
        if not answer.tallies:
            return Look(SAMPLED if answer.outcome == SAMPLED else CLEAN, signature)
        root = self.scope.web_root(real)
        place = self._place(real, status, root)
        reachable = reach.reachability(
            real,
            status.st_mode,
            in_web_root=reach.is_open(place.served, root, self.scope.told_roots),
            mode_of=reach.directory_mode,
        )
        shown = self._guard.display(safe)
        web = score.Web(place.served, place.checked, place.reasons)
        judged = score.judge(answer.tallies, reachable, shown, self._weights, web)
        if people.sure:
            judged = score.registered(judged, reachable)
        if canaries:
            judged = score.betrayed(judged)
        record = SensitiveData(
            path=shown,
            tallies=answer.tallies,
            types=tuple(tally.type for tally in answer.tallies),
            count=sum(tally.count for tally in answer.tallies),
            score=judged.score,
            reasons=judged.reasons,
            reachable=reachable,
            format=answer.format,
            outcome=SAMPLED if answer.outcome == SAMPLED else FOUND,
            scanned=answer.scanned,
            parts=answer.parts,
            unread=answer.unread,
            canaries=canaries,
            registered=people.registered,
            confirmed=people.confirmed,
            registers=people.registers,
            size=status.st_size,
            sha256=answer.sha256,
            inode=str(status.st_ino),
            mode=f"{stat.S_IMODE(status.st_mode):04o}",
            uid=str(status.st_uid),
            mtime=status.st_mtime_ns,
            url_path=self._url_path(real, root, place),
            url=scrub(place.url) if place.url is not None else None,
            served=place.served or None,
            checked=place.checked,
            path_token=self._guard.token(safe),
        )
        return Look(FOUND, signature, record, int(judged.severity), _digest(record))

    def _place(self, real: bytes, status: os.stat_result, root: bytes | None) -> Place:
        if self.web is None or not self.web.sites:
            return Place("")
        place = self.web.place(real, status.st_size, status.st_mode)
        # A file far from any site is no news of the web servers.
        return Place("") if place.url is None and root is None else place

    def _url_path(self, real: bytes, root: bytes | None, place: Place) -> Scrubbed | None:
        if place.path is not None:
            return self._guard.display(self._guard.guard(place.path))
        if root is None:
            return None
        return self._guard.display(self._guard.guard(real[len(root.rstrip(b"/")) :]))

    def _incomplete(
        self,
        safe: SafePath,
        signature: Signature | None,
        outcome: str,
        detail: str,
        unread: tuple[Unread, ...] = (),
    ) -> Look:
        record = ScanIncomplete(
            path=self._guard.display(safe),
            outcome=outcome,
            detail=Scrubbed(detail),
            unread=unread,
            path_token=self._guard.token(safe),
        )
        return Look(INCOMPLETE, signature, record, None, outcome)

    def _unread(self, safe: SafePath, signature: Signature, answer: ScanResult) -> Look:
        first = next(one for one in answer.unread if one.outcome == answer.outcome)
        detail = str(first.detail or "")
        if first.path is not None:
            detail += f"; {first.count} parts, first {first.path}"
        look = self._incomplete(safe, signature, answer.outcome, detail, answer.unread)
        quiet = {one.outcome for one in answer.unread} <= _EXPECTED
        return look._replace(severity=int(Severity.LOW) if quiet else None)

    def _crashed(self, safe: SafePath, signature: Signature, error: ChildError) -> Look:
        outcome = "timed_out" if isinstance(error, ChildTimeout) else "crashed"
        detail = str(error) if isinstance(error, (ChildTimeout, ChildDied)) else ""
        return self._incomplete(safe, signature, outcome, detail)._replace(crash=_crash(error))


def _crash(error: ChildError) -> ChildCrashed:
    return ChildCrashed(
        target="exposure content scan",
        cause=error.cause,
        detail=Scrubbed(error.detail) if error.detail else None,
    )


def _open(path: bytes) -> int:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    try:
        return os.open(path, flags | os.O_NOATIME)
    except PermissionError:
        return os.open(path, flags)  # O_NOATIME is for the owner and for CAP_FOWNER


def _digest(record: SensitiveData) -> str:
    """Hash what makes a finding another one: not the exact count of a log that grows."""
    said = [[tally.type, tally.count.bit_length(), tally.tokens[:8]] for tally in record.tallies]
    known = [record.canaries, record.registered.bit_length(), record.registers]
    missed = sorted(unread.outcome for unread in record.unread)
    # That a server could be asked this time is no other finding.
    reasons = [reason for reason in record.reasons if reason != "url_checked"]
    return hashlib.sha256(
        msgspec.msgpack.encode([said, record.reachable, reasons, missed, known])
    ).hexdigest()
