"""What stood in many pieces, added up: what one other end got, however many pages it asked for.

The same content again (a page that is reloaded, a request that is seen before and behind a proxy)
is not counted again. Pure; bounded: `MOST_TOKENS` values of a type are told apart, further ones are
counted only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from collectors.content.piece import Heard
from collectors.kinds import Scrubbed, Tally
from collectors.kinds.network_content import NetworkContent
from collectors.network.weigh import (
    ARRIVING,
    CONFIDENT,
    LEAVING,
    PASSING,
    Weight,
    is_persons,
    is_public,
    reasons,
    wanted,
    way_of,
)

MOST_TOKENS = 1024
_MOST_TYPES = 24
_MOST_PEERS = 64
_TOLD_TOKENS = 64
_SAMPLES = 3


class Way(NamedTuple):
    """Where the bytes of a piece went."""

    way: str
    peer: str
    public: bool
    proxied: bool


def way(heard: Heard) -> Way:
    """Return it. A proxy on this host, or a private one, asks for somebody else."""
    going = way_of(heard.direction, from_client=heard.from_client)
    # The other end of what leaves gets it; of what arrives it sent it.
    receives = going != ARRIVING
    peer = heard.server if heard.from_client == receives else heard.client
    behind = heard.forwarded and not heard.from_client and not is_public(peer)
    if behind and is_public(heard.forwarded):
        return Way(PASSING if going == PASSING else LEAVING, heard.forwarded, True, True)
    return Way(going, peer, is_public(peer), False)


def kept(heard: Heard) -> tuple[Tally, ...]:
    """Return the tallies that are sure enough; none when nothing is worth telling."""
    known = {one.type for one in heard.canaries}
    sure = [one for one in heard.tallies if one.confidence >= CONFIDENT or one.type in known]
    told = {one.type for one in sure}
    for seen in heard.canaries:
        if seen.type not in told:
            told.add(seen.type)
            sure.append(Tally(type=seen.type, count=seen.count, distinct=1))
    for person in heard.people:
        if person.sure and person.type not in told:
            told.add(person.type)
            count, distinct = person.count, person.distinct
            sure.append(Tally(type=person.type, count=count, distinct=distinct, confidence=0.97))
    return tuple(sure) if heard.canaries or wanted(told) else ()


def _short(token: str) -> int:
    try:
        return int(token[:16], 16)
    except ValueError:
        return 0


class _Sum:
    """One type."""

    def __init__(self, first: Tally) -> None:
        self.first = first
        self.count = self.about = self.distinct = self.registered = 0
        self.seen: set[int] = set()
        """The first 64 bits of each token: half the memory, and chance meets once in 10**13."""
        self.tokens: list[str] = []
        """Of these the smallest, whole."""
        self.samples: list[str] = []
        self.exact = True
        self.confidence = 0.0

    def knows(self, tally: Tally) -> bool:
        return bool(tally.tokens) and all(_short(one) in self.seen for one in tally.tokens)

    def add(self, tally: Tally) -> None:
        self.confidence = max(self.confidence, tally.confidence)
        self.registered = max(self.registered, tally.registered or 0)
        self.exact = self.exact and tally.exact
        if self.knows(tally):
            return
        new = [one for one in tally.tokens if _short(one) not in self.seen]
        # Of a large piece only a sample has tokens: how many of these are new tells of the others.
        share = len(new) / len(tally.tokens) if tally.tokens else 1.0
        self.distinct += round(tally.distinct * share)
        self.count += tally.count
        self.about += tally.count if tally.about is None else tally.about
        self.seen.update(map(_short, new[: MOST_TOKENS - len(self.seen)]))
        self.tokens = sorted((*self.tokens, *new))[:_TOLD_TOKENS]
        self.samples += [one for one in tally.samples if one not in self.samples]
        del self.samples[_SAMPLES:]

    def tally(self) -> Tally:
        return Tally(
            type=self.first.type,
            count=self.count,
            distinct=min(self.count, max(self.distinct, 1)),
            exact=self.exact,
            about=None if self.exact or self.about == self.count else self.about,
            confidence=self.confidence,
            column=self.first.column,
            samples=tuple(self.samples),
            tokens=tuple(self.tokens),
            registered=self.registered or None,
        )


class Gathered:
    """The pieces of one other end, or of all others of one service."""

    def __init__(self, first: Heard, going: Way) -> None:
        self.first = first
        self.main = first
        """The piece with most values: what is told of a single one is told of it."""
        self._most = 0
        self.way = going
        self.begin = self.end = first.at
        self.pieces = self.scanned = 0
        self.largest = 0
        self.peers: set[str] = set()
        self.sources: set[str] = set()
        self.servers: set[str] = set()
        self.canaries: dict[str, None] = {}
        self.registered = self.confirmed = 0
        self.registers: set[int] = set()
        self.head_only = self.proxied = False
        self.known = False
        self._sums: dict[str, _Sum] = {}

    def add(self, heard: Heard, tallies: Sequence[Tally], going: Way) -> None:
        """Add a piece and what is `kept` of it."""
        self.begin, self.end = min(self.begin, heard.at), max(self.end, heard.at)
        self.pieces += 1
        self.scanned += heard.scanned
        self.largest = max(self.largest, heard.size)
        for where, one in (
            (self.peers, going.peer),
            (self.sources, heard.client),
            (self.servers, heard.server),
        ):
            if len(where) < _MOST_PEERS:
                where.add(one)
        self.canaries |= dict.fromkeys(one.id for one in heard.canaries[:8])
        for person in heard.people:
            self.confirmed += person.confirmed
            if person.sure or person.confirmed:
                self.registers.add(person.register)
                self.registered = max(self.registered, person.distinct)
        count = sum(one.count for one in tallies)
        if count > self._most:
            self._most = count
            self.main = heard
        self.head_only = self.head_only or not (heard.complete or heard.login)
        self.proxied = self.proxied or going.proxied
        self.known = self.known or heard.outcome == "success"
        for tally in tallies:
            if tally.type not in self._sums and len(self._sums) >= _MOST_TYPES:
                continue
            self._sums.setdefault(tally.type, _Sum(tally)).add(tally)

    @property
    def size(self) -> int:
        """Return how many values are told apart."""
        return sum(len(one.seen) for one in self._sums.values())

    def weight(self) -> Weight:
        """Return what is to be judged."""
        citizens = [one.tally() for type_, one in self._sums.items() if is_persons(type_)]
        seen = max((one.distinct for one in citizens), default=0)
        whole = max(
            (round(one.distinct * (one.about or one.count) / one.count) for one in citizens),
            default=0,
        )
        return Weight(
            way=self.way.way,
            public=self.way.public,
            people=max(seen, whole),
            seen=seen,
            pieces=self.pieces,
            types=frozenset(self._sums),
            canary=bool(self.canaries),
            registered=self.registered > 0,
            login=self.first.login,
            known=self.known,
        )

    def record(self, registers: Sequence[str]) -> NetworkContent:
        """Return what is told; *registers* are the names of the operator's registers."""
        tallies = sorted((one.tally() for one in self._sums.values()), key=lambda one: -one.count)
        weight = self.weight()
        first = self.main
        estimate = sum(one.about or one.count for one in tallies)
        count = sum(one.count for one in tallies)
        return NetworkContent(
            tallies=tuple(tallies),
            types=tuple(one.type for one in tallies),
            count=count,
            begin=self.begin,
            end=self.end,
            what=_what(first),
            way=self.way.way,
            public=self.way.public,
            peer=self.way.peer if len(self.peers) == 1 else None,
            peers=len(self.peers),
            direction=first.direction,
            source=first.client if len(self.sources) == 1 else None,
            destination=first.server if len(self.servers) == 1 else None,
            port=first.server_port,
            protocol=first.protocol,
            method=first.method or None,
            domain=first.host or None,
            path=first.path or None,
            status=first.status or None,
            mime_type=first.type or None,
            format=first.format,
            size=self.largest or None,
            scanned=self.scanned,
            pieces=self.pieces,
            about=estimate if estimate > count else None,
            parts=first.parts,
            reasons=reasons(weight, head_only=self.head_only, proxied=self.proxied),
            canaries=tuple(self.canaries),
            registered=self.registered,
            confirmed=self.confirmed,
            registers=tuple(registers[one] for one in self.registers if one < len(registers)),
            account=first.account or None,
            how=first.how or None,
            database=first.database or None,
            outcome="success" if self.known else None,
        )


def _what(heard: Heard) -> Scrubbed:
    """Return a piece in words, made of parts that are scrubbed already."""
    if heard.method or heard.path:
        words = f"{heard.method} {heard.host}{heard.path}".strip()
        return Scrubbed(f"{words} ({heard.status})" if heard.status else words)
    return Scrubbed(f"{heard.protocol or 'tcp'} port {heard.server_port}")
