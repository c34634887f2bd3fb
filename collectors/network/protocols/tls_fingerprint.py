"""JA3, JA3S and JA4: what a client or server is recognised by, whatever its address.

JA3 and JA3S: Althouse, Atkinson and Atkins 2017 (github.com/salesforce/ja3), MD5 of the numbers in
the order of the hello. JA4: Althouse 2023 (github.com/FoxIO-LLC/ja4, technical_details/JA4.md),
sorted, so that a client that shuffles its extensions stays one. The other fingerprints of the JA4
family may not be used freely and are not here.
"""

from __future__ import annotations

import hashlib

from collectors.network.protocols.tls_messages import GREASE, ClientHello, ServerHello, numbers

_NOTHING = "0" * 12
_GREASE_TEXT = frozenset(f"{value:04x}" for value in GREASE)
_VERSIONS = {0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3", 0x0002: "s2"}
_HEX = [f"{value:02x}" for value in range(256)]
_NOT_COUNTED = frozenset(("0000", "0010"))
"""Server name and ALPN stand in the first part already."""


def ja3_text(hello: ClientHello) -> str:
    """Return the five lists of JA3."""
    ciphers = _decimals(numbers(hello.ciphers))
    extensions = _decimals(hello.extensions)
    groups = _decimals(numbers(hello.groups))
    formats = "-".join(map(str, hello.formats))
    return f"{hello.version},{ciphers},{extensions},{groups},{formats}"


def ja3s_text(hello: ServerHello) -> str:
    """Return the three parts of JA3S."""
    return f"{hello.legacy},{hello.cipher},{'-'.join(map(str, hello.extensions))}"


def md5(text: str) -> str:
    """Return the hash that JA3 and JA3S are passed around as."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def ja4(hello: ClientHello, transport: str = "t") -> str:
    """Return JA4; *transport* is ``t`` for TCP, ``q`` for QUIC."""
    ciphers = _hexes(hello.ciphers)
    kinds = [kind for kind in hello.extensions if kind not in GREASE]
    name = "d" if 0 in kinds else "i"
    known = [text for text in (f"{kind:04x}" for kind in kinds) if text not in _NOT_COUNTED]
    known.sort()
    ciphers.sort()
    text = ",".join(known)
    if signatures := _hexes(hello.signatures):
        text = f"{text}_{','.join(signatures)}"
    count = f"{min(len(ciphers), 99):02d}{min(len(kinds), 99):02d}"
    first = f"{transport}{_version(hello)}{name}{count}{_protocol(hello.protocols)}"
    return f"{first}_{_short(','.join(ciphers))}_{_short(text) if kinds else _NOTHING}"


def _decimals(values: tuple[int, ...]) -> str:
    return "-".join([str(value) for value in values if value not in GREASE])


def _hexes(raw: bytes) -> list[str]:
    if not raw:
        return []
    return [text for text in raw.hex(",", 2).split(",") if text not in _GREASE_TEXT]


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12] if text else _NOTHING


def _version(hello: ClientHello) -> str:
    offered = [value for value in numbers(hello.versions) if value not in GREASE]
    return _VERSIONS.get(max(offered, default=hello.version), "00")


def _protocol(protocols: tuple[bytes, ...]) -> str:
    """Return the first and the last character of the first protocol; of its hex where odd."""
    if not protocols or not protocols[0]:
        return "00"
    name = protocols[0]
    ends = name[:1] + name[-1:]
    if ends.isalnum():  # of bytes: ASCII only
        return ends.decode("ascii")
    return _HEX[ends[0]][0] + _HEX[ends[1]][1]
