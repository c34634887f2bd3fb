# SPDX-License-Identifier: GPL-2.0-or-later
"""The child that dissects with scapy. This file alone is under the licence named above: scapy is
GPL-2.0-only. It speaks msgpack over a socket; `collectors.network.dissect.forms` has the messages.

scapy is slow (about a thousand packets a second) and not made for hostile bytes: it runs bounded,
sees only what `sort` picks, and an error of its own costs one packet. Only named fields are told: a
response to a challenge, a ticket or a password is in none of them.
"""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from collectors.network.dissect.forms import HEADERS, NOTHING, Ask, Dissected, Explained, Frame
from collectors.network.dissect.sort import ETHERNET, NULL, RAW, RAW_BSD, SLL, SLL2, sort
from collectors.redact import excerpt

_LONGEST = 200
_MOST_FACTS = 24
_SECOND = 10**9
_FIELDS: dict[str, tuple[str, ...]] = {
    "ARP": ("op", "hwsrc", "psrc", "hwdst", "pdst"),
    "BOOTP": ("ciaddr", "yiaddr", "siaddr", "giaddr"),
    "ICMP": ("type", "code", "id", "seq", "gw"),
    "ICMPv6 Neighbor Discovery - Neighbor Advertisement": ("tgt",),
    "ICMPv6 Neighbor Discovery - Neighbor Solicitation": ("tgt",),
    "SMB2 Header": ("Command", "Status", "Flags", "MID", "TID"),
    "SMB2 TREE_CONNECT Request": ("Path",),
    "SMB2 CREATE Request": ("Name", "DesiredAccess", "CreateDisposition"),
    "SMB2 Negotiate Protocol Request": ("Dialects",),
    "SMB2 Negotiate Protocol Response": ("DialectRevision", "SecurityMode"),
    "SMB 1 Protocol Request Header": ("Command", "Status"),
    "NTLM Authenticate": ("DomainName", "UserName", "Workstation"),
    "NTLM Negotiate": ("DomainName", "WorkstationName"),
    "KRB_ERROR": ("errorCode", "realm"),
}
_DHCP = frozenset(
    {
        *("message-type", "hostname", "requested_addr", "server_id", "router", "name_server"),
        *("vendor_class_id", "client_FQDN", "lease_time", "subnet_mask", "domain"),
    }
)
_NAMES = ("realm", "nameString", "etype", "errorCode", "crealm")
"""Of Kerberos messages: who asks for what, and what was wrong."""


def start(_init: bytes) -> Callable[[bytes, list[int]], bytes]:
    """Import scapy, as little of it as is needed, and return the handler."""
    logging.getLogger("scapy").setLevel(logging.CRITICAL)
    program = Program()
    decode = msgspec.msgpack.Decoder(Ask).decode

    def handle(request: bytes, descriptors: list[int]) -> bytes:
        ask = decode(request)
        if descriptors:
            program.open(descriptors[0], ask.skip)
        return msgspec.msgpack.encode(program.read(ask))

    return handle


class Program:
    """Reads one capture file at a time."""

    def __init__(self) -> None:
        # Not scapy.all: it takes twice the time and memory, and opens what a child may not.
        from scapy.config import conf
        from scapy.layers import (  # noqa: F401 - registers what is bound to ports
            dhcp,
            inet,
            inet6,
            kerberos,
            l2,
            smb,
            smb2,
        )
        from scapy.packet import Raw
        from scapy.utils import RawPcapReader

        conf.debug_dissector = False
        self._reader_of: Any = RawPcapReader
        self._raw = Raw
        self._first = {
            ETHERNET: l2.Ether,
            SLL: l2.CookedLinux,
            SLL2: l2.CookedLinuxV2,
            RAW: _either(inet.IP, inet6.IPv6),
            RAW_BSD: _either(inet.IP, inet6.IPv6),
            NULL: l2.Loopback,
        }
        self._packets: Iterator[tuple[bytes, Any]] = iter(())
        self._read = 0
        self._link = ETHERNET
        self._damage = ""
        self._done = True

    def open(self, descriptor: int, skip: int) -> None:
        """Begin with the capture file behind *descriptor*, *skip* packets in."""
        self._read, self._damage, self._done = 0, "", False
        try:
            reader = self._reader_of(os.fdopen(descriptor, "rb"))
            self._link = int(getattr(reader, "linktype", ETHERNET) or 0)
            self._packets = iter(reader)
        except Exception as error:  # noqa: BLE001 - foreign code over foreign bytes
            self._packets, self._done = iter(()), True
            self._damage = f"no capture file ({type(error).__name__})"
            return
        for _ in itertools.islice(self._rest(), skip):
            pass

    def _rest(self) -> Iterator[tuple[bytes, Any]]:
        """Yield packets; what ends the file early is noted."""
        while True:
            try:
                packet = next(self._packets, None)
            except Exception as error:  # noqa: BLE001 - as above
                self._damage = f"damaged after {self._read} packets ({type(error).__name__})"
                packet = None
            if packet is None:
                self._done = True
                return
            self._read += 1
            yield packet

    def read(self, ask: Ask) -> Dissected:
        """Read on and explain what was asked for."""
        explained: list[Explained] = []
        frames: list[Frame] = []
        for data, meta in itertools.islice(self._rest(), max(1, ask.packets)):
            link = int(getattr(meta, "linktype", None) or self._link)
            found = sort(link, data)
            if found.category in ask.categories and found.category:
                at, length = _time(meta), int(getattr(meta, "wirelen", None) or len(data))
                explained.append(self._explain(data, link, found.category, at, length))
                if ask.frames != NOTHING and link == self._link:
                    cut = data[: found.headers] if ask.frames == HEADERS else data
                    frames.append(Frame(at=at, length=length, data=cut))
            if len(explained) >= ask.most:
                break
        return Dissected(
            explained=tuple(explained),
            frames=tuple(frames),
            link=self._link,
            read=self._read,
            done=self._done,
            damage=self._damage,
        )

    def _explain(self, data: bytes, link: int, category: str, at: int, length: int) -> Explained:
        first = self._first.get(link)
        try:
            packet = first(data) if first is not None else self._raw(data)
            layers = " / ".join(_names(packet))
            text = str(packet.summary())
            facts = list(itertools.islice(_facts(packet), _MOST_FACTS))
        except Exception as error:  # noqa: BLE001 - as above
            layers, text, facts = "", f"cannot be dissected ({type(error).__name__})", []
        return Explained(
            number=self._read,
            at=at,
            category=category,
            length=length,
            layers=excerpt(layers, _LONGEST),
            text=excerpt(text, _LONGEST),
            facts=tuple(excerpt(fact, _LONGEST) for fact in facts),
        )


