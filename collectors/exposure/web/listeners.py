"""Who listens on TCP ports of this host: /proc/net/tcp and tcp6. No process is asked."""

from __future__ import annotations

import ipaddress
import os
import socket
from typing import NamedTuple

_LISTEN = "0A"
_MAX_BYTES = 8 << 20


class Listener(NamedTuple):
    """A listening socket."""

    address: str
    """``0.0.0.0`` and ``::`` for any."""
    port: int
    uid: int
    inode: int


def parse(text: str) -> list[Listener]:
    """Return the listening sockets of one table. Lines that make no sense are left out. Pure."""
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 10 or fields[3] != _LISTEN:
            continue
        try:
            place, _, port = fields[1].partition(":")
            found.append(Listener(_address(place), int(port, 16), int(fields[7]), int(fields[9])))
        except ValueError:
            continue
    return found


def _address(text: str) -> str:
    raw = bytes.fromhex(text)
    # Words of 32 bits in the order of the machine (we support little-endian ones).
    turned = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
    return str(ipaddress.ip_address(turned))


def listeners(proc: str = "/proc/self/net") -> list[Listener]:
    """Return all of this host (of its network namespace); empty when the tables are hidden."""
    found: list[Listener] = []
    for name in ("tcp", "tcp6"):
        try:
            with open(os.path.join(proc, name), encoding="ascii", errors="replace") as file:
                found += parse(file.read(_MAX_BYTES))
        except OSError:
            continue
    return found


def reachable_at(port: int, address: str, known: list[Listener]) -> str | None:
    """Return the local address at which *address* (empty: any) and *port* can be asked.

    Only what listens here is returned, so nothing outside this host is ever asked. Pure.
    """
    at_port = {one.address for one in known if one.port == port}
    if address:
        if address in at_port:
            return address
        wanted = "::" if ":" in address else "0.0.0.0"  # noqa: S104 - compared, not bound
        return address if wanted in at_port and _is_local(address) else None
    for any_address, loopback in (("0.0.0.0", "127.0.0.1"), ("::", "::1")):  # noqa: S104
        if any_address in at_port or loopback in at_port:
            return loopback
    return min(at_port, default=None)


def _is_local(address: str) -> bool:
    """Tell whether *address* is one of this host: only then it can be bound."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except (OSError, UnicodeError):
        return False
    return True
