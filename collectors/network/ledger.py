"""When what was heard is told: at once when it is grave or new, else added up.

Two books. One for each other end: told from medium on, again when the severity rises or a canary
is new, and every ten minutes while it grows. What is low (somebody's own page) goes into the other,
for each service over all ends: told at first, then hourly. Pure; bounded in ends and services.

Of new ends `MOST_AN_HOUR` are told by name; further ones are added up as one with many ends: whom a
proxy asks for is by the client's account, who may make up another address for each request.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import NamedTuple

from collectors.content.piece import Heard
from collectors.kinds import Severity, Tally
from collectors.kinds.network_content import NetworkContent
from collectors.network.gathered import Gathered, Way, kept, way
from collectors.network.model import MINUTE
from collectors.network.weigh import severity

_AGAIN = 10 * MINUTE
_HOURLY = 60 * MINUTE
_FORGET = 60 * MINUTE
"""After so long without a piece what an end got is forgotten: the next is a new one."""
MOST_AN_HOUR = 100
_MOST = 1000
_MOST_VALUES = 100_000
"""Values that are told apart, in both books together: about 8 MB."""


class Told(NamedTuple):
    """A record for the collector."""

    record: NetworkContent
    severity: Severity


class _Entry:
    def __init__(self, gathered: Gathered) -> None:
        self.gathered = gathered
        self.level: Severity | None = None
        self.canaries = 0
        self.pieces = 0
        self.told = 0

    def fresh(self) -> bool:
        return self.gathered.pieces > self.pieces


class Ledger:
    """The two books."""

    def __init__(self) -> None:
        self._ends: dict[Hashable, _Entry] = {}
        self._services: dict[Hashable, _Entry] = {}
        self.registers: Sequence[str] = ()
        """Names of the operator's registers, as the content child counts them."""
        self._values = 0
        self._hour = self._new = 0
        self.evicted = 0
        """Entries that gave way to others, since the start."""

    def add(self, heard: Heard) -> Iterator[Told]:
        """Take what was heard; yield what is to be told now."""
        tallies = kept(heard)
        if not tallies or (heard.login and heard.outcome == "failure"):
            return  # what somebody tries is no password
        going = way(heard)
        entry = self._entry(self._ends, self._end_of(heard, going), heard, going)
        self._add(entry, heard, tallies, going)
        level = severity(entry.gathered.weight())
        if level is None:
            return
        if level >= Severity.MEDIUM:
            canaries = len(entry.gathered.canaries)
            if entry.level is None and not self._room(heard.at):
                yield from self._more(heard, tallies, going)
            elif entry.level is None or level > entry.level or canaries > entry.canaries:
                yield self._tell(entry, level, heard.at)
            return
        entry = self._entry(self._services, self._service_of(heard, going), heard, going)
        self._add(entry, heard, tallies, going)
        if entry.level is None:
            yield self._tell(entry, Severity.LOW, heard.at)

    def _room(self, now: int) -> bool:
        if abs(now - self._hour) >= _HOURLY:
            self._hour, self._new = now, 0
        self._new += 1
        return self._new <= MOST_AN_HOUR

    def _more(self, heard: Heard, tallies: Sequence[Tally], going: Way) -> Iterator[Told]:
        """Add to those that are not told by name."""
        entry = self._entry(self._ends, ("more", going.way), heard, going)
        self._add(entry, heard, tallies, going)
        level = self._level(entry)
        if entry.level is None or level > entry.level:
            yield self._tell(entry, level, heard.at)

    def _add(self, entry: _Entry, heard: Heard, tallies: Sequence[Tally], going: Way) -> None:
        before = entry.gathered.size
        entry.gathered.add(heard, tallies, going)
        self._values += entry.gathered.size - before
        for book in (self._ends, self._services):
            while self._values > _MOST_VALUES and len(book) > 1:
                self._forget(book, next(iter(book)))
                self.evicted += 1

    def _forget(self, book: dict[Hashable, _Entry], key: Hashable) -> None:
        self._values -= book.pop(key).gathered.size

    def tick(self, now: int) -> Iterator[Told]:
        """Yield what has grown and waited long enough; forget what is over. *now* in ns."""
        for entry in list(self._ends.values()):
            if entry.level is not None and entry.fresh() and abs(now - entry.told) >= _AGAIN:
                yield self._tell(entry, max(entry.level, self._level(entry)), now)
        for key, entry in list(self._ends.items()):
            if abs(now - entry.gathered.end) >= _FORGET and not (entry.level and entry.fresh()):
                self._forget(self._ends, key)
        yield from self._hourly(now, _HOURLY)

    def end(self, now: int) -> Iterator[Told]:
        """Yield what was not told yet; the sensor stops."""
        for entry in self._ends.values():
            if entry.level is not None and entry.fresh():
                yield self._tell(entry, max(entry.level, self._level(entry)), now)
        yield from self._hourly(now, 0)

    def _hourly(self, now: int, age: int) -> Iterator[Told]:
        for key, entry in list(self._services.items()):
            if abs(now - entry.told) < age:
                continue
            if entry.fresh():
                yield self._tell(entry, Severity.LOW, now)
            if abs(now - entry.gathered.end) >= _FORGET:
                self._forget(self._services, key)

    def _tell(self, entry: _Entry, level: Severity, now: int) -> Told:
        entry.level, entry.told = level, now
        entry.pieces = entry.gathered.pieces
        entry.canaries = len(entry.gathered.canaries)
        return Told(entry.gathered.record(self.registers), level)

    @staticmethod
    def _level(entry: _Entry) -> Severity:
        return severity(entry.gathered.weight()) or Severity.LOW

    def _entry(
        self, book: dict[Hashable, _Entry], key: Hashable, heard: Heard, going: Way
    ) -> _Entry:
        entry = book.pop(key, None)
        if entry is None:
            if len(book) >= _MOST:  # the one that was quiet longest gives way
                self._forget(book, next(iter(book)))
                self.evicted += 1
            entry = _Entry(Gathered(heard, going))
        book[key] = entry
        return entry

    @staticmethod
    def _end_of(heard: Heard, going: Way) -> Hashable:
        if heard.login:
            service = (heard.server, heard.server_port, heard.protocol)
            return "login", going.public, *service, heard.account
        return going.way, going.peer, heard.host, heard.protocol

    @staticmethod
    def _service_of(heard: Heard, going: Way) -> Hashable:
        where = (heard.server, heard.server_port) if not heard.host else (heard.host, 0)
        return going.way, going.public, *where, heard.protocol, heard.login, heard.account
