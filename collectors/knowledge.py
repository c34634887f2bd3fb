"""What the collector gives its agents to look for: canaries and registers, as one signed bundle.

Nothing in it is a value: canaries travel as keyed tokens, registers as filters of keyed hashes
(`signatures.edm`). Pure.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator

import msgspec

MAX_MANIFEST = 4 << 20
"""Bytes."""
MAX_REGISTER = 64 << 20
"""Bytes of one register: about six million people with two columns."""
MAX_ALL_REGISTERS = 96 << 20
"""Bytes of all together: they are mapped into the child, whose address space is bounded."""
MAX_REGISTERS = 4
"""Each is a descriptor that rides beside every request to the child."""
MAX_CANARIES = 2000
CONTENT_TYPE = "application/x-ronda-knowledge"


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a canary."""

    type: str
    """Identifier or credential type as in a tally."""
    token: str
    """As `collectors.redact.Redactor.token` makes it: 32 hexadecimal digits."""
    hash: int | None = None
    """Of a number: `signatures.edm.scalar.hash_number`, a quick first look."""


class Canary(msgspec.Struct, frozen=True, kw_only=True):
    """A made-up record that must not be seen anywhere."""

    id: str
    marks: tuple[Mark, ...]
    planted: tuple[str, ...] = ()
    """Tokens (`place_token`) of the places where it may lie."""


class Register(msgspec.Struct, frozen=True, kw_only=True):
    """A filter of protected people."""

    name: str
    sha256: str
    size: int
    """Bytes."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What is signed."""

    version: int
    """Grows; an agent never goes back."""
    made: int
    """ns since 1970."""
    expires: int
    """ns since 1970: an agent that was shown an older copy for so long takes it no more."""
    epoch: int
    """Of the fleet key that tokens and hashes were made with."""
    canaries: tuple[Canary, ...] = ()
    registers: tuple[Register, ...] = ()
    retired: tuple[str, ...] = ()
    """Ids of canaries and names of registers that were taken away on purpose."""


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """A manifest with its proof (msgpack)."""

    manifest: bytes
    """`Manifest` as msgpack."""
    signature: bytes
    """ECDSA P-256 with SHA-256 over `PREFIX` and the manifest."""
    certificate: bytes
    """DER, for code signing, issued by the pinned authority."""


PREFIX = b"ronda knowledge 1\0"


def value_token(key: bytes, type_: str, normalised: str) -> str:
    """Return the token of a value under the fleet key."""
    message = type_.encode() + b"\0" + normalised.encode("utf-8", "surrogateescape")
    return hmac.digest(key, message, hashlib.sha256)[:16].hex()


def place_token(key: bytes, host: str, path: bytes) -> str:
    """Return the token of a place: *path* on *host*, with a slash at its end all below it."""
    message = b"canary place\0" + host.lower().encode("utf-8", "surrogateescape") + b"\0" + path
    return hmac.digest(key, message, hashlib.sha256)[:16].hex()


def places(key: bytes, host: str, path: bytes) -> Iterator[str]:
    """Yield the tokens under which the file *path* may be known: itself, then what is above it."""
    yield place_token(key, host, path)
    while b"/" in path[:-1]:
        path = path.rstrip(b"/").rpartition(b"/")[0] + b"/"
        yield place_token(key, host, path)


def lost(old: Manifest, new: Manifest) -> set[str]:
    """Return what *new* lacks of *old* without saying that it was retired."""
    had = {one.id for one in old.canaries} | {one.name for one in old.registers}
    has = {one.id for one in new.canaries} | {one.name for one in new.registers}
    return had - has - set(new.retired)
