"""Listening sockets that bound how many connections strangers may hold."""

from __future__ import annotations

import ipaddress
import socket
from collections import Counter
from typing import Any

from server.config import Listen

BACKLOG = 1024
MAX_CONNECTIONS = 4096
"""At once on one port; further ones are closed before a byte is exchanged."""
MAX_PER_ADDRESS = 1024
"""Of them from one address, behind which a whole agency may stand, or one IPv6 network."""


class Accepted(socket.socket):
    """A connection that gives its place back when it is closed."""

    place: tuple[Listening, str] | None = None

    def close(self) -> None:
        """Close it; closing twice does no harm."""
        place, self.place = self.place, None
        if place is not None:
            listening, key = place
            listening.leave(key)
        super().close()


class Listening(socket.socket):
    """asyncio counts connections only after the handshake, so they are counted here."""

    def __init__(self, family: int) -> None:
        """Make a TCP socket of *family*."""
        super().__init__(family, socket.SOCK_STREAM)
        self.most = MAX_CONNECTIONS
        self.most_per_address = MAX_PER_ADDRESS
        self._held: Counter[str] = Counter()
        self._total = 0

    def accept(self) -> tuple[socket.socket, Any]:
        """Return the next connection.

        Raises:
            BlockingIOError: there is none, or it was one too many and is closed.
        """
        plain, address = super().accept()
        key = network_of(address[0])
        if self._total >= self.most or self._held[key] >= self.most_per_address:
            plain.close()
            raise BlockingIOError
        accepted = Accepted(fileno=plain.detach())
        accepted.place = self, key
        self._held[key] += 1
        self._total += 1
        return accepted, address

    def leave(self, key: str) -> None:
        """Count one connection from *key* less."""
        self._total -= 1
        self._held[key] -= 1
        if self._held[key] <= 0:
            del self._held[key]


def network_of(address: str) -> str:
    """Return what stands for one sender: an IPv4 address, the /64 of an IPv6 one. Pure."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))


def bind(listen: Listen) -> Listening:
    """Return a socket bound to *listen*.

    Raises:
        OSError: the address cannot be used; ``str()`` says which.
    """
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    found = Listening(family)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        found.bind(listen)
        found.setblocking(False)
    except OSError as error:
        found.close()
        hint = "is another collector running? see ss -ltnp"
        raise OSError(f"{listen.host}:{listen.port}: {error.strerror}; {hint}") from error
    return found
