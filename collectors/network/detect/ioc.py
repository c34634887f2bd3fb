"""Lists of known bad values (indicators): a sorted table of hashes that is mapped, not read.

`build` makes the table from CSV lines ``value,type,source,severity``; types are ``ip``, ``cidr``,
``domain`` (with everything below it), ``ja3``, ``ja4`` and ``certificate`` (SHA-256). `Indicators`
looks values up in it, from a descriptor that the bounded child was handed.

Layout, little-endian: magic, a JSON head (length first) with counts, sources and the lengths of
prefixes in use; 65,537 positions by the first 16 bits; 64-bit keys in order; 16 bits for each that
name source and severity. A key is the first 8 bytes of BLAKE2b of type and value, keyed by a number
of the table. With two million rows a value that is not listed is taken for one with a probability
of 2e6 / 2^64 = 1.1e-13 per look-up; a finding still names the value, so a person can check it.
Building needs about 200 bytes of memory for each row, looking up only the pages that are touched.
"""

from __future__ import annotations

import csv
import hashlib
import ipaddress
import mmap
import os
import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

_MAGIC = b"RONDAIOC1\n\0\0\0\0\0\0"
_HEAD = struct.Struct("<I")
_STEPS = 1 << 16
_MOST_HEAD = 1 << 20
_MOST_SOURCES = 1 << 14
_SEVERITIES = ("low", "medium", "high", "critical")
_HEX = {"ja3": 32, "certificate": 64}
TYPES = ("ip", "cidr", "domain", "ja3", "ja4", "certificate")


class _Head(msgspec.Struct, frozen=True):
    rows: int
    salt: str
    sources: list[str]
    prefixes: list[tuple[int, int]]
    """(4 or 6, bits) of networks, longest first."""


class Indicator(NamedTuple):
    """What the list says of a value."""

    kind: str
    source: str
    severity: str


class Mistake(NamedTuple):
    """A line that was refused."""

    line: int
    """From 1, over all lines."""
    reason: str


class Built(NamedTuple):
    """How a build went."""

    rows: int
    refused: int
    mistakes: tuple[Mistake, ...]
    """At most 20."""


def _key(salt: bytes, kind: str, value: bytes) -> int:
    digest = hashlib.blake2b(kind.encode() + b"\0" + value, digest_size=8, key=salt).digest()
    return int.from_bytes(digest, "big")


def _packed(text: str, kind: str) -> tuple[str, bytes]:
    """Return the kind of key and its bytes.

    Raises:
        ValueError: *text* is no value of *kind*.
    """
    text = text.strip()
    kind = kind or _guess(text)
    if kind == "ip":
        return "ip", _address(text)
    if kind == "cidr":
        net = _network(text)
        return f"net{net.version}/{net.prefixlen}", net.network_address.packed
    if kind == "domain":
        name = text.lower().rstrip(".").removeprefix("*.")
        if not name or "." not in name or len(name) > 253 or any(c.isspace() for c in name):
            raise ValueError("no domain")
        if not name.isascii():
            name = name.encode("idna").decode("ascii")
        return "domain", name.encode()
    value = text.lower()
    if kind in _HEX and (len(value) != _HEX[kind] or set(value) - set("0123456789abcdef")):
        raise ValueError(f"not {_HEX[kind]} hexadecimal digits")
    if kind == "ja4" and (len(value) != 36 or value.count("_") != 2):
        raise ValueError("no JA4")
    if kind not in TYPES:
        raise ValueError(f"unknown type {kind[:20]!r}; there are {', '.join(TYPES)}")
    return kind, value.encode()


def _guess(text: str) -> str:
    """Return the type of a value that stands alone on its line, as in most lists of addresses."""
    if "/" in text:
        return "cidr"
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return "domain" if text.rpartition(".")[2].strip("0123456789") and "." in text else ""
    return "ip"


def _address(text: str) -> bytes:
    try:
        return ipaddress.ip_address(text).packed
    except ValueError:
        raise ValueError("no address") from None


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError("no network") from None


def _rank(text: str) -> int:
    """Return the number of a severity."""
    name = text.strip().lower() or "medium"
    if name not in _SEVERITIES:
        raise ValueError(f"unknown severity {name[:20]!r}; there are {', '.join(_SEVERITIES)}")
    return _SEVERITIES.index(name)


def is_table(path: str | os.PathLike[str]) -> bool:
    """Tell whether `build` made the file at *path*.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def build(lines: Iterable[str], target: str | os.PathLike[str]) -> Built:
    """Write the table of CSV *lines* to *target*, in one rename. Mistakes are collected.

    A value that is listed twice keeps its first source. Lines that begin with ``#`` and heading
    lines are passed over. A line may hold a value alone; an address, network or domain is known.

    Raises:
        OSError: the file cannot be written.
    """
    salt = os.urandom(16)
    sources: dict[str, int] = {}
    prefixes: set[tuple[int, int]] = set()
    found: dict[int, int] = {}
    mistakes: list[Mistake] = []
    refused = 0
    reader = csv.reader(_bounded(lines))
    for row in reader:
        if not row or row[0].startswith("#") or row[:2] == ["value", "type"]:
            continue
        try:
            value, kind, source, severity = (*row, "", "", "", "")[:4]
            kind, data = _packed(value, kind.strip().lower())
            rank = _rank(severity)
            place = sources.setdefault(source.strip()[:200], len(sources))
            if place >= _MOST_SOURCES:
                raise ValueError("too many sources")
        except ValueError as error:  # UnicodeError of a name is one
            refused += 1
            if len(mistakes) < 20:
                reason = "no domain" if isinstance(error, UnicodeError) else str(error)
                mistakes.append(Mistake(reader.line_num, reason))
            continue
        if kind.startswith("net"):
            version, _, bits = kind[3:].partition("/")
            prefixes.add((int(version), int(bits)))
        found.setdefault(_key(salt, kind, data), place << 2 | rank)
    head = _Head(len(found), salt.hex(), list(sources), sorted(prefixes, key=lambda p: -p[1]))
    _write(os.fspath(target), head, found)
    return Built(len(found), refused, tuple(mistakes))


def _bounded(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines without NUL, cut at 4096: the csv module raises on what is longer."""
    for line in lines:
        yield line[:4096].replace("\0", "")


