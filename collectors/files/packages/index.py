"""Who owns which path: dpkg's manifests in the sensor's database, so that they need no memory.

Paths are those the sensor sees: on a merged system ``/bin/ls`` of a manifest is ``/usr/bin/ls``.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from collectors.files.packages.manifests import (
    info_package,
    parse_diversions,
    parse_list,
    parse_md5sums,
    parse_overrides,
    parse_status,
    plain,
)
from collectors.files.packages.probe import Dpkg
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
_KINDS = (b".list", b".md5sums", b".conffiles")
_MAX_FILE = 64 << 20
"""Bytes of one manifest; the largest in Debian 12 has 3 MB."""


class Owned(NamedTuple):
    """One package's claim to a path."""

    package: str
    md5: bytes | None
    """Of a regular file; None for directories, links, and files without a checksum."""
    conffile: bool
    """Made to be edited by the administrator."""


class Index:
    """The tables. All calls from the thread that owns the connection."""

    def __init__(self, connection: sqlite3.Connection, dpkg: Dpkg, guard: PathGuard) -> None:
        self._connection = connection
        self._dpkg = dpkg
        self._guard = guard
        self._aliases: dict[bytes, bytes] = {}
        self._diversions: dict[bytes, tuple[bytes, str]] = {}

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
        self._aliases = _aliases(self._dpkg.root)
        self._diversions = parse_diversions(lines_of(self._dpkg.admin + b"/diversions"))
        stamps = self._stamps()
        known = dict(self._connection.execute("SELECT name, stamp FROM package"))
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
        conffiles = self._conffiles(set(changed))
        for name in changed:
            self._forget(name)
            self._read(name, stamps[name], conffiles.get(name, {}))
            yield

    def stale(self) -> frozenset[str]:
        """Return the packages whose manifests are not those that were read, or have come new."""
        known = dict(self._connection.execute("SELECT name, stamp FROM package"))
        return frozenset(n for n, stamp in self._stamps().items() if known.get(n) != stamp)

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
        """Return the files with a checksum that *package* brings, sorted; as dpkg.log names it.

        Without configuration and without paths that take part in a diversion.
        """
        diverted = {
            self._guard.guard(self.real(path))
            for source, (target, _) in self._diversions.items()
            for path in (source, target)
        }
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
        where = path
        if path in self._diversions and self._diversions[path][1] != plain(package):
            where = self._diversions[path][0]
        return self._guard.guard(self.real(where))

    @staticmethod
    def hash_of(path: bytes) -> int:
        """Return the key under which paths are found."""
        return _hash(path)

    def overrides(self) -> dict[bytes, int]:
        """Return the administrator's modes, by path as the sensor sees it."""
        found = parse_overrides(lines_of(self._dpkg.admin + b"/statoverride"))
        return {self.real(path): mode for path, mode in found.items()}

    def real(self, path: bytes) -> bytes:
        """Return *path* of a manifest as the sensor sees it."""
        if not self._aliases:
            self._aliases = _aliases(self._dpkg.root)
        top, slash, rest = path[1:].partition(b"/")
        alias = self._aliases.get(top)
        return self._dpkg.root + (b"/" + alias + slash + rest if alias else path)

    def _stamps(self) -> dict[str, str]:
        """Return package to what its manifests look like; changed when one is written."""
        parts: dict[str, list[str]] = {}
        with os.scandir(self._dpkg.info) as entries:
            for entry in entries:
                name = entry.name
                package = info_package(name) if name.endswith(_KINDS) else None
                if package is None or not entry.is_file(follow_symlinks=False):
                    continue
                state = entry.stat(follow_symlinks=False)
                text = f"{name[-4:].decode()}:{state.st_ino}:{state.st_ctime_ns}:{state.st_size}"
                parts.setdefault(package, []).append(text)
        return {name: " ".join(sorted(texts)) for name, texts in parts.items()}

    def _conffiles(self, wanted: set[str]) -> dict[str, dict[bytes, bytes]]:
        found: dict[str, dict[bytes, bytes]] = {}
        for package in parse_status(lines_of(self._dpkg.status)):
            for name in (package.name, f"{package.name}:{package.architecture}"):
                if name in wanted and package.conffiles:
                    found.setdefault(name, package.conffiles)
        return found

    def _forget(self, name: str) -> None:
        row = self._connection.execute("SELECT id FROM package WHERE name = ?", (name,)).fetchone()
        if row is not None:
            self._connection.execute("DELETE FROM owned WHERE package = ?", row)
            self._connection.execute("DELETE FROM package WHERE id = ?", row)

    def _read(
        self,
        name: str,
        stamp: str,
        conffiles: dict[bytes, bytes],
    ) -> None:
        stem = self._dpkg.info + b"/" + name.encode()
        paths: dict[bytes, bytes | None] = dict.fromkeys(parse_list(lines_of(stem + b".list")))
        paths.update(parse_md5sums(lines_of(stem + b".md5sums")))
        flagged = set(parse_list(lines_of(stem + b".conffiles"))) | set(conffiles)
        paths.update(dict.fromkeys(flagged - paths.keys()))
        paths.update(conffiles)
        cursor = self._connection.execute(
            "INSERT INTO package (name, stamp) VALUES (?, ?)", (name, stamp)
        )
        number = cursor.lastrowid
        rows = []
        for path, md5 in paths.items():
            safe = self.place(name, path)
            rows.append((_hash(safe), number, safe, md5, int(path in flagged)))
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


def lines_of(path: bytes) -> Iterable[bytes]:
    """Yield the lines of a regular file, or nothing where there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    with open(descriptor, "rb") as file:
        left = _MAX_FILE
        while left > 0 and (line := file.readline(65536)):
            left -= len(line)
            yield line
