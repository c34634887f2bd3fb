"""What was installed before anything was compared: each package is stated once, bit by bit.

A run of the package manager tells what it put there; of everything else the collector would hear
only with the next upgrade. So, once the first baseline is complete and the manifests are known,
every package is stated with the same digest that a run tells (`Digests`), a hundred in one event, a
pause between two, and nothing while a run is open. What waits is in the sensor's database: killed
at any moment, no package is left out.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from collectors.files.baseline import Baseline
from collectors.files.journal import Journal
from collectors.files.packages.claims import Manifests
from collectors.files.packages.digests import Digests
from collectors.kinds import PackageInventory, PackageStatement
from collectors.redact import scrub

BATCH = 100
"""Packages in one event: about 20 KB."""
START = 120.0
"""Seconds until the first event at most, by chance: a fleet that starts at once is spread."""
PAUSE = 15.0
"""Seconds between two events."""
_MAX_PACKAGES = 20_000
_BEGUN = "packages_stating"
_SCHEMA = "CREATE TABLE IF NOT EXISTS package_unstated (name TEXT PRIMARY KEY) WITHOUT ROWID"


class Inventory:
    """All calls from the sensor's worker."""

    def __init__(
        self,
        baseline: Baseline,
        journal: Journal,
        manifests: Manifests,
        digests: Callable[[], Digests],
        *,
        start: float = START,
        pause: float = PAUSE,
    ) -> None:
        """*digests*: returns a reader of the baseline as it is now."""
        self._baseline = baseline
        self._journal = journal
        self._manifests = manifests
        self._digests = digests
        self._pause = pause
        self._due = time.monotonic() + start * random.random()  # noqa: S311 - no secret
        self._reader: Digests | None = None
        self._versions: dict[str, str] = {}
        self._names: list[str] = []
        self._stated: list[PackageStatement] = []
        self._over = False

    def create_tables(self) -> None:
        """Make the table if it is missing, inside the caller's transaction."""
        self._baseline.connection.execute(_SCHEMA)

    def interrupt(self) -> None:
        """Forget what is not told yet: packages are changing."""
        self._reader = None

    def step(self, seconds: float) -> bool:
        """Work for about *seconds*; return whether there is more to do at once."""
        if self._over or time.monotonic() < self._due:
            return False
        if self._reader is None and not self._open():
            return False
        deadline = time.monotonic() + seconds
        while self._names and time.monotonic() < deadline:
            self._state(self._names[-1])
            self._names.pop()
        if not self._names:
            self._tell()
            return False
        return True

    def _open(self) -> bool:
        """Take the next packages; False when none are left, or nothing is known just now."""
        if self._baseline.get(_BEGUN) is None and not self._begin():
            return False
        query = "SELECT name FROM package_unstated ORDER BY name LIMIT ?"
        self._names = [row[0] for row in self._baseline.connection.execute(query, (BATCH,))]
        self._over = not self._names
        if self._over:
            return False
        self._names.reverse()
        # Read again for each event: a version of an hour ago may be gone.
        self._versions = self._manifests.versions()
        self._stated = []
        self._reader = self._digests()
        return True

    def _begin(self) -> bool:
        names = sorted(self._manifests.versions())[:_MAX_PACKAGES]
        if not names:
            self._due = time.monotonic() + self._pause
            return False
        self._journal.commit()
        self._baseline.begin()
        self._baseline.connection.executemany(
            "INSERT OR IGNORE INTO package_unstated VALUES (?)", ((name,) for name in names)
        )
        self._baseline.put(_BEGUN, 1)
        self._baseline.commit()
        return True

    def _state(self, name: str) -> None:
        version = self._versions.get(name)
        total = None if version is None or self._reader is None else self._reader.sum_of(name)
        if version is not None and total is not None:
            self._stated.append(
                PackageStatement(
                    name=scrub(name),
                    version=scrub(version),
                    digest=total.digest,
                    listed=total.listed,
                    files=total.files,
                )
            )

    def _tell(self) -> None:
        """Tell the packages, and forget that they wait, in one transaction."""
        self._journal.commit()
        self._journal.wrote()
        connection = self._baseline.connection
        connection.execute(
            "DELETE FROM package_unstated WHERE name IN"
            " (SELECT name FROM package_unstated ORDER BY name LIMIT ?)",
            (BATCH,),
        )
        left = int(connection.execute("SELECT count(*) FROM package_unstated").fetchone()[0])
        if self._stated:
            self._journal.tell(
                PackageInventory(
                    packages=tuple(self._stated), count=len(self._stated), waiting=left
                )
            )
        self._journal.commit()
        self._reader = None
        self._due = time.monotonic() + self._pause