def _write(target: str, head: _Head, found: dict[int, int]) -> None:
    keys = array("Q", sorted(found))
    marks = array("H", [found[key] for key in keys])
    steps = array("I", [0]) * (_STEPS + 1)
    position = 0
    for step in range(_STEPS + 1):
        position = bisect_left(keys, step << 48, position) if step < _STEPS else len(keys)
        steps[step] = position
    text = msgspec.json.encode(head)
    text += b" " * (-(len(text) + _HEAD.size) % 16)
    temporary = f"{target}.new"
    with open(temporary, "wb") as file:
        file.write(_MAGIC + _HEAD.pack(len(text)) + text)
        file.writelines((steps.tobytes(), bytes(12), keys.tobytes(), marks.tobytes()))
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, target)


class Indicators:
    """A table that `build` made. Close it when done; it keeps no descriptor.

    Nobody may shorten the file meanwhile: looking at pages that are gone ends the process.
    """

    def __init__(self, descriptor: int) -> None:
        """Map the file behind *descriptor*, which stays the caller's.

        Raises:
            ValueError: it is no table, or damaged.
            OSError: it cannot be mapped.
        """
        self._map = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
        try:
            self._open()
        except (ValueError, struct.error, msgspec.MsgspecError) as error:
            self._map.close()
            raise ValueError(f"no table of indicators: {error}") from None

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Indicators:
        """Map the file at *path*.

        Raises:
            ValueError: it is no table.
            OSError: it cannot be opened.
        """
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return cls(descriptor)
        finally:
            os.close(descriptor)

    def _open(self) -> None:
        start = len(_MAGIC) + _HEAD.size
        if self._map[: len(_MAGIC)] != _MAGIC:
            raise ValueError("another kind of file")
        (length,) = _HEAD.unpack(self._map[len(_MAGIC) : start])
        if length > _MOST_HEAD:
            raise ValueError("head too long")
        head = msgspec.json.decode(self._map[start : start + length], type=_Head)
        begin = start + length
        keys = begin + (_STEPS + 4) * 4
        marks = keys + head.rows * 8
        if head.rows < 0 or marks + head.rows * 2 != len(self._map) or keys % 8:
            raise ValueError("length does not fit")
        self._salt = bytes.fromhex(head.salt)
        if not 0 < len(self._salt) <= 64:
            raise ValueError("salt")
        self._head = head
        whole = memoryview(self._map)
        self._views = (
            whole[begin : begin + (_STEPS + 1) * 4].cast("I"),
            whole[keys:marks].cast("Q"),
            whole[marks:].cast("H"),
        )
        whole.release()

    def __len__(self) -> int:
        return self._head.rows

    def close(self) -> None:
        """Unmap the file."""
        for view in self._views:
            view.release()
        self._map.close()

    def address(self, packed: bytes) -> Indicator | None:
        """Return what is listed of an address or of a network around it."""
        found = self._find("ip", packed)
        if found is not None or len(packed) not in (4, 16):
            return found
        version, bits = (4, 32) if len(packed) == 4 else (6, 128)
        number = int.from_bytes(packed, "big")
        for one, length in self._head.prefixes:
            if one == version and length <= bits:
                spare = bits - length
                net = (number >> spare << spare).to_bytes(len(packed), "big")
                found = self._find(f"net{version}/{length}", net)
                if found is not None:
                    return found._replace(kind="cidr")
        return None

    def domain(self, name: str) -> Indicator | None:
        """Return what is listed of a name or of a domain above it."""
        name = name.rstrip(".").lower()
        for _ in range(20):
            if "." not in name:
                return None
            found = self._find("domain", name.encode("utf-8", "surrogateescape"))
            if found is not None:
                return found
            name = name.partition(".")[2]
        return None

    def text(self, kind: str, value: str) -> Indicator | None:
        """Return what is listed of a ``ja3``, ``ja4`` or ``certificate``."""
        return self._find(kind, value.encode("utf-8", "surrogateescape")) if value else None

    def _find(self, kind: str, value: bytes) -> Indicator | None:
        steps, keys, marks = self._views
        key = _key(self._salt, kind, value)
        low, high = steps[key >> 48], min(steps[(key >> 48) + 1], len(keys))
        place = bisect_left(keys, key, min(low, high), high)
        if place >= high or keys[place] != key:
            return None
        mark = marks[place]
        if mark >> 2 >= len(self._head.sources):
            return None
        return Indicator(kind, self._head.sources[mark >> 2], _SEVERITIES[mark & 3])