def _either(four: Any, six: Any) -> Callable[[bytes], Any]:
    return lambda data: six(data) if data[:1] and data[0] >> 4 == 6 else four(data)


def _time(meta: Any) -> int:
    """Return ns since 1970, of a packet of either format."""
    if getattr(meta, "tshigh", None) is not None:
        resolution = int(getattr(meta, "tsresol", 0) or 1_000_000)
        return ((int(meta.tshigh) << 32) + int(meta.tslow)) * _SECOND // max(1, resolution)
    return int(getattr(meta, "sec", 0)) * _SECOND + int(getattr(meta, "usec", 0)) * 1000


def _names(packet: Any) -> Iterator[str]:
    for layer in itertools.islice(_layers(packet), 16):
        yield str(layer.name)


def _layers(packet: Any) -> Iterator[Any]:
    layer = packet
    while layer is not None and type(layer).__name__ != "NoPayload":
        yield layer
        layer = layer.payload


def _facts(packet: Any) -> Iterator[str]:
    """Yield ``name value`` for the fields that may be told."""
    for layer in itertools.islice(_layers(packet), 16):
        name = str(layer.name)
        for field in _FIELDS.get(name, ()):
            if field in layer.fields or field in layer.default_fields:
                yield f"{field} {_shown(layer, field)}"
        if name == "DHCP options":
            yield from _dhcp(layer)
        if type(layer).__name__.startswith(("Kerberos", "KRB")) or name == "Kerberos":
            yield from _kerberos(layer)
        if name == "Raw":
            yield f"{len(bytes(layer.load))} bytes that are not understood"


def _shown(layer: Any, field: str) -> str:
    described = layer.get_field(field)
    value = layer.getfieldval(field)
    if isinstance(value, bytes):
        return _text(value)
    return str(described.i2repr(layer, value)).strip("'\"")


def _text(value: bytes) -> str:
    """Return bytes as text: UTF-16 as SMB has it, or UTF-8."""
    if len(value) >= 2 and value[1::2].count(0) * 2 > len(value[1::2]):
        return value.decode("utf-16-le", "replace")
    return value.decode("utf-8", "surrogateescape")


def _dhcp(layer: Any) -> Iterator[str]:
    for option in layer.options or ():
        if isinstance(option, tuple) and len(option) > 1 and option[0] in _DHCP:
            values = (_text(one) if isinstance(one, bytes) else str(one) for one in option[1:])
            yield f"{option[0]} {' '.join(values)}"


def _kerberos(layer: Any) -> Iterator[str]:
    """Walk the ASN.1 tree for names, types of encryption and errors."""
    waiting, seen = [layer], 0
    while waiting and seen < 300:
        one = waiting.pop()
        seen += 1
        if isinstance(one, (list, tuple)):
            waiting += one[:20]
            continue
        fields = getattr(one, "fields", None)
        if not isinstance(fields, dict):
            continue
        for name, value in fields.items():
            plain = getattr(value, "val", value)
            if name in _NAMES:
                yield f"{type(one).__name__} {name} {_plain(plain)}"
            elif not isinstance(plain, (bytes, str, int)):
                waiting.append(plain)


def _plain(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return " ".join(_plain(getattr(one, "val", one)) for one in value[:8])
    return _text(value) if isinstance(value, bytes) else str(value)
