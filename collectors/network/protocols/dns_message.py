"""One DNS message as a pure function over bytes.

RFC 1035 (format, names), RFC 6891 (EDNS), RFC 2782 (SRV), RFC 8659 (CAA), RFC 9460 (SVCB, HTTPS),
RFC 6762 (mDNS), RFC 4795 (LLMNR), RFC 1002 (NetBIOS names). An answer that is cut or broken is
left out with what follows it; a question that cannot be read is no message.
"""

from __future__ import annotations

import re
import socket
import struct
from typing import NamedTuple

A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, SRV = 1, 2, 5, 6, 12, 15, 16, 28, 33
DNAME, OPT, SVCB, HTTPS, SPF, ANY, CAA = 39, 41, 64, 65, 99, 255, 257
RESPONSE = 0x8000

MOST_QUESTIONS = 16
MOST_ANSWERS = 32
_MOST_RECORDS = 1024
"""Passed over in looking for EDNS."""
_MOST_CHARACTERS = 255
_LONGEST_NAME = 255
_MOST_STEPS = 160
"""Labels and pointers of one name: the longest has 127 labels."""

_HEADER = struct.Struct(">6H")
_PAIR = struct.Struct(">HH")
_RECORD = struct.Struct(">HHIH")
_PRINTABLE = re.compile(rb"[!#-\-/-\[\]-~]*")
"""All but controls, space, ``.``, ``"`` and the backslash."""
_PLAIN = re.compile(rb"[!#-\[\]-~]*")
"""The same, and dots: of a whole name."""
_ESCAPED = [
    chr(byte) if _PRINTABLE.fullmatch(bytes((byte,))) else f"\\{byte:03d}" for byte in range(256)
]
_NAME_AT = {NS: 0, CNAME: 0, SOA: 0, PTR: 0, MX: 2, SRV: 6, DNAME: 0, SVCB: 2, HTTPS: 2}
"""Where the name stands in the data of a record, by type."""


class Message(NamedTuple):
    """What a message says."""

    id: int
    flags: int
    questions: tuple[tuple[str, int], ...]
    """Names and types; of an answer without question, its first record."""
    answers: tuple[str, ...] = ()
    """One text for each record of the answer section, empty for types that are not told."""
    types: tuple[int, ...] = ()
    ttl: int = 0
    rcode: int = 0
    """With the upper bits of EDNS."""
    payload: int = 0
    """UDP payload size offered by EDNS; 0: none."""
    broken: bool = False
    """It ended before what it promised, or an answer was damaged."""

    @property
    def response(self) -> bool:
        """Whether it answers."""
        return bool(self.flags & RESPONSE)


def parse(message: bytes, *, netbios: bool = False) -> Message | None:
    """Read a message, without the length that goes before it over TCP."""
    if len(message) < 12:
        return None
    number, flags, asked, answered, authorities, others = _HEADER.unpack_from(message)
    questions: list[tuple[str, int]] = []
    at = 12
    for _ in range(min(asked, MOST_QUESTIONS)):
        found = name(message, at)
        if found is None or found[1] + 4 > len(message):
            return None
        text, at = found
        questions.append((_netbios(text) if netbios else text, message[at] << 8 | message[at + 1]))
        at += 4
    rcode = flags & 15
    if not (answered or authorities or others) or asked > MOST_QUESTIONS:
        broken = asked > MOST_QUESTIONS or not questions
        return Message(number, flags, tuple(questions), rcode=rcode, broken=broken)
    section = _Section(message, at)
    if not questions and (first := section.first()):
        text, kind = first
        questions.append((_netbios(text) if netbios else text, kind))
    section.read(answered)
    extended = section.find_edns(authorities + others)
    return Message(
        number,
        flags,
        tuple(questions),
        tuple(section.answers),
        tuple(section.types),
        section.ttl,
        rcode | extended[0] << 4,
        extended[1],
        section.broken,
    )


def name(message: bytes, at: int) -> tuple[str, int] | None:
    """Return the name at *at*, lower case without the last dot, and where reading goes on.

    A pointer may only lead to before where its part of the name began, so no loop can be.
    """
    labels: list[bytes] = []
    after = -1
    lowest = at
    total = 1
    end = len(message)
    for _ in range(_MOST_STEPS):
        if at >= end:
            return None
        size = message[at]
        if not size:
            return _text_of(labels), at + 1 if after < 0 else after
        if size < 0x40:
            stop = at + 1 + size
            total += size + 1
            if stop > end or total > _LONGEST_NAME:
                return None
            labels.append(message[at + 1 : stop])
            at = stop
            continue
        if size < 0xC0 or at + 1 >= end:
            return None
        target = (size & 0x3F) << 8 | message[at + 1]
        if target >= lowest:
            return None
        if after < 0:
            after = at + 2
        at = lowest = target
    return None


