"""What proves a package of rpm: its header's signature, over every file's hash and rights.

It counts if a key that was in rpm's keyring before the run vouches for it. Whoever is root can put
keys in there, so a key that came with the run proves nothing of the same run, and is told.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence

import msgspec

from collectors.files.packages import openpgp
from collectors.files.packages.archive import Entry
from collectors.files.packages.index import Index
from collectors.files.packages.manifests import Act, plain
from collectors.files.packages.rpm import listing
from collectors.files.packages.rpm.header import Header
from collectors.files.packages.rpm.manifests import RpmManifests
from collectors.paths import SafePath

MAX_KEYS = 4 << 20
_UNPACKING = ("install", "upgrade", "reinstall")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS header_entry (
  hash INTEGER NOT NULL, path BLOB NOT NULL, entry BLOB NOT NULL, proven INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS header_entry_hash ON header_entry (hash)
"""
_entries = msgspec.msgpack.Decoder(Entry)


class Signed:
    """See `collectors.files.packages.database.Proofs`."""

    early = False  # the headers stay

    def __init__(
        self,
        connection: sqlite3.Connection,
        index: Index,
        manifests: RpmManifests,
        before: Callable[[], dict[str, str] | None],
        gpgv: str,
    ) -> None:
        """*before*: returns what was installed before the run, as stamps."""
        self._connection = connection
        self._index = index
        self._manifests = manifests
        self._before = before
        self._gpgv = gpgv
        self.copies: set[str] = set()

    def create_tables(self) -> None:
        """Make the tables if they are missing, inside the caller's transaction."""
        for statement in _SCHEMA.split(";"):
            self._connection.execute(statement)

    def missing(self, _acts: Iterable[Act]) -> Sequence[object]:
        """Return nothing."""
        return ()

    def fetch(self, _acts: Iterable[Act]) -> Callable[[], None]:
        """Read nothing yet."""
        return lambda: None

    def vouched(self, acts: Iterable[Act]) -> list[str]:
        """Check the headers of what *acts* left installed; return the packages with proof.

        All of them are kept, inside the caller's transaction, with or without proof.
        """
        self.clear()
        stamps = self._manifests.stamps() or {}
        wanted: dict[str, list[listing.Installed]] = {}
        for act in acts:
            if act.action in _UNPACKING and plain(act.package) != listing.KEYS:
                installed = listing.unstamp(stamps.get(act.package, ""))
                wanted[act.package] = [each for each in installed if each.version == act.new]
        keys = self._keys(stamps) if wanted else b""
        good = dict.fromkeys(wanted, True)
        seen = dict.fromkeys(wanted, 0)
        for name, head in self._manifests.headers(wanted):
            proven = self._good(head, keys)
            good[name] = proven and good[name]
            seen[name] += 1
            self._adopt(name, head, proven=proven)
        # Judged by plain name: one architecture without proof leaves the others without, too.
        bad = {plain(n) for n in wanted if not good[n] or not seen[n] or seen[n] < len(wanted[n])}
        return [name for name in wanted if plain(name) not in bad]

    def _keys(self, stamps: dict[str, str]) -> bytes:
        """Return the keys that were trusted before the run and still are."""
        former = self._before() or {}
        wanted: dict[str, list[listing.Installed]] = {}
        for name, stamp in stamps.items():
            if plain(name) == listing.KEYS:
                known = {each.digest for each in listing.unstamp(former.get(name, ""))}
                wanted[name] = [e for e in listing.unstamp(stamp) if e.digest in known]
        keys = [key for _, head in self._manifests.headers(wanted) for key in head.keys]
        whole = b"".join(keys)
        return whole if len(whole) <= MAX_KEYS else b""

    def _good(self, head: Header, keys: bytes) -> bool:
        return any(
            openpgp.verified(self._gpgv, head.signed, signature, keys)
            for signature in head.signatures
            if signature
        )

    def _adopt(self, name: str, head: Header, *, proven: bool) -> None:
        rows = []
        for entry in head.contents.entries:
            if entry.kind == "ghost":
                continue
            path = self._index.place(name, entry.path)
            data = msgspec.msgpack.encode(entry)
            rows.append((self._index.hash_of(path), path, data, int(proven)))
            if proven and entry.sha256:
                self.copies.add(entry.sha256.hex())
        self._connection.executemany("INSERT INTO header_entry VALUES (?, ?, ?, ?)", rows)

    def packed(self, path: SafePath) -> list[Entry]:
        """Return what headers with proof install at *path*."""
        return self._at(path, proven=True)

    def listed(self, path: SafePath) -> list[Entry]:
        """Return what headers without proof install at *path*."""
        return self._at(path, proven=False)

    def _at(self, path: SafePath, *, proven: bool) -> list[Entry]:
        query = "SELECT path, entry FROM header_entry WHERE hash = ? AND proven = ?"
        rows = self._connection.execute(query, (self._index.hash_of(path), int(proven)))
        return [_entries.decode(entry) for found, entry in rows if found == path]

    def clear(self) -> None:
        """Forget everything, inside the caller's transaction: the run is over."""
        self._connection.execute("DELETE FROM header_entry")
        self.copies = set()
