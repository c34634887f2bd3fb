"""Is a package the same on all hosts? A pure core and its table.

Agents tell one digest over the files of each package that they install or upgrade
(``package.transaction``). Digests are compared when package, architecture, version and the list of
files are equal. Where `QUORUM` hosts or more agree, and more than half of all, each other host is
reported once: a note that becomes the event ``package.differs``, on which a rule alerts.

Bounds: hosts that installed before they had an agent tell nothing until the next upgrade; a build
of one's own under the distribution's version differs honestly; whoever alters most hosts before
they report is the majority. `MAX_ROWS` digests of each agent are kept, the newest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from collectors.kinds import PackageDiffers, Scrubbed
from server.store.events import StoredEvent
from server.store.state import StateStore

QUORUM = 3
"""Hosts that must agree before another one differs."""
MAX_ROWS = 5000
"""Of each agent: about 2.5 MB."""
MAX_CLAIMS = 500
"""Of one event; an agent lists no more."""
MAX_TOLD = 100
"""Reports on one claim; further ones come with the next claim."""
_MAX_TEXT = 256
_HEX = frozenset("0123456789abcdef")

_OWN = (
    "SELECT digest, told FROM package_digest"
    " WHERE package = ? AND version = ? AND listed = ? AND agent = ?"
)
_SAVE = (
    "INSERT OR REPLACE INTO package_digest (package, version, listed, agent, host, digest, told)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_COUNT = (
    "SELECT digest, count(*) AS hosts FROM package_digest"
    " WHERE package = ? AND version = ? AND listed = ? GROUP BY digest"
)
_OTHERS = (
    "SELECT id, agent, host, digest FROM package_digest WHERE package = ? AND version = ?"
    " AND listed = ? AND digest <> ? AND told = 0 ORDER BY id LIMIT ?"
)
_PRUNE = (
    "DELETE FROM package_digest WHERE agent = ? AND id <= (SELECT id FROM package_digest"
    " WHERE agent = ? ORDER BY id DESC LIMIT 1 OFFSET ?)"
)


class Claim(NamedTuple):
    """What one host has of one package."""

    package: str
    version: str
    listed: str
    digest: str
    files: int


def claims(kind: str, event: Mapping[str, Any]) -> Iterator[Claim]:
    """Yield what *event* says of packages; nothing for nearly all events. Pure."""
    changes = event.get("ronda.package.changes") if kind == "package.transaction" else None
    for each in changes[:MAX_CLAIMS] if isinstance(changes, list) else ():
        if not isinstance(each, Mapping):
            continue
        files = each.get("files")
        texts = [each.get(name) for name in ("name", "new", "listed", "digest")]
        whole = all(isinstance(text, str) and 0 < len(text) <= _MAX_TEXT for text in texts)
        if not whole or not isinstance(files, int):
            continue
        package, version, listed, digest = map(str, texts)
        if _HEX.issuperset(listed + digest):
            yield Claim(package, version, listed, digest, files)


def majority(counts: Mapping[str, int]) -> tuple[str, int] | None:
    """Return the digest that enough hosts agree on, and how many; None without one. Pure."""
    for digest, hosts in counts.items():
        if hosts >= QUORUM and hosts * 2 > sum(counts.values()):
            return digest, hosts
    return None


class Consensus:
    """Keeps what agents told; `store` in the transaction of the alerts."""

    def __init__(self, state: StateStore) -> None:
        self._state = state

    def store(self, events: Iterable[StoredEvent], now: int) -> None:
        """Take in what *events* say, and leave a note on each host that differs.

        *now* is ns since 1970.
        """
        for event in events:
            for claim in claims(event.kind, event.fields):
                self._keep(event.agent, event.host, claim)
                for record in self._differing(claim):
                    note = msgspec.json.encode(record).decode()
                    self._state.execute("INSERT INTO note (at, record) VALUES (?, ?)", (now, note))
            if event.kind == "package.transaction":
                self._state.execute(_PRUNE, (event.agent, event.agent, MAX_ROWS))

    def _keep(self, agent: str, host: str, claim: Claim) -> None:
        """Write the claim down as the newest; one that says the same stays told."""
        key = (claim.package, claim.version, claim.listed)
        rows = self._state.query(_OWN, (*key, agent))
        told = int(rows[0]["told"]) if rows and rows[0]["digest"] == claim.digest else 0
        self._state.execute(_SAVE, (*key, agent, host, claim.digest, told))

    def _differing(self, claim: Claim) -> list[PackageDiffers]:
        """Return what is to be told of hosts with the version of *claim*, and mark it as told."""
        key = (claim.package, claim.version, claim.listed)
        rows = self._state.query(_COUNT, key)
        counts = {str(row["digest"]): int(row["hosts"]) for row in rows}
        agreed = majority(counts)
        if agreed is None or len(counts) == 1:
            return []
        expected, agree = agreed
        others = self._state.query(_OTHERS, (*key, expected, MAX_TOLD))
        for row in others:
            self._state.execute("UPDATE package_digest SET told = 1 WHERE id = ?", (row["id"],))
        return [
            PackageDiffers(
                agent=str(row["agent"]),
                host=Scrubbed(str(row["host"])),
                package=Scrubbed(claim.package),
                version=Scrubbed(claim.version),
                digest=str(row["digest"]),
                expected=expected,
                files=claim.files,
                agree=agree,
                others=sum(counts.values()) - agree,
            )
            for row in others
        ]
