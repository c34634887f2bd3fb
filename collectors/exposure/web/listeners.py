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


def reachable_at(
    port: int, address: str, known: list[Listener], taken: frozenset[str] = frozenset()
) -> str | None:
    """Return the local address at which *address* (empty: any) and *port* can be asked.

    Only what listens here is returned, so nothing outside this host is ever asked. *taken* are
    addresses at which another site answers: servers look at them before they look at names.
    """
    at_port = {one.address for one in known if one.port == port}
    if address:
        if not _is_number(address):
            return None  # a name would be looked up, each time perhaps with another answer
        if address in at_port:
            return address
        wanted = "::" if ":" in address else "0.0.0.0"  # noqa: S104 - compared, not bound
        return address if wanted in at_port and _is_local(address) else None
    for any_address, loopback in (("0.0.0.0", "127.0.0.1"), ("::", "::1")):  # noqa: S104
        if loopback in at_port and loopback not in taken:
            return loopback
        if any_address in at_port:
            # All of 127/8 is this host; of IPv6 there is but one.
            others = (loopback, *(f"127.0.0.{last}" for last in range(2, 20)))
            usable = others if ":" not in loopback else others[:1]
            free = next((one for one in usable if one not in taken), None)
            if free is not None:
                return free
    return min((one for one in at_port - taken if not _is_any(one)), default=None)


def _is_any(address: str) -> bool:
    return address in ("0.0.0.0", "::")  # noqa: S104


def _is_number(address: str) -> bool:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return True


def _is_local(address: str) -> bool:
    """Tell whether *address* is one of this host: only then it can be bound."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except (OSError, UnicodeError):
        return False
    return True