def _text_of(labels: list[bytes]) -> str:
    whole = b".".join(labels).lower()
    if _PLAIN.fullmatch(whole) and whole.count(b".") < max(len(labels), 1):
        return whole.decode("ascii")
    return ".".join(map(_label, labels))


def _label(raw: bytes) -> str:
    raw = raw.lower()
    if _PRINTABLE.fullmatch(raw):
        return raw.decode("ascii")
    return "".join([_ESCAPED[byte] for byte in raw])


def _netbios(text: str) -> str:
    """Return what a NetBIOS name stands for, with its last byte in hex: ``workgroup#1b``."""
    first, dot, rest = text.partition(".")
    if len(first) != 32 or first.strip("abcdefghijklmnop"):
        return text
    codes = [ord(one) - 97 for one in first]
    raw = bytes(high << 4 | low for high, low in zip(codes[::2], codes[1::2], strict=True))
    return f"{_label(raw[:15].rstrip(bytes((32, 0))))}#{raw[15]:02x}{dot}{rest}"


class _Section:
    """The records of a message, read from front to back."""

    def __init__(self, message: bytes, at: int) -> None:
        self._message = message
        self._at = at
        self.answers: list[str] = []
        self.types: list[int] = []
        self.ttl = 0
        self.broken = False

    def first(self) -> tuple[str, int] | None:
        """Return name and type of the first record."""
        found = name(self._message, self._at)
        if found is None or not self._fits(found[1]):
            return None
        return found[0], self._message[found[1]] << 8 | self._message[found[1] + 1]

    def read(self, count: int) -> None:
        """Read *count* answers; the first 32 are kept."""
        smallest = -1
        for index in range(min(count, _MOST_RECORDS)):
            owner = self._at
            at = _skip(self._message, owner)
            if at < 0 or not self._fits(at):
                self.broken = True
                break
            kind, _, ttl, size = _RECORD.unpack_from(self._message, at)
            self._at = at + 10 + size
            if index < MOST_ANSWERS:
                self.answers.append(self._data(owner, kind, at + 10, self._at))
                self.types.append(kind)
                ttl = 0 if ttl >> 31 else ttl  # RFC 2181 8
                smallest = ttl if smallest < 0 else min(smallest, ttl)
        self.ttl = max(smallest, 0)

    def find_edns(self, count: int) -> tuple[int, int]:
        """Return the upper bits of the response code and the payload size, 0 and 0 if none."""
        message = self._message
        for _ in range(min(count, _MOST_RECORDS)):
            if self.broken:
                break
            at = _skip(message, self._at)
            if at < 0 or not self._fits(at):
                self.broken = True
                break
            kind, size, _, length = _RECORD.unpack_from(message, at)
            if kind == OPT:
                return message[at + 4], size
            self._at = at + 10 + length
        return 0, 0

    def _fits(self, at: int) -> bool:
        message = self._message
        if at + 10 > len(message):
            return False
        return at + 10 + (message[at + 8] << 8 | message[at + 9]) <= len(message)

    def _data(self, owner: int, kind: int, begin: int, end: int) -> str:
        message = self._message
        if kind == A and end - begin == 4:
            return "{}.{}.{}.{}".format(*message[begin:end])
        if kind == AAAA and end - begin == 16:
            return socket.inet_ntop(socket.AF_INET6, message[begin:end])
        if kind in _NAME_AT:
            found = name(message, begin + _NAME_AT[kind])
            if found is None or found[1] > end:
                self.broken = True
                return ""
            if not found[0] and kind in {SVCB, HTTPS}:  # the owner itself, RFC 9460 2.5
                found = name(message, owner)
            return found[0] if found else ""
        if kind in {TXT, SPF}:
            return _strings(message[begin:end])
        if kind == CAA and end - begin > 2:
            value = begin + 2 + message[begin + 1]
            tag, said = message[begin + 2 : value], message[value:end]
            return f"{message[begin]} {_text(tag)} {_text(said)}"
        return ""


def _skip(message: bytes, at: int) -> int:
    """Return where the name at *at* ends, -1 if it does not."""
    end = len(message)
    while at < end:
        size = message[at]
        if not size:
            return at + 1
        if size >= 0x40:
            return at + 2 if size >= 0xC0 else -1
        at += 1 + size
    return -1


def _strings(raw: bytes) -> str:
    """Return the strings of a TXT record joined, at most 255 characters of them."""
    parts: list[bytes] = []
    at = 0
    while at < len(raw) and at <= _MOST_CHARACTERS:
        parts.append(raw[at + 1 : at + 1 + raw[at]])
        at += 1 + raw[at]
    return _text(b"".join(parts))


def _text(raw: bytes) -> str:
    kept = raw[:_MOST_CHARACTERS]
    return "".join([" " if byte == 32 else "." if byte == 46 else _ESCAPED[byte] for byte in kept])
