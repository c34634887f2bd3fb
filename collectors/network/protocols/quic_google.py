"""The first message of the QUIC that Google spoke before TLS 1.3 was put into it (Q024 to Q046).

It is not encrypted. Form: "QUIC Crypto" (Langley and Chang 2016): ``CHLO``, the number of tags
(16 bits, little endian), two empty bytes, then for each tag its name and where its value ends.
"""

from __future__ import annotations

import re
import struct

from collectors.network.protocols.tls_messages import ClientHello

_VERSION = re.compile(rb"Q0[0-4]\d")
_BEGIN = b"CHLO"
_MOST_TAGS = 64
_WITHIN = 128
"""Bytes of the datagram in which the message begins, behind the packet's own header."""
_ENTRY = struct.Struct("<4sI")


def looks_like(datagram: bytes) -> bool:
    """Tell whether a client may begin with this."""
    return _BEGIN in datagram[:_WITHIN] and _VERSION.search(datagram[:_WITHIN]) is not None


def hello(datagram: bytes) -> ClientHello | None:
    """Return what a datagram says of the server's name: there is nothing like JA3 in it."""
    if not looks_like(datagram):
        return None
    begin = datagram.index(_BEGIN)
    count = int.from_bytes(datagram[begin + 4 : begin + 6], "little")
    entries = begin + 8
    values = entries + 8 * count
    if not 0 < count <= _MOST_TAGS or values > len(datagram):
        return None
    start = 0
    for index in range(count):
        tag, end = _ENTRY.unpack_from(datagram, entries + 8 * index)
        if end < start or values + end > len(datagram):
            break
        if tag == b"SNI\0":
            name = datagram[values + start : values + end]
            return ClientHello(0, b"", b"", (), server_name=name, old=True)
        start = end
    return None
