"""Who owns which path: manifests in the sensor's database, so that they need no memory.

Paths are those the sensor sees: on a merged system ``/bin/ls`` of a manifest is ``/usr/bin/ls``.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from collectors.files.packages.claims import Claim, Manifests
from collectors.files.packages.manifests import plain
from collectors.paths import PathGuard, SafePath

_SCHEMA = """
CREATE TABLE IF NOT EXISTS package (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, stamp TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS owned (
  hash INTEGER NOT NULL, package INTEGER NOT NULL, path BLOB NOT NULL, md5 BLOB,
  conffile INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS owned_hash ON owned (hash);
CREATE INDEX IF NOT EXISTS owned_package ON owned (package)
"""


class Owned(NamedTuple):
    """One package's claim to a path."""

    package: str
    digest: bytes | None
    """MD5 (dpkg, 16 bytes) or SHA-256 (rpm, 32 bytes) of a regular file; None for directories,
    links, and files without a checksum."""
    conffile: bool
    """Made to be edited by the administrator, or not laid down by the package at all."""


class Index:
    """The tables. All calls from the thread that owns the connection."""

    def __init__(
        self, connection: sqlite3.Connection, manifests: Manifests, guard: PathGuard, root: bytes
    ) -> None:
        """*root*: the file system of the packages, without a slash at its end."""
        self._connection = connection
        self._manifests = manifests
        self._guard = guard
        self._root = root
        self._aliases: dict[bytes, bytes] = {}
        self.unread = True
        """The manifests could not be read when they were to be."""

    def create_tables(self) -> None:
        """Make the tables if they are missing, inside the caller's transaction."""
        for statement in _SCHEMA.split(";"):
            self._connection.execute(statement)

    def owners(self, path: SafePath) -> list[Owned]:
        """Return the packages that have *path* in their manifest."""
        query = (
            "SELECT path, name, md5, conffile FROM owned JOIN package ON package.id = package"
            " WHERE hash = ?"
        )
        rows = self._connection.execute(query, (_hash(path),))
        return [Owned(name, md5, bool(conf)) for found, name, md5, conf in rows if found == path]

    def refresh(
        self, again: Collection[str] = (), only: Collection[str] | None = None
    ) -> Iterator[None]:
        """Take in what changed; yields after each package, in the caller's transaction.

        *again*: plain names of packages to read although their files look the same. *only*: plain
        names of those that may have changed; what others claim stays as it was read before.
        """
        self._aliases = _aliases(self._root)
        self._manifests.refresh()
        stamps = self._manifests.stamps()
        self.unread = stamps is None
        if stamps is None:
            return
        known = self.known()
        changed = [
            name
            for name, stamp in stamps.items()
            if (known.get(name) != stamp or plain(name) in again)
            and (only is None or plain(name) in only)
        ]
        for name in known.keys() - stamps.keys():
            if only is None or plain(name) in only:
                self._forget(name)
            yield
        if not changed:
            return
        for name, claims in self._manifests.read(changed):
            self._forget(name)
            self._keep(name, stamps[name], claims)
            yield

    def known(self) -> dict[str, str]:
        """Return the packages that were read, with what told that they had changed."""
        return dict(self._connection.execute("SELECT name, stamp FROM package"))

    def stale(self) -> frozenset[str]:
        """Return the packages whose manifests are not those that were read, or have come new."""
        known = self.known()
        stamps = self._manifests.stamps() or {}
        return frozenset(n for n, stamp in stamps.items() if known.get(n) != stamp)

    def directories(self, packages: Collection[str]) -> dict[bytes, str]:
        """Return the paths without content that packages (plain names) claim, with the package."""
        found: dict[bytes, str] = {}
        for number, name in self._connection.execute("SELECT id, name FROM package").fetchall():
            if plain(name) in packages:
                query = "SELECT path FROM owned WHERE package = ? AND md5 IS NULL"
                rows = self._connection.execute(query, (number,))
                found.update((bytes(row[0]), name) for row in rows)
        return found

    def files(self, package: str) -> list[SafePath]:
        """Return the files with a checksum that *package* brings, sorted.

        Without configuration and without paths that take part in a diversion.
        """
        diverted = {self._guard.guard(self.real(path)) for path in self._manifests.diverted()}
        query = (
            "SELECT DISTINCT path FROM owned JOIN package ON package.id = package"
            " WHERE name IN (?, ?) AND md5 IS NOT NULL AND conffile = 0 ORDER BY path"
        )
        rows = self._connection.execute(query, (package, plain(package)))
        return [SafePath(path) for (path,) in rows if path not in diverted]

    def adopt(self, package: str, rows: Iterable[tuple[SafePath, bytes | None, bool]]) -> None:
        """Take the claims of a package from its archive; *package* as dpkg.log names it."""
        names = self._connection.execute(
            "SELECT id FROM package WHERE name IN (?, ?)", (package, plain(package))
        ).fetchall()
        if not names:
            return
        number = int(names[0][0])
        # A second manifest under the other spelling of the name claims nothing.
        self._connection.executemany("DELETE FROM owned WHERE package = ?", names)
        self._connection.executemany(
            "INSERT INTO owned VALUES (?, ?, ?, ?, ?)",
            ((_hash(path), number, path, md5, int(flag)) for path, md5, flag in rows),
        )

    def place(self, package: str, path: bytes) -> SafePath:
        """Return where *path* of *package* is, as the sensor sees it: diversions count."""
        return self._guard.guard(self.real(self._manifests.where(package, path)))

    @staticmethod
    def hash_of(path: bytes) -> int:
        """Return the key under which paths are found."""
        return _hash(path)

    def overrides(self) -> dict[bytes, int]:
        """Return the administrator's modes, by path as the sensor sees it."""
        found = self._manifests.overrides()
        return {self.real(path): mode for path, mode in found.items()}

    def real(self, path: bytes) -> bytes:
        """Return *path* of a manifest as the sensor sees it."""
        if not self._aliases:
            self._aliases = _aliases(self._root)
        top, slash, rest = path[1:].partition(b"/")
        alias = self._aliases.get(top)
        return self._root + (b"/" + alias + slash + rest if alias else path)

    def _forget(self, name: str) -> None:
        row = self._connection.execute("SELECT id FROM package WHERE name = ?", (name,)).fetchone()
        if row is not None:
            self._connection.execute("DELETE FROM owned WHERE package = ?", row)
            self._connection.execute("DELETE FROM package WHERE id = ?", row)

    def _keep(self, name: str, stamp: str, claims: Iterable[Claim]) -> None:
        cursor = self._connection.execute(
            "INSERT INTO package (name, stamp) VALUES (?, ?)", (name, stamp)
        )
        number = cursor.lastrowid
        rows = []
        for path, digest, conffile in claims:
            safe = self.place(name, path)
            rows.append((_hash(safe), number, safe, digest, int(conffile)))
        self._connection.executemany("INSERT INTO owned VALUES (?, ?, ?, ?, ?)", rows)


def _hash(path: bytes) -> int:
    digest = hashlib.blake2b(path, digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _aliases(root: bytes) -> dict[bytes, bytes]:
    """Return the links in the top directory: ``bin`` to ``usr/bin`` on a merged system."""
    found = {}
    with os.scandir(root or b"/") as entries:
        for entry in entries:
            if entry.is_symlink():
                target = os.readlink(entry.path).strip(b"/")
                if not target.startswith(b".") and b"/.." not in target:
                    found[entry.name] = target
    return found
