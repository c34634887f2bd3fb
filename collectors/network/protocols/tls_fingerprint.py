"""JA3, JA3S and JA4: what a client or server is recognised by, whatever its address.

JA3 and JA3S: Althouse, Atkinson and Atkins 2017 (github.com/salesforce/ja3), MD5 of the numbers in
the order of the hello. JA4: Althouse 2023 (github.com/FoxIO-LLC/ja4, technical_details/JA4.md),
sorted, so that a client that shuffles its extensions stays one. The other fingerprints of the JA4
family may not be used freely and are not here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple, TypeVar

from collectors.network.protocols.tls_messages import (
    GREASE,
    ClientHello,
    ServerHello,
    numbers,
    words,
)

_NOTHING = "0" * 12
_GREASE_TEXT = frozenset(f"{value:04x}" for value in GREASE)
_VERSIONS = {0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3", 0x0002: "s2"}
_HEX = [f"{value:02x}" for value in range(256)]
_KEPT = 256
"""Lists whose texts are kept: clients are many, but the programs that they are are few. Only the
order of extensions is new with each hello (browsers shuffle it)."""
_LONGEST_KEPT = 512
"""Bytes of a list that is kept."""
_Text = TypeVar("_Text")
KEEPERS: list[Callable[[], None]] = []
"""What forgets each of the kept texts, for measurements."""


def ja3_text(hello: ClientHello) -> str:
    """Return the five lists of JA3."""
    return (
        f"{hello.version},{_ciphers(hello.ciphers).decimals},{_decimals(hello.extensions)},"
        f"{_groups(hello.groups)},{_formats(hello.formats)}"
    )


def ja3s_text(hello: ServerHello) -> str:
    """Return the three parts of JA3S."""
    return f"{hello.legacy},{hello.cipher},{'-'.join(map(str, hello.extensions))}"


def md5(text: str) -> str:
    """Return the hash that JA3 and JA3S are passed around as."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def ja4(hello: ClientHello, transport: str = "t") -> str:
    """Return JA4; *transport* is ``t`` for TCP, ``q`` for QUIC."""
    ciphers = _ciphers(hello.ciphers)
    known = _hexes(words(hello.extensions))
    known.sort()
    number = f"{min(len(known), 99):02d}"
    name = "d" if "0000" in known else "i"
    for part in ("0000", "0010"):  # the server's name and ALPN stand in the first part already
        if part in known:
            at = known.index(part)
            del known[at : at + known.count(part)]
    text = ",".join(known)
    if signatures := _signatures(hello.signatures):
        text = f"{text}_{signatures}"
    return (
        f"{transport}{_version(hello.version, hello.versions)}{name}{ciphers.number}{number}"
        f"{_protocol(hello.protocols)}_{ciphers.short}_{_short(text)}"
    )


class _Ciphers(NamedTuple):
    """A list of ciphers in the forms that fingerprints are made of, without GREASE."""

    decimals: str
    number: str
    """How many, in two digits."""
    short: str
    """Hash of the list when it is sorted."""


def _kept(work: Callable[[bytes], _Text]) -> Callable[[bytes], _Text]:
    """Keep what *work* made of a list that is not too long."""
    keep = lru_cache(_KEPT)(work)
    KEEPERS.append(keep.cache_clear)
    return lambda raw: keep(raw) if len(raw) <= _LONGEST_KEPT else work(raw)


@_kept
def _ciphers(raw: bytes) -> _Ciphers:
    known = sorted(_hexes(raw))
    return _Ciphers(_decimals(numbers(raw)), f"{min(len(known), 99):02d}", _short(",".join(known)))


@_kept
def _groups(raw: bytes) -> str:
    return _decimals(numbers(raw))


@_kept
def _formats(raw: bytes) -> str:
    return "-".join(map(str, raw))


@_kept
def _signatures(raw: bytes) -> str:
    return ",".join(_hexes(raw))


def _decimals(values: tuple[int, ...]) -> str:
    if not GREASE.isdisjoint(values):
        values = tuple([value for value in values if value not in GREASE])
    return ("%d-" * len(values) % values)[:-1]  # quicker than to join them


def _hexes(raw: bytes) -> list[str]:
    if not raw:
        return []
    found = raw.hex(",", 2).split(",")
    if _GREASE_TEXT.isdisjoint(found):
        return found
    return [text for text in found if text not in _GREASE_TEXT]


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12] if text else _NOTHING


def _version(legacy: int, versions: bytes) -> str:
    return (versions and _offered(versions)) or _VERSIONS.get(legacy, "00")


@_kept
def _offered(versions: bytes) -> str:
    """Return the highest of a list, nothing if there is none."""
    offered = [value for value in numbers(versions) if value not in GREASE]
    return _VERSIONS.get(max(offered), "00") if offered else ""


def _protocol(protocols: tuple[bytes, ...]) -> str:
    """Return the first and the last character of the first protocol; of its hex where odd."""
    if not protocols or not protocols[0]:
        return "00"
    name = protocols[0]
    ends = name[:1] + name[-1:]
    if ends.isalnum():  # of bytes: ASCII only
        return ends.decode("ascii")
    return _HEX[ends[0]][0] + _HEX[ends[1]][1]
