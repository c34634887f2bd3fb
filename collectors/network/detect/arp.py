"""An address that two network cards claim, or one card that takes the addresses of others.

After arpwatch and RFC 5227: bindings of (interface, address) to MAC, from ARP and neighbour
advertisements. One change alone is everyday (a lease, a repair, a failover). Told are: an address
that changes several times within the window, for then its owner still answers; a card that takes
over several addresses of others; floods of gratuitous announcements. Virtual MACs of VRRP, CARP,
HSRP and GLBP move on purpose, and so do the addresses of the setting ``quiet``.
MITRE ATT&CK T1557.002.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from collectors.network.detect.lru import Table
from collectors.network.detect.places import Places, written
from collectors.network.detect.settings import ArpSettings
from collectors.network.model import MINUTE, SECOND, Arp, Direction, Finding, Seen

_VIRTUAL = tuple(
    bytes.fromhex(text)
    for text in (
        "00005e0001",  # VRRP and CARP over IPv4, RFC 5798
        "00005e0002",  # VRRP over IPv6
        "00000c07ac",  # HSRP version 1
        "00000c9ff0",  # HSRP version 2
        "000573a0",  # HSRP over IPv6
        "0007b400",  # GLBP
    )
)
_NOBODY = (bytes(6), b"\xff" * 6)


def mac(raw: bytes) -> str:
    """Return a MAC as people write it."""
    return raw.hex(":")


class _Binding:
    __slots__ = ("changes", "mac", "since", "was")

    def __init__(self, owner: bytes, at: int) -> None:
        self.mac = owner
        self.was = b""
        self.since = at
        self.changes: list[int] = []


class _Card:
    __slots__ = ("announced", "begin", "taken")

    def __init__(self, begin: int) -> None:
        self.begin = begin
        self.announced = 0
        self.taken: dict[bytes, int] = {}


class ArpSpoof:
    """Looks for contradictions between claims."""

    takes: ClassVar[tuple[type[msgspec.Struct], ...]] = (Arp,)

    def __init__(self, settings: ArpSettings) -> None:
        self._settings = settings
        self._moving = Places(settings.quiet, private=False) if settings.quiet else None
        self._bindings: Table[tuple[str, bytes], _Binding] = Table(settings.addresses)
        self._cards: Table[tuple[str, bytes], _Card] = Table(settings.addresses)

    def see(self, record: Seen) -> tuple[Finding, ...]:
        """Take a claim."""
        if not isinstance(record, Arp):
            return ()
        owner, address = record.sender_mac, record.sender
        if not any(address) or owner in _NOBODY or owner.startswith(_VIRTUAL):
            return ()
        flood = self._announcement(record) if record.sender == record.target else ()
        key = (record.interface, address)
        binding = self._bindings.get(key)
        if binding is None:
            self._bindings[key] = _Binding(owner, record.at)
            return flood
        if binding.mac == owner or (self._moving is not None and self._moving.inside(address)):
            return flood
        binding.was, binding.mac, binding.since = binding.mac, owner, record.at
        return flood or self._changed(record, binding)

    def tick(self, now: int) -> tuple[Finding, ...]:
        """Do nothing: each claim is judged when it comes."""
        del now
        return ()

    def evicted(self) -> int:
        """Return how many addresses and cards were forgotten for want of room."""
        return self._bindings.evicted + self._cards.evicted

    def _card(self, record: Arp) -> _Card:
        key = (record.interface, record.sender_mac)
        card = self._cards.get(key)
        if card is None:
            card = self._cards[key] = _Card(record.at)
        return card

    def _announcement(self, record: Arp) -> tuple[Finding, ...]:
        card = self._card(record)
        if not 0 <= record.at - card.begin < MINUTE:
            card.begin, card.announced = record.at, 0
        card.announced += 1
        if card.announced < self._settings.gratuitous_per_minute:
            return ()
        count, card.announced = card.announced, 0
        return (
            self._finding(
                "arp.flood", record, card.begin, "medium", {"announcements": float(count)}, ()
            ),
        )

    def _changed(self, record: Arp, binding: _Binding) -> tuple[Finding, ...]:
        limits, at = self._settings, record.at
        span = limits.window * SECOND
        binding.changes = [when for when in binding.changes if abs(at - when) <= span] + [at]
        if len(binding.changes) >= limits.changes:
            begin, changes = binding.changes[0], len(binding.changes)
            binding.changes = []
            numbers = {"changes": float(changes), "seconds": (at - begin) / SECOND}
            texts: tuple[str, ...] = (mac(record.sender_mac), mac(binding.was))
            return (self._finding("arp.conflict", record, begin, "high", numbers, texts),)
        card = self._card(record)
        card.taken = {ip: when for ip, when in card.taken.items() if abs(at - when) <= span}
        card.taken[record.sender] = at
        if len(card.taken) < limits.takeovers or record.operation != 2:
            return ()
        begin, taken = min(card.taken.values()), sorted(card.taken)
        card.taken = {}
        numbers = {"addresses": float(len(taken)), "seconds": (at - begin) / SECOND}
        texts = (mac(record.sender_mac), *map(written, taken[:6]))
        return (self._finding("arp.takeover", record, begin, "high", numbers, texts),)

    @staticmethod
    def _finding(  # noqa: PLR0917
        rule: str,
        record: Arp,
        begin: int,
        severity: str,
        numbers: dict[str, float],
        texts: tuple[str, ...],
    ) -> Finding:
        by_card = rule != "arp.conflict"
        return Finding(
            rule=rule,
            at=record.at,
            begin=begin,
            severity=severity,
            technique="T1557.002",
            source=record.sender,
            direction=Direction.EXTERNAL,
            entity=mac(record.sender_mac) if by_card else written(record.sender),
            count=int(next(iter(numbers.values()))),
            score=1.0,
            numbers=numbers,
            texts=texts or (mac(record.sender_mac),),
        )
