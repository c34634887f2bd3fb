"""What proves a package: its archive, read while apt still has it, and found in a signed list.

apt fetches archives before it runs dpkg and may remove them at once when dpkg has ended. They are
read while the transaction is open and wait in the sensor's database. Root can write all of it but
the signature: an archive that no signed list names proves nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence

import msgspec

from collectors.files.packages.archive import Contents, Entry, Found, Read, Refused, Search
from collectors.files.packages.asking import Asking
from collectors.files.packages.index import Index
from collectors.files.packages.lists import GPGV, Lists
from collectors.files.packages.manifests import Act, plain
from collectors.paths import SafePath

ARCHIVES = b"/var/cache/apt/archives/"
_TARGET = "collectors.files.packages.unpack:start"
MAX_ARCHIVES = 1000
"""Archives read in one transaction."""
_UNPACKING = ("install", "upgrade")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS archive (
  package TEXT NOT NULL, architecture TEXT NOT NULL, version TEXT NOT NULL, sha256 BLOB NOT NULL,
  contents BLOB NOT NULL, PRIMARY KEY (package, architecture, version));
CREATE TABLE IF NOT EXISTS packed (hash INTEGER NOT NULL, path BLOB NOT NULL, entry BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS packed_hash ON packed (hash)
"""
_entries = msgspec.msgpack.Decoder(Entry)
_contents = msgspec.msgpack.Decoder(Contents)
_answers = msgspec.msgpack.Decoder(Contents | Found | Refused)


class Archives:
    """The archives of the open transaction. All calls from the thread that owns the connection."""

    early = True  # apt may remove an archive as soon as dpkg has ended

    def __init__(
        self,
        connection: sqlite3.Connection,
        index: Index,
        *,
        root: bytes,
        pulse: Callable[[], None],
        gpgv: str = GPGV,
    ) -> None:
        """*pulse* may raise to stop everything; it is called while the child works."""
        self._connection = connection
        self._index = index
        self._root = root
        self._pulse = pulse
        self._lists = Lists(root, gpgv)
        self._tried: set[tuple[str, str, str]] = set()
        self._proven: dict[str, Contents] = {}
        self.copies: set[str] = set()
        """Hashes (hex) of what proven archives install."""

    def create_tables(self) -> None:
        """Make the tables if they are missing, inside the caller's transaction."""
        for statement in _SCHEMA.split(";"):
            self._connection.execute(statement)

    def missing(self, acts: Iterable[Act]) -> list[tuple[str, str, str]]:
        """Return whose archive has not been looked for: name, architecture, version."""
        wanted = []
        for act in acts:
            name, _, architecture = act.package.partition(":")
            if act.action in _UNPACKING and act.new and architecture:
                key = (name, architecture, act.new)
                if key not in self._tried and len(self._tried) < MAX_ARCHIVES:
                    wanted.append(key)
        return wanted

    def gather(self, keys: Sequence[tuple[str, str, str]]) -> list[Contents]:
        """Read archives where apt keeps them; return those that are what their name says."""
        self._tried.update(keys)
        answers = self._ask([(self._root + ARCHIVES + _file_name(*key), Read()) for key in keys])
        return [
            contents
            for key, contents in zip(keys, answers, strict=True)
            if isinstance(contents, Contents) and contents.key == key
        ]

    def keep(self, found: Iterable[Contents]) -> None:
        """Keep what was read, inside the caller's transaction."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO archive VALUES (?, ?, ?, ?, ?)",
            (
                (c.package, c.architecture, c.version, c.sha256, msgspec.msgpack.encode(c))
                for c in found
            ),
        )

    def vouched(self, acts: Iterable[Act]) -> list[str]:
        """Take as proof the archives of the versions that *acts* left and a signed list names.

        Inside the caller's transaction. Returns the packages as dpkg.log names them.
        """
        last = {act.package: act.new for act in acts if act.action in _UNPACKING and act.new}
        rows = {}
        for package, version in last.items():
            name, _, architecture = package.partition(":")
            row = self._connection.execute(
                "SELECT sha256, contents FROM archive"
                " WHERE (package, architecture, version) = (?, ?, ?)",
                (name, architecture, version),
            ).fetchone()
            if row is not None:
                rows[package] = row
        named = self._named([bytes(row[0]) for row in rows.values()]) if rows else frozenset()
        self.forget_proofs()
        proven = [package for package, row in rows.items() if bytes(row[0]) in named]
        for package in proven:
            self._adopt(package, _contents.decode(rows[package][1]))
            self._pulse()
        return proven

    def fetch(self, acts: Iterable[Act]) -> Callable[[], None]:
        """Read archives, while apt has them; return what keeps them, inside a transaction."""
        found = self.gather(self.missing(acts))
        return lambda: self.keep(found)

    def listed(self, _path: SafePath) -> list[Entry]:
        """Return nothing: what no archive proves, dpkg's manifests tell, without mode or owner."""
        return []

    def packed(self, path: SafePath) -> list[Entry]:
        """Return what proven archives install at *path*."""
        query = "SELECT path, entry FROM packed WHERE hash = ?"
        rows = self._connection.execute(query, (self._index.hash_of(path),))
        return [_entries.decode(entry) for found, entry in rows if found == path]

    def contents(self, package: str) -> Contents | None:
        """Return the proven archive of a package, named as dpkg names its manifests."""
        if package in self._proven:
            return self._proven[package]
        if ":" in package:
            return None
        found = [c for name, c in self._proven.items() if plain(name) == package]
        return found[0] if len(found) == 1 else None

    def forget_proofs(self) -> None:
        """Forget what was taken as proof, not what was read."""
        self._connection.execute("DELETE FROM packed")
        self._proven = {}
        self.copies = set()

    def clear(self) -> None:
        """Forget everything, inside the caller's transaction: the run of dpkg is over."""
        self.forget_proofs()
        self._connection.execute("DELETE FROM archive")
        self._tried = set()

    def _adopt(self, package: str, contents: Contents) -> None:
        entries = [(self._index.place(package, e.path), e) for e in contents.entries]
        self._connection.executemany(
            "INSERT INTO packed VALUES (?, ?, ?)",
            ((self._index.hash_of(p), p, msgspec.msgpack.encode(e)) for p, e in entries),
        )
        self._index.adopt(
            package, ((p, e.md5 or None, e.path in contents.conffiles) for p, e in entries)
        )
        self.copies.update(e.sha256.hex() for _, e in entries if e.sha256)
        self._proven[package] = contents

    def _ask(
        self, wishes: Sequence[tuple[bytes, Read | Search]]
    ) -> list[Contents | Found | Refused | None]:
        asking = Asking(_TARGET, [(path, msgspec.msgpack.encode(wish)) for path, wish in wishes])
        answers = asking.wait(self._pulse)
        return [None if answer is None else _answers.decode(answer) for answer in answers]

    def _named(self, wanted: list[bytes]) -> frozenset[bytes]:
        """Return which archives a list names whose own hash and size are signed."""
        signed = self._lists.signed()
        found: set[bytes] = set()
        if signed:
            wishes = [(each.path, Search(wanted, each.packed)) for each in self._lists.files()]
            for answer in self._ask(wishes):
                if isinstance(answer, Found) and (answer.sha256, answer.size) in signed:
                    found.update(answer.names)
        return frozenset(found)


def _file_name(package: str, architecture: str, version: str) -> bytes:
    """Return how apt calls an archive."""
    return f"{package}_{version.replace(':', '%3a')}_{architecture}.deb".encode()
