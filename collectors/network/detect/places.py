"""Whether an address belongs to the inside, and how addresses are written."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterable

from collectors.network.detect.lru import Table

_NOBODYS_V4 = (
    ("0.0.0.0", 8),  # noqa: S104 - a network, nothing binds
    ("10.0.0.0", 8),
    ("100.64.0.0", 10),
    ("127.0.0.0", 8),
    ("169.254.0.0", 16),
    ("172.16.0.0", 12),
    ("192.168.0.0", 16),
    ("224.0.0.0", 3),
)
"""RFC 6890 and RFC 5771: private, shared, loopback, link-local, multicast, reserved."""
_NOBODYS_V6 = (("::", 127), ("fc00::", 7), ("fe80::", 10), ("ff00::", 8))
_MAPPED = bytes(10) + b"\xff\xff"

Net = tuple[int, int, int]
"""Length of the address in bytes, bits that do not count, the rest as a number."""


def network(text: str) -> Net:
    """Return a network, for example ``103.10.0.0/16``.

    Raises:
        ValueError: it is none.
    """
    net = ipaddress.ip_network(text, strict=False)
    spare = net.max_prefixlen - net.prefixlen
    return len(net.network_address.packed), spare, int(net.network_address) >> spare


@functools.lru_cache(maxsize=4096)
def written(address: bytes) -> str:
    """Return a packed address as people write it; empty when it is none."""
    if len(address) not in (4, 16):
        return ""
    return str(ipaddress.ip_address(address))


class Places:
    """Tells inside from outside. Addresses of documentation networks count as outside."""

    def __init__(self, inside: Iterable[str] = (), *, private: bool = True) -> None:
        own = [f"{address}/{bits}" for address, bits in (*_NOBODYS_V4, *_NOBODYS_V6)]
        nets: dict[int, dict[int, set[int]]] = {4: {}, 16: {}}
        for text in (*(own if private else ()), *inside):
            size, spare, net = network(text)
            nets[size].setdefault(spare, set()).add(net)
        self._nets = {size: list(by_spare.items()) for size, by_spare in nets.items()}
        self._known: Table[bytes, bool] = Table(8192)

    def inside(self, address: bytes) -> bool:
        """Tell whether *address* is private or was declared to be ours."""
        known = self._known.get(address)
        if known is None:
            known = self._known[address] = self._find(address)
        return known

    def _find(self, address: bytes) -> bool:
        if len(address) == 16 and address.startswith(_MAPPED):
            address = address[12:]
        nets = self._nets.get(len(address))
        if nets is None:
            return True
        number = int.from_bytes(address, "big")
        for spare, inside in nets:  # noqa: SIM110 - a generator costs ten times as much here
            if number >> spare in inside:
                return True
        return False
