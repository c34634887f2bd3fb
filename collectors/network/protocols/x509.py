"""What is told of a certificate (RFC 5280): names, dates, key, signature. Nothing is verified."""

from __future__ import annotations

import codecs
import hashlib
import re
import socket
from datetime import datetime, timedelta, timezone

import msgspec

from collectors.network.protocols import der
from collectors.network.protocols.der import Element

MOST_NAMES = 64
_MOST_CHARACTERS = 256
_LATEST = 2**63 - 1
_LONGEST = 32 << 10
"""Bytes of a certificate that is read; real ones have 1 to 6 KB."""
_MOST_PAIRS = 8
"""In one part of a name; nearly always there is one."""
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_SECOND = timedelta(seconds=1)

_MOMENT = re.compile(
    r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(?:\.\d+)?"
    r"(?:Z|(?P<sign>[+-])(?P<hours>\d\d)(?P<minutes>\d\d))",
    re.ASCII,
)

_COMMON_NAME = bytes.fromhex("550403")
_ALTERNATIVE_NAMES = bytes.fromhex("551d11")
_DECODERS = {
    0x14: codecs.latin_1_decode,
    0x1E: codecs.utf_16_be_decode,
    0x1C: codecs.utf_32_be_decode,
}
"""Of text by tag; all others are UTF-8 or a part of it. Functions, not names: to find a codec by
its name, Python imports a module, which the confined child may not."""
_RSA = "1.2.840.113549.1.1"
_BITS_OF_KEY = {"1.3.101.112": 256, "1.3.101.113": 456, "1.3.101.110": 256, "1.3.101.111": 448}
_BITS_OF_CURVE = {
    "1.2.840.10045.3.1.1": 192,
    "1.2.840.10045.3.1.7": 256,
    "1.3.132.0.33": 224,
    "1.3.132.0.10": 256,
    "1.3.132.0.34": 384,
    "1.3.132.0.35": 521,
    "1.3.36.3.3.2.8.1.1.7": 256,
    "1.3.36.3.3.2.8.1.1.11": 384,
    "1.3.36.3.3.2.8.1.1.13": 512,
    "1.2.156.10197.1.301": 256,
}
SIGNATURES = {
    "1.2.840.113549.1.1.2": "md2WithRSAEncryption",
    "1.2.840.113549.1.1.3": "md4WithRSAEncryption",
    "1.2.840.113549.1.1.4": "md5WithRSAEncryption",
    "1.2.840.113549.1.1.5": "sha1WithRSAEncryption",
    "1.3.14.3.2.29": "sha1WithRSAEncryption",
    "1.2.840.113549.1.1.10": "rsassaPss",
    "1.2.840.113549.1.1.11": "sha256WithRSAEncryption",
    "1.2.840.113549.1.1.12": "sha384WithRSAEncryption",
    "1.2.840.113549.1.1.13": "sha512WithRSAEncryption",
    "1.2.840.113549.1.1.14": "sha224WithRSAEncryption",
    "1.2.840.10040.4.3": "dsaWithSHA1",
    "2.16.840.1.101.3.4.3.2": "dsaWithSHA256",
    "1.2.840.10045.4.1": "ecdsaWithSHA1",
    "1.2.840.10045.4.3.1": "ecdsaWithSHA224",
    "1.2.840.10045.4.3.2": "ecdsaWithSHA256",
    "1.2.840.10045.4.3.3": "ecdsaWithSHA384",
    "1.2.840.10045.4.3.4": "ecdsaWithSHA512",
    "1.3.101.112": "ed25519",
    "1.3.101.113": "ed448",
    "2.16.840.1.101.3.4.3.17": "ml-dsa-44",
    "2.16.840.1.101.3.4.3.18": "ml-dsa-65",
    "2.16.840.1.101.3.4.3.19": "ml-dsa-87",
}
"""Names of RFC 3279, 4055, 5758, 8410 and 9881; others are told by their number."""


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """The fields that `model.Tls` takes over."""

    sha256: str
    subject: str = ""
    issuer: str = ""
    names: tuple[str, ...] = ()
    not_before: int = 0
    """ns since 1970; what does not fit 64 bits is as late (or as early) as fits."""
    not_after: int = 0
    self_signed: bool = False
    """Subject and issuer are the same; the signature is not looked at."""
    key_bits: int = 0
    signature: str = ""


def certificate(data: bytes) -> Certificate:
    """Read a certificate, DER. What cannot be read stays empty; the hash is always there."""
    digest = hashlib.sha256(data).hexdigest()
    if len(data) > _LONGEST:
        return Certificate(sha256=digest)
    outer = der.element(data, 0, len(data))
    inner = der.element(data, outer.begin, outer.end) if outer else None
    if inner is None or inner.tag != der.SEQUENCE:
        return Certificate(sha256=digest)
    fields = list(der.children(data, inner))
    if fields and fields[0].tag == 0xA0:  # the version; not there in version 1
        del fields[0]
    if len(fields) < 6:
        return Certificate(sha256=digest)
    _, algorithm, issuer, validity, subject, key, *more = fields
    dates = [_time(data, one) for one in der.children(data, validity)][:2]
    begin, end = dates if len(dates) == 2 else (0, 0)
    return Certificate(
        sha256=digest,
        subject=_common_name(data, subject),
        issuer=_common_name(data, issuer),
        names=next((_names(data, one) for one in more if one.tag == 0xA3), ()),
        not_before=begin,
        not_after=end,
        self_signed=data[subject.start : subject.end] == data[issuer.start : issuer.end],
        key_bits=_key_bits(data, key),
        signature=_signature(data, algorithm),
    )


