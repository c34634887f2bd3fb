"""Which checkouts may explain changes: an intruder can make one, too."""

from __future__ import annotations

import grp
import pwd
import time

from collectors.files.baseline import Baseline
from collectors.files.deploy.checkout import Checkout, Reader
from collectors.files.deploy.drift import Drift
from collectors.files.scope import join
from collectors.paths import PathGuard, SafePath

BELIEVED = 2.0
"""Seconds for which an answer is believed."""
_KEPT = 1000
_WEB = ("apache", "http", "httpd", "lighttpd", "nginx", "nobody", "www", "www-data", "wwwrun")
"""Accounts and groups of web servers."""


class Trust:
    """Answers for one checkout at a time. All calls from the sensor's worker."""

    def __init__(self, guard: PathGuard, baseline: Baseline, drift: Drift, reader: Reader) -> None:
        """*drift*: what differs from the accepted state."""
        self._guard = guard
        self._baseline = baseline
        self._drift = drift
        self._reader = reader
        self._known: dict[bytes, tuple[float, bool]] = {}
        self._users = frozenset(filter(None, map(_uid, _WEB)))
        self._groups = frozenset(filter(None, map(_gid, _WEB)))

    def __call__(self, checkout: Checkout) -> bool:
        """Tell whether *checkout* may explain changes: accepted, and not the web server's own."""
        now = time.monotonic()
        known = self._known.get(checkout.work)
        if known is not None and now - known[0] < BELIEVED:
            return known[1]
        work = self._guard.guard(checkout.work)
        entry = self._baseline.directory(work)
        answer = (
            entry is not None
            and self._baseline.row(entry.id, b".git") is not None
            and not self._drift.drifted(SafePath(join(work, b".git")))
            and not self._reader.open_to(checkout, self._users, self._groups)
        )
        if len(self._known) > _KEPT:
            self._known.clear()
        self._known[checkout.work] = (now, answer)
        return answer


def _gid(name: str) -> int | None:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def _uid(name: str) -> int | None:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None
