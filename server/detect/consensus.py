"""Is a package the same on all hosts? A pure core and its tables.

Agents tell one digest over the files of each package: of all that is installed once
(``package.inventory``), and of what they install or upgrade (``package.transaction``). Digests are
compared when package, architecture, version and the list of files are equal. What `verdict` finds
is told once for each host: a note that becomes the event ``package.differs``, on which rules alert.

Bounds: a build of one's own under the distribution's version differs honestly; whoever alters most
hosts before they report is the majority. `MAX_ROWS` digests of each agent are kept, the newest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from collectors.kinds import PackageDiffers, Scrubbed
from server.store.events import StoredEvent
from server.store.state import StateStore

QUORUM = 3
"""Hosts that must agree for a clear verdict: two that were altered alike are one break-in, and two
that were not are no sample."""
RATIO = 2
"""How many times the others those who agree must be. A vendor that builds a version anew, or a
local build on a group of servers, splits a fleet about evenly for days: 3 against 2 accuses two
servers of that. At twice as many, most of the fleet would have to be altered for the verdict to be
wrong."""
CLEAR, FEW = "clear", "few"
_LEVELS = {FEW: 1, CLEAR: 2}
MAX_ROWS = 5000
"""Of each agent: about 400 KB."""
MAX_CLAIMS = 500
"""Of one event; an agent lists no more."""
MAX_TOLD = 100
"""Reports on one claim; further ones come with the next claim."""
_MAX_TEXT = 256
_HEX = frozenset("0123456789abcdef")

_AGENT = "SELECT id, host FROM package_agent WHERE agent = ?"
_SET = "SELECT id FROM package_set WHERE package = ? AND version = ? AND listed = ?"
_SUM = "SELECT id FROM package_sum WHERE package_set = ? AND digest = ?"
_HELD = "SELECT id, sum FROM package_held WHERE agent = ? AND package_set = ?"
_COUNT = "SELECT id, digest, hosts FROM package_sum WHERE package_set = ?"
_OTHERS = (
    "SELECT h.id, a.agent, a.host, u.digest FROM package_sum u JOIN package_held h ON h.sum = u.id"
    " JOIN package_agent a ON a.id = h.agent WHERE u.package_set = ? AND u.digest <> ?"
    " AND h.told < ? ORDER BY h.id LIMIT ?"
)
_OLDEST = (
    "SELECT id, sum, package_set FROM package_held WHERE agent = ? ORDER BY id LIMIT max(0, ?)"
)


class Claim(NamedTuple):
    """What one host has of one package."""

    package: str
    version: str
    listed: str
    digest: str
    files: int


class Verdict(NamedTuple):
    """What most hosts have."""

    digest: str
    agree: int
    others: int
    consensus: str
    """`CLEAR`, or `FEW`: two against one, which names the odd one but cannot tell who is right;
    only where there are no other hosts to ask."""


_SHAPES = {
    "package.transaction": ("ronda.package.changes", "new"),
    "package.inventory": ("ronda.package.stated", "version"),
}


def claims(kind: str, event: Mapping[str, Any]) -> Iterator[Claim]:
    """Yield what *event* says of packages; nothing for nearly all events. Pure."""
    shape = _SHAPES.get(kind)
    if shape is None:
        return
    changes = event.get(shape[0])
    for each in changes[:MAX_CLAIMS] if isinstance(changes, list) else ():
        if not isinstance(each, Mapping):
            continue
        files = each.get("files")
        texts = [each.get(name) for name in ("name", shape[1], "listed", "digest")]
        whole = all(isinstance(text, str) and 0 < len(text) <= _MAX_TEXT for text in texts)
        if not whole or not isinstance(files, int):
            continue
        package, version, listed, digest = map(str, texts)
        if _HEX.issuperset(listed + digest):
            yield Claim(package, version, listed, digest, min(max(files, 0), 1 << 31))


def verdict(counts: Mapping[str, int], fleet: int) -> Verdict | None:
    """Return what most hosts agree on; None where nothing is to be said. Pure.

    *counts*: hosts by digest. *fleet*: hosts that tell of packages at all; where there are more
    than `QUORUM`, two against one is only the beginning of a count.
    """
    if len(counts) < 2:
        return None
    digest, agree = max(counts.items(), key=lambda each: each[1])
    others = sum(counts.values()) - agree
    if agree < 2 or agree < RATIO * others:
        return None
    if agree >= QUORUM:
        return Verdict(digest, agree, others, CLEAR)
    return Verdict(digest, agree, others, FEW) if fleet <= QUORUM else None


class Consensus:
    """Keeps what agents told; `store` in the transaction of the alerts."""

    def __init__(self, state: StateStore) -> None:
        self._state = state

    def store(self, events: Iterable[StoredEvent], now: int) -> None:
        """Take in what *events* say, and leave a note on each host that differs.

        *now* is ns since 1970.
        """
        for event in events:
            if event.kind not in _SHAPES:
                continue
            agent = self._agent(event.agent, event.host)
            for claim in claims(event.kind, event.fields):
                place = self._keep(agent, claim)
                for record in self._differing(place, claim):
                    note = msgspec.json.encode(record).decode()
                    self._state.execute("INSERT INTO note (at, record) VALUES (?, ?)", (now, note))
            self._prune(agent)

    def _agent(self, agent: str, host: str) -> int:
        rows = self._state.query(_AGENT, (agent,))
        if not rows:
            sql = "INSERT INTO package_agent (agent, host, holds) VALUES (?, ?, 0)"
            return int(self._state.execute(sql, (agent, host)).lastrowid or 0)
        number = int(rows[0]["id"])
        if rows[0]["host"] != host:
            self._state.execute("UPDATE package_agent SET host = ? WHERE id = ?", (host, number))
        return number

    def _keep(self, agent: int, claim: Claim) -> int:
        """Write the claim down and return whose it is; one that says the same stays told."""
        key = (claim.package, claim.version, claim.listed)
        insert = "INSERT INTO package_set (package, version, listed, files) VALUES (?, ?, ?, ?)"
        place = self._number(_SET, key, insert, (*key, claim.files))
        insert = "INSERT INTO package_sum (package_set, digest, hosts) VALUES (?, ?, 0)"
        pair = (place, claim.digest)
        total = self._number(_SUM, pair, insert, pair)
        rows = self._state.query(_HELD, (agent, place))
        if rows and rows[0]["sum"] == total:
            return place
        if rows:
            self._leave(int(rows[0]["sum"]), place)
            sql = "UPDATE package_held SET sum = ?, told = 0 WHERE id = ?"
            self._state.execute(sql, (total, rows[0]["id"]))
        else:
            sql = "INSERT INTO package_held (agent, package_set, sum, told) VALUES (?, ?, ?, 0)"
            self._state.execute(sql, (agent, place, total))
            self._state.execute("UPDATE package_agent SET holds = holds + 1 WHERE id = ?", (agent,))
        self._state.execute("UPDATE package_sum SET hosts = hosts + 1 WHERE id = ?", (total,))
        return place

    def _number(
        self, select: str, key: tuple[object, ...], insert: str, values: tuple[object, ...]
    ) -> int:
        """Return the id of a row, made where it is missing."""
        rows = self._state.query(select, key)
        return (
            int(rows[0]["id"]) if rows else int(self._state.execute(insert, values).lastrowid or 0)
        )

    def _leave(self, total: int, place: int) -> None:
        """Count one host less; what nobody has any more is forgotten."""
        self._state.execute("UPDATE package_sum SET hosts = hosts - 1 WHERE id = ?", (total,))
        self._state.execute("DELETE FROM package_sum WHERE id = ? AND hosts <= 0", (total,))
        self._state.execute(
            "DELETE FROM package_set WHERE id = ?"
            " AND NOT EXISTS (SELECT 1 FROM package_sum WHERE package_set = package_set.id)",
            (place,),
        )

    def _prune(self, agent: int) -> None:
        rows = self._state.query("SELECT holds FROM package_agent WHERE id = ?", (agent,))
        over = int(rows[0]["holds"]) - MAX_ROWS
        if over <= 0:
            return
        for row in self._state.query(_OLDEST, (agent, over)):
            self._state.execute("DELETE FROM package_held WHERE id = ?", (row["id"],))
            self._leave(int(row["sum"]), int(row["package_set"]))
        sql = "UPDATE package_agent SET holds = ? WHERE id = ?"
        self._state.execute(sql, (MAX_ROWS, agent))

    def _differing(self, place: int, claim: Claim) -> list[PackageDiffers]:
        """Return what is to be told of hosts with the version of *claim*, and mark it as told."""
        rows = self._state.query(_COUNT, (place,))
        if len(rows) < 2:
            return []
        (fleet,) = self._state.query("SELECT count(*) AS agents FROM package_agent")
        counts = {str(row["digest"]): int(row["hosts"]) for row in rows}
        found = verdict(counts, int(fleet["agents"]))
        if found is None:
            return []
        level = _LEVELS[found.consensus]
        others = self._state.query(_OTHERS, (place, found.digest, level, MAX_TOLD))
        for row in others:
            sql = "UPDATE package_held SET told = ? WHERE id = ?"
            self._state.execute(sql, (level, row["id"]))
        return [
            PackageDiffers(
                agent=str(row["agent"]),
                host=Scrubbed(str(row["host"])),
                package=Scrubbed(claim.package),
                version=Scrubbed(claim.version),
                digest=str(row["digest"]),
                expected=found.digest,
                files=claim.files,
                agree=found.agree,
                others=found.others,
                consensus=found.consensus,
            )
            for row in others
        ]
