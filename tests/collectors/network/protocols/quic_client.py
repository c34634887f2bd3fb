"""A client's first QUIC packets, protected by the `cryptography` library as RFC 9001 5 says."""

from __future__ import annotations

import itertools
import ssl
from collections.abc import Sequence

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from tests.collectors.network.protocols.handshakes import meeting, records

SALTS = {
    1: "38762cf7f55934b34d179ae6a4c80cadccbb7f0a",
    0xFF00001D: "afbfec289993d24c9e9786f19c6111e04390a899",
    0xFF000022: "38762cf7f55934b34d179ae6a4c80cadccbb7f0a",
    0x6B3343CF: "0dede3def700a6db819381be6e269dcbf9bd2ed9",
}
SECOND = 0x6B3343CF
TO = bytes.fromhex("8394c8f03e515708")


def real_hello() -> bytes:
    """Return a ClientHello with its header: of TLS, which for us is all the same."""
    return records(meeting(ssl.TLSVersion.TLSv1_3)[0].data)[0][1]


def label(secret: bytes, name: str, size: int) -> bytes:
    """HKDF-Expand-Label, RFC 8446 7.1."""
    full = b"tls13 " + name.encode()
    info = size.to_bytes(2, "big") + bytes((len(full),)) + full + b"\0"
    return HKDFExpand(hashes.SHA256(), size, info).derive(secret)


def number(value: int) -> bytes:
    """Return a number of variable length, RFC 9000 16."""
    for width, prefix in ((1, 0), (2, 1), (4, 2), (8, 3)):
        if value < 1 << (8 * width - 2):
            return (value | prefix << (8 * width - 2)).to_bytes(width, "big")
    raise ValueError(value)


def crypto(offset: int, data: bytes) -> bytes:
    """Return a CRYPTO frame."""
    return b"\x06" + number(offset) + number(len(data)) + data


def initial(
    frames: bytes,
    *,
    version: int = 1,
    to: bytes = TO,
    keyed_by: bytes | None = None,
    count: int = 2,
    width: int = 4,
    token: bytes = b"",
    size: int = 1162,
) -> bytes:
    """Return an Initial packet with *frames*, padded to *size*."""
    extract = HMAC(bytes.fromhex(SALTS[version]), hashes.SHA256())
    extract.update(to if keyed_by is None else keyed_by)
    client = label(extract.finalize(), "client in", 32)
    name = "quicv2" if version == SECOND else "quic"
    key, nonce = label(client, f"{name} key", 16), label(client, f"{name} iv", 12)
    frames += bytes(max(0, size - len(frames)))
    first = 0xC0 | (0x10 if version == SECOND else 0) | width - 1
    head = bytes((first,)) + version.to_bytes(4, "big")
    head += bytes((len(to),)) + to + b"\0" + number(len(token)) + token
    head += number(width + len(frames) + 16) + count.to_bytes(width, "big")
    mixed = int.from_bytes(nonce, "big") ^ count
    body = AESGCM(key).encrypt(mixed.to_bytes(12, "big"), frames, head)
    sample = body[4 - width : 20 - width]
    hidden = Cipher(algorithms.AES128(label(client, f"{name} hp", 16)), modes.ECB()).encryptor()
    mask = hidden.update(sample)
    protected = bytearray(head)
    protected[0] ^= mask[0] & 0x0F
    for index in range(width):
        protected[len(head) - width + index] ^= mask[1 + index]
    return bytes(protected) + body


def retry(source: bytes, version: int = 1) -> bytes:
    """Return a Retry packet."""
    kind = 0x00 if version == SECOND else 0x30
    return (
        bytes((0xC0 | kind,))
        + version.to_bytes(4, "big")
        + b"\0"
        + bytes((len(source),))
        + (source + b"token" + bytes(16))
    )


def pieces(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    """Return CRYPTO frames of *data* cut at *cuts*."""
    edges = [0, *sorted(cuts), len(data)]
    return [crypto(a, data[a:b]) for a, b in itertools.pairwise(edges)]
