"""The messages of a TLS handshake that cross in clear, as pure functions over bytes.

RFC 8446 (1.3), RFC 5246 (1.2), RFC 6066 (server name), RFC 7301 (ALPN), RFC 8701 (GREASE), RFC 6101
appendix E (the hello of SSL 2.0 and its form for SSL 3.0 and TLS). What does not fit its own
lengths is no message: None.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

CLIENT_HELLO = 1
SERVER_HELLO = 2
CERTIFICATE = 11
SERVER_HELLO_DONE = 14

TLS13 = 0x0304

GREASE = frozenset(range(0x0A0A, 0x10000, 0x1010))
"""Values that stand for nothing, so that servers stay used to the unknown."""

RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""The random of a ServerHello that is a HelloRetryRequest, RFC 8446 4.1.3."""

_MOST_PROTOCOLS = 32
_LONGEST_HELLO = 16 << 10
"""Bytes; those with post-quantum shares and tickets have 2 to 6 KB. To name one takes time."""
_PAIR = struct.Struct(">HH")

_SNI, _GROUPS, _FORMATS, _SIGNATURES, _ALPN, _PSK, _VERSIONS = 0, 10, 11, 13, 16, 41, 43
_READ = frozenset((_SNI, _GROUPS, _FORMATS, _SIGNATURES, _ALPN, _PSK, _VERSIONS))
"""Extensions whose content is looked at; of the others only the type counts."""


class ClientHello(NamedTuple):
    """What a client offers. Lists of 16-bit numbers stand as the bytes that they came in."""

    version: int
    """``legacy_version``."""
    session: bytes
    ciphers: bytes
    extensions: tuple[int, ...]
    """Types, in their order."""
    groups: bytes = b""
    formats: bytes = b""
    """Point formats, one byte each."""
    signatures: bytes = b""
    versions: bytes = b""
    """Of the extension ``supported_versions``."""
    server_name: bytes = b""
    protocols: tuple[bytes, ...] = ()
    """ALPN, at most 32."""
    old: bool = False
    """In the form of SSL 2.0: there are no extensions."""


class ServerHello(NamedTuple):
    """What a server chose."""

    legacy: int
    version: int
    """Of ``supported_versions`` where that stands, else *legacy*."""
    session: bytes
    cipher: int
    extensions: tuple[int, ...]
    protocol: bytes = b""
    """ALPN."""
    retry: bool = False
    """It is a HelloRetryRequest: another ClientHello follows."""
    resumed: bool = False
    """By a pre-shared key (1.3); resumption by session id shows in *session*."""


def numbers(raw: bytes) -> tuple[int, ...]:
    """Return the 16-bit numbers in *raw*; an odd last byte is left out."""
    return struct.unpack_from(f">{len(raw) >> 1}H", raw)


def words(values: tuple[int, ...]) -> bytes:
    """Return 16-bit numbers as the bytes that they came in."""
    return struct.pack(f">{len(values)}H", *values)


def client_hello(body: bytes) -> ClientHello | None:
    """Read the body of a ClientHello, without the four bytes of the handshake header."""
    end = len(body)
    if not 38 <= end <= _LONGEST_HELLO:
        return None
    at = 35 + body[34]
    session = body[35:at]
    if at + 2 > end:
        return None
    size = body[at] << 8 | body[at + 1]
    ciphers = body[at + 2 : at + 2 + size]
    at += 2 + size
    if len(ciphers) != size or size & 1 or at >= end:
        return None
    at += 1 + body[at]
    if at > end:
        return None
    version = body[0] << 8 | body[1]
    if at == end:
        return ClientHello(version, session, ciphers, ())
    found = _extensions(body, at)
    if found is None:
        return None
    types, values = found
    get = values.get
    return ClientHello(
        version,
        session,
        ciphers,
        types,
        _long(get(_GROUPS)),
        _short(get(_FORMATS)),
        _long(get(_SIGNATURES)),
        _short(get(_VERSIONS)),
        _server_name(get(_SNI)),
        _protocols(get(_ALPN)),
    )


