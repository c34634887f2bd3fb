"""rpm as a `Database`: headers as manifests, their difference as acts, signatures as proof."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable

from collectors.files.packages.case import Acted, Disk
from collectors.files.packages.claims import Manifests
from collectors.files.packages.database import Proofs
from collectors.files.packages.index import Index
from collectors.files.packages.manifests import Act
from collectors.files.packages.places import States
from collectors.files.packages.rpm import listing
from collectors.files.packages.rpm.manifests import RpmManifests
from collectors.files.packages.rpm.places import FLEETING, STATES
from collectors.files.packages.rpm.probe import Rpm
from collectors.files.packages.rpm.signed import Signed
from collectors.files.packages.transaction import Evidence
from collectors.paths import PathGuard

_SCHEMA = "CREATE TABLE IF NOT EXISTS package_before (name TEXT PRIMARY KEY, stamp TEXT NOT NULL)"
_MARK = ""
"""Name of the row that says that there is a list, be it empty."""


class RpmDatabase(Rpm):
    """The places of one rpm installation, and how to work with them."""

    name = "rpm"
    proof = "signature"
    states: States = STATES
    fleeting: re.Pattern[bytes] | None = FLEETING
    locked_is_working = True

    def open(
        self,
        connection: sqlite3.Connection,
        guard: PathGuard,
        *,
        pulse: Callable[[], None],
        gpgv: str,
    ) -> RpmView:
        """Return a view; *pulse* may raise to stop everything."""
        return RpmView(self, connection, guard, pulse=pulse, gpgv=gpgv)


class RpmView:
    """See `collectors.files.packages.database.View`."""

    def __init__(
        self,
        rpm: RpmDatabase,
        connection: sqlite3.Connection,
        guard: PathGuard,
        *,
        pulse: Callable[[], None],
        gpgv: str,
    ) -> None:
        self._connection = connection
        self._manifests = RpmManifests(rpm, pulse)
        self.manifests: Manifests = self._manifests
        self.index = Index(connection, self.manifests, guard, rpm.root)
        self.proofs: Proofs = Signed(connection, self.index, self._manifests, self._former, gpgv)

    def began(self, *, ready: bool) -> None:
        """Keep what was installed before: the index takes in what is new before all is settled."""
        self._connection.execute(_SCHEMA)
        if ready and self._former() is None:
            rows = [(_MARK, ""), *self.index.known().items()]
            self._connection.executemany("INSERT INTO package_before VALUES (?, ?)", rows)

    def acts(self, _before: Evidence) -> list[Act]:
        """Return what differs from the list that was kept."""
        old, new = self._former(), self._manifests.stamps()
        return [] if old is None or new is None else listing.acts(old, new)

    def continuous(self, _before: Evidence) -> bool:
        """Tell whether a list was kept, and another is to be had."""
        return self._former() is not None and self._manifests.stamps() is not None

    def controls(self, _acted: Acted) -> Callable[[bytes, Disk | None], bool | None]:
        """Return that nothing is known: the database is one file, and its headers are checked."""
        return lambda _path, _disk: None

    def closed(self) -> None:
        """Forget the list."""
        self._connection.execute("DELETE FROM package_before")

    def _former(self) -> dict[str, str] | None:
        query = "SELECT name, stamp FROM package_before"
        found: dict[str, str] = dict(self._connection.execute(query))
        return None if found.pop(_MARK, None) is None else found
