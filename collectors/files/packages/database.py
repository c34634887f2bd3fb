"""What a package manager's database has to answer, so that the rest need not know which it is.

A `Database` is what is installed below one root: dpkg's or rpm's. It costs nothing until it is
opened; a `View` of it works for one run of the sensor, on the thread that owns the connection.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from collectors.files.packages.archive import Entry
from collectors.files.packages.case import Acted, Disk
from collectors.files.packages.claims import Manifests
from collectors.files.packages.index import Index
from collectors.files.packages.manifests import Act
from collectors.files.packages.places import States
from collectors.files.packages.transaction import Evidence
from collectors.paths import PathGuard, SafePath


class Proofs(Protocol):
    """What is proven of the packages of the open transaction."""

    early: bool
    """Whether there is something to `fetch` that will be gone when the run is over."""
    copies: set[str]
    """Hashes (hex) of what proven packages install."""

    def create_tables(self) -> None:
        """Make the tables if they are missing, inside the caller's transaction."""
        ...

    def missing(self, acts: Iterable[Act], /) -> Sequence[object]:
        """Return what `fetch` would look for."""
        ...

    def fetch(self, acts: Iterable[Act], /) -> Callable[[], None]:
        """Read what will be gone later; return what keeps it, inside a transaction."""
        ...

    def vouched(self, acts: Iterable[Act]) -> list[str]:
        """Take as proof what is signed; return the packages, as *acts* name them.

        Inside the caller's transaction.
        """
        ...

    def packed(self, path: SafePath) -> list[Entry]:
        """Return what proven packages install at *path*."""
        ...

    def listed(self, path: SafePath, /) -> list[Entry]:
        """Return what packages without proof say that they install at *path*."""
        ...

    def clear(self) -> None:
        """Forget everything, inside the caller's transaction: the run is over."""
        ...


class View(Protocol):
    """One run's access to a database."""

    manifests: Manifests
    index: Index
    proofs: Proofs

    def began(self, *, ready: bool) -> None:
        """Keep, inside the caller's transaction, what `acts` will compare with.

        *ready*: the index knew all packages before the run.
        """
        ...

    def acts(self, before: Evidence, /) -> list[Act]:
        """Return what was done to packages since *before*."""
        ...

    def continuous(self, before: Evidence, /) -> bool:
        """Tell whether `acts` knows all that was done since *before*."""
        ...

    def controls(self, acted: Acted, /) -> Callable[[bytes, Disk | None], bool | None]:
        """Return what tells of a file of the database itself whether it is as it has to be."""
        ...

    def closed(self) -> None:
        """Take note, inside the caller's transaction, that what was done is settled."""
        ...


class Database(Protocol):
    """See the module."""

    root: bytes
    """The file system it manages, without a slash at its end."""
    name: str
    """``dpkg`` or ``rpm``."""
    proof: str
    """What proves a package here: ``archive`` or ``signature``."""
    own: bytes
    """Where the manifests are: a directory below `root`, with a slash at its end."""
    states: States
    """Paths of the database's own state."""
    fleeting: re.Pattern[bytes] | None
    """Paths of the database's own that change when somebody only reads it: no news."""
    locked_is_working: bool
    """Whether files may change as soon as the lock is held, before anything else moves."""
    trouble: str
    """Why nothing is known of packages; empty while all is well."""

    @property
    def directory(self) -> bytes:
        """Return `own` on this host, without a slash at its end."""
        ...

    def present(self) -> bool:
        """Tell whether it manages this file system."""
        ...

    def owner(self) -> tuple[int, int]:
        """Return user and group of what packages install."""
        ...

    def look(self) -> Evidence:
        """Return what is to be seen now: a few system calls."""
        ...

    def open(
        self,
        connection: sqlite3.Connection,
        guard: PathGuard,
        *,
        pulse: Callable[[], None],
        gpgv: str,
    ) -> View:
        """Return a view; *pulse* is called while it works, and may raise to stop everything."""
        ...