def server_hello(body: bytes) -> ServerHello | None:
    """Read the body of a ServerHello or HelloRetryRequest."""
    end = len(body)
    if end < 38:
        return None
    legacy = body[0] << 8 | body[1]
    draft = legacy >> 8 == 0x7F  # 1.3 before draft 22: neither session id nor compression
    at = 34 if draft else 35 + body[34]
    session = b"" if draft else body[35:at]
    if at + 2 > end:
        return None
    cipher = body[at] << 8 | body[at + 1]
    at += 2 if draft else 3
    if at > end:
        return None
    found = _extensions(body, at) if at < end else ((), {})
    if found is None:
        return None
    types, values = found
    chosen = values.get(_VERSIONS, b"")
    protocol = _protocols(values.get(_ALPN))
    return ServerHello(
        legacy,
        chosen[0] << 8 | chosen[1] if len(chosen) == 2 else legacy,
        session,
        cipher,
        types,
        protocol[0] if protocol else b"",
        body[2:34] == RETRY,
        _PSK in values,
    )


def first_certificate(body: bytes) -> bytes:
    """Return the first certificate of a Certificate message (TLS 1.2 and before), DER, or nothing.

    The message may be cut after it.
    """
    if len(body) < 6:
        return b""
    size = int.from_bytes(body[3:6], "big")
    found = body[6 : 6 + size]
    return found if len(found) == size else b""


def old_client_hello(body: bytes) -> ClientHello | None:
    """Read a CLIENT-HELLO in the form of SSL 2.0, without the two bytes of length before it."""
    if len(body) < 9 or body[0] != 1:
        return None
    version, ciphers, session, challenge = struct.unpack_from(">4H", body, 1)
    if ciphers % 3 or 9 + ciphers + session + challenge != len(body):
        return None
    kept = b"".join(
        body[at + 1 : at + 3] for at in range(9, 9 + ciphers, 3) if not body[at]
    )  # the others are ciphers of SSL 2.0 itself
    return ClientHello(version, body[9 + ciphers : 9 + ciphers + session], kept, (), old=True)


class OldServerHello(NamedTuple):
    """The SERVER-HELLO of SSL 2.0."""

    version: int
    certificate: bytes
    """DER."""
    cipher: int
    """24 bits: the first that the server knows of those that the client offered."""


def old_server_hello(body: bytes) -> OldServerHello | None:
    """Read a SERVER-HELLO of SSL 2.0, without the two bytes of length before it."""
    if len(body) < 11 or body[0] != 4:
        return None
    version, certificate, ciphers, connection = struct.unpack_from(">4H", body, 3)
    begin = 11 + certificate
    if begin + ciphers + connection != len(body):
        return None
    cipher = int.from_bytes(body[begin : begin + min(ciphers, 3)], "big")
    return OldServerHello(version, body[11:begin], cipher)


def _extensions(body: bytes, at: int) -> tuple[tuple[int, ...], dict[int, bytes]] | None:
    end = len(body)
    if at + 2 > end or at + 2 + (body[at] << 8 | body[at + 1]) != end:
        return None
    at += 2
    values: dict[int, bytes] = {}
    types: list[int] = []
    last = end - 4
    pair = _PAIR.unpack_from
    while at <= last:
        kind, size = pair(body, at)
        at += 4 + size
        types.append(kind)
        if size and kind in _READ:
            values[kind] = body[at - size : at]
    return (tuple(types), values) if at == end else None


def _long(value: bytes | None) -> bytes:
    """Return what stands after the length of a list, two bytes, if that is true."""
    if value is None or len(value) < 2 or value[0] << 8 | value[1] != len(value) - 2:
        return b""
    return value[2:]


def _short(value: bytes | None) -> bytes:
    """Return what stands after the length of a list, one byte, if that is true."""
    return value[1:] if value is not None and value[0] == len(value) - 1 else b""


def _server_name(value: bytes | None) -> bytes:
    """Return the first host name of the extension ``server_name``."""
    if value is None or len(value) < 5 or value[2]:
        return b""
    size = value[3] << 8 | value[4]
    return value[5 : 5 + size] if 5 + size <= len(value) else b""


def _protocols(value: bytes | None) -> tuple[bytes, ...]:
    if value is None:
        return ()
    found: list[bytes] = []
    at = 2
    while at < len(value) and len(found) < _MOST_PROTOCOLS:
        size = value[at]
        if at + 1 + size > len(value):
            break
        found.append(value[at + 1 : at + 1 + size])
        at += 1 + size
    return tuple(found)
