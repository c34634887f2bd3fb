"""KeePass databases: every password of somebody, behind one."""

from __future__ import annotations

from signatures.identifiers.base import Finder, Identifier, Spans

MAGIC = b"\x03\xd9\xa2\x9a"
_KINDS = (b"\x67\xfb\x4b\xb5", b"\x65\xfb\x4b\xb5", b"\x66\xfb\x4b\xb5")


def validate(value: str) -> bool:
    """Tell whether there is something behind the head."""
    return len(value) > 8


def find_databases(data: bytes) -> Spans:
    """Yield the head of a database that *data* begins with."""
    if data.startswith(MAGIC) and data[4:8] in _KINDS:
        yield 0, min(len(data), 124)


KEEPASS = Identifier(
    name="keepass",
    shapes=(),
    normalise=str,
    validate=validate,
    keys=("kdbx", "keepass"),
    chance=1e-18,
    weight=50,
    source="KeePass: KDB and KDBX file formats",
)

FINDER = Finder("keepass", KEEPASS, find_databases, 0.99)