def _signature(data: bytes, algorithm: Element) -> str:
    number = next(der.children(data, algorithm), None)
    if number is None or number.tag != der.OID:
        return ""
    text = der.oid(data[number.begin : number.end])
    return SIGNATURES.get(text, text)


def _common_name(data: bytes, name: Element) -> str:
    """Return the last common name: the most specific one stands last."""
    found = ""
    for group in der.children(data, name):
        for pair in der.children(data, group, _MOST_PAIRS):
            both = list(der.children(data, pair, 3))
            if len(both) == 2 and data[both[0].begin : both[0].end] == _COMMON_NAME:
                found = _text(data, both[1])
    return found


def _text(data: bytes, one: Element) -> str:
    raw = data[one.begin : min(one.end, one.begin + 4 * _MOST_CHARACTERS)]
    decode = _DECODERS.get(one.tag, codecs.utf_8_decode)
    return decode(raw, "replace")[0][:_MOST_CHARACTERS]


def _names(data: bytes, wrapped: Element) -> tuple[str, ...]:
    """Return host names and addresses of the extension; mail addresses are nobody's business."""
    for sequence in der.children(data, wrapped, 1):
        for extension in der.children(data, sequence):
            parts = list(der.children(data, extension, 4))
            if (
                len(parts) >= 2
                and data[parts[0].begin : parts[0].end] == _ALTERNATIVE_NAMES
                and (listed := der.element(data, parts[-1].begin, parts[-1].end))
            ):
                return _general_names(data, listed)
    return ()


def _general_names(data: bytes, listed: Element) -> tuple[str, ...]:
    found: list[str] = []
    for one in der.children(data, listed, 16 * MOST_NAMES):
        if len(found) == MOST_NAMES:
            break
        raw = data[one.begin : one.end]
        if one.tag == 0x82:
            found.append(raw[:_MOST_CHARACTERS].decode("ascii", "backslashreplace"))
        elif one.tag == 0x87 and (text := address(raw)):
            found.append(text)
    return tuple(found)


def address(packed: bytes) -> str:
    """Return a packed address as text, or nothing where its length is wrong."""
    if len(packed) == 4:
        return "{}.{}.{}.{}".format(*packed)
    return socket.inet_ntop(socket.AF_INET6, packed) if len(packed) == 16 else ""


def _time(data: bytes, one: Element) -> int:
    """Return a UTCTime or GeneralizedTime in ns; 0 where it is none."""
    text = data[one.begin : min(one.end, one.begin + 32)].decode("ascii", "replace")
    if one.tag == 0x17:  # two digits of the year: 1950 to 2049, RFC 5280 4.1.2.5.1
        text = ("20" if text[:2] < "50" else "19") + text
    found = _MOMENT.fullmatch(text)
    if found is None:
        return 0
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc)
    except ValueError:
        return 0
    seconds = (moment - _EPOCH) // _SECOND
    if found["sign"]:
        away = int(found["hours"]) * 3600 + int(found["minutes"]) * 60
        seconds -= -away if found["sign"] == "-" else away
    return max(-_LATEST, min(_LATEST, seconds * 1_000_000_000))


def _key_bits(data: bytes, info: Element) -> int:
    """Return the size of a public key: of the modulus, the prime or the curve; 0 if unknown."""
    parts = list(der.children(data, info))
    if len(parts) < 2 or parts[1].tag != der.BITS:
        return 0
    algorithm = list(der.children(data, parts[0]))
    if not algorithm:
        return 0
    name = der.oid(data[algorithm[0].begin : algorithm[0].end])
    if name.startswith(_RSA):
        return _rsa_bits(data, parts[1])
    if name in _BITS_OF_KEY:
        return _BITS_OF_KEY[name]
    if len(algorithm) > 1 and algorithm[1].tag == der.OID:
        return _BITS_OF_CURVE.get(der.oid(data[algorithm[1].begin : algorithm[1].end]), 0)
    if len(algorithm) > 1 and algorithm[1].tag == der.SEQUENCE:  # DSA: p, q, g
        return _integer_bits(data, next(der.children(data, algorithm[1]), None))
    return 0


def _rsa_bits(data: bytes, key: Element) -> int:
    # The first byte of a bit string counts the bits that are unused.
    pair = der.element(data, key.begin + 1, key.end)
    return _integer_bits(data, next(der.children(data, pair), None)) if pair else 0


def _integer_bits(data: bytes, one: Element | None) -> int:
    if one is None or one.tag != der.INTEGER:
        return 0
    return int.from_bytes(data[one.begin : one.end], "big").bit_length()
