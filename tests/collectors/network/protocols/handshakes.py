"""Handshakes that a real client and server have, in memory, and what builds hellos by hand."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import struct
import tempfile
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from collectors.network.model import TCP, UDP, Conn

CONN = Conn(
    key=7,
    proto=TCP,
    client=bytes((10, 0, 0, 1)),
    client_port=40000,
    server=bytes((10, 0, 0, 2)),
    server_port=443,
)
UDP_CONN = Conn(
    key=8,
    proto=UDP,
    client=bytes((10, 0, 0, 1)),
    client_port=40000,
    server=bytes((10, 0, 0, 2)),
    server_port=443,
)

BEGIN = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
END = datetime.datetime(2036, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)


class Signed(NamedTuple):
    """A certificate with its key, both DER and in a file for the server."""

    certificate: x509.Certificate
    der: bytes
    pem: bytes


@cache
def signed(kind: str = "ec", issuer: str = "", name: str = "portal.example.go.id") -> Signed:
    """Make a certificate; *kind* is ``ec``, ``rsa`` or ``ed25519``."""
    key: Any = {
        "ec": lambda: ec.generate_private_key(ec.SECP256R1()),
        "rsa": lambda: rsa.generate_private_key(65537, 2048),
        "ed25519": ed25519.Ed25519PrivateKey.generate,
    }[kind]()
    builder = (
        x509.CertificateBuilder()
        .subject_name(
            x509.Name(
                [
                    x509.NameAttribute(NameOID.COUNTRY_NAME, "ID"),
                    x509.NameAttribute(NameOID.COMMON_NAME, name),
                ]
            )
        )
        .issuer_name(
            x509.Name(
                [
                    x509.NameAttribute(NameOID.COUNTRY_NAME, "ID"),
                    x509.NameAttribute(NameOID.COMMON_NAME, issuer or name),
                ]
            )
        )
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(BEGIN)
        .not_valid_after(END)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName(
                [
                    x509.DNSName(name),
                    x509.RFC822Name("siti@example.go.id"),
                    x509.DNSName("*.example.go.id"),
                    x509.IPAddress(ipaddress.ip_address("10.0.0.2")),
                    x509.IPAddress(ipaddress.ip_address("2001:db8::2")),
                ]
            ),
            critical=False,
        )
    )
    made = builder.sign(key, None if kind == "ed25519" else hashes.SHA256())
    pem = made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return Signed(made, made.public_bytes(serialization.Encoding.DER), pem)


class Turn(NamedTuple):
    """Bytes that one end sent in one go."""

    from_client: bool
    data: bytes


class Ends:
    """A client and a server with their settings, who may meet more than once."""

    def __init__(
        self,
        version: ssl.TLSVersion,
        *,
        shown: Signed | None = None,
        server_alpn: Sequence[str] = ("h2",),
        verify: bool = False,
    ) -> None:
        shown = shown or signed()
        self.client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.client.check_hostname = False
        self.client.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        for context in (self.client, self.server):
            context.minimum_version = context.maximum_version = version
        self.client.set_alpn_protocols(["h2", "http/1.1"])
        self.server.set_alpn_protocols(list(server_alpn))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "pair.pem")
            path.write_bytes(shown.pem)
            self.server.load_cert_chain(path)

    def meet(
        self, session: ssl.SSLSession | None = None, name: str | None = "portal.example.go.id"
    ) -> tuple[list[Turn], ssl.SSLObject]:
        """Return all that was sent, a request and its answer included, and the client's end."""
        to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = self.client.wrap_bio(to_client, to_server, server_hostname=name, session=session)
        server = self.server.wrap_bio(
            to_server_in := ssl.MemoryBIO(), to_client_out := ssl.MemoryBIO(), server_side=True
        )
        turns: list[Turn] = []
        steps: list[Callable[[], object]] = [client.do_handshake, server.do_handshake] * 4
        steps += [lambda: client.write(b"GET /"), lambda: server.read(5)]
        steps += [lambda: server.write(b"200"), lambda: client.read(3)]
        for step in steps:
            try:
                step()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                self._move(turns, to_server, to_server_in, True)
                self._move(turns, to_client_out, to_client, False)
                break
            self._move(turns, to_server, to_server_in, True)
            self._move(turns, to_client_out, to_client, False)
        return turns, client

    @staticmethod
    def _move(turns: list[Turn], source: ssl.MemoryBIO, target: ssl.MemoryBIO, way: bool) -> None:
        if data := source.read():
            target.write(data)
            turns.append(Turn(way, data))


@cache
def meeting(version: ssl.TLSVersion) -> tuple[Turn, ...]:
    """Return what is sent in one ordinary meeting."""
    return tuple(Ends(version).meet()[0])


def records(data: bytes) -> list[tuple[int, bytes]]:
    """Take whole records apart, by the book."""
    found = []
    while data:
        kind, _, size = struct.unpack(">BHH", data[:5])
        found.append((kind, data[5 : 5 + size]))
        data = data[5 + size :]
    return found


def in_record(content: bytes, kind: int = 22, version: int = 0x0301) -> bytes:
    """Put *content* into one record."""
    return struct.pack(">BHH", kind, version, len(content)) + content


def message(kind: int, body: bytes) -> bytes:
    """Put a handshake header before *body*."""
    return bytes((kind,)) + len(body).to_bytes(3, "big") + body


def words(values: Iterable[int]) -> bytes:
    """Return 16-bit numbers."""
    return b"".join(struct.pack(">H", value) for value in values)


def sized(data: bytes, width: int = 2) -> bytes:
    """Put its length before *data*."""
    return len(data).to_bytes(width, "big") + data


def hello(
    version: int = 0x0303,
    ciphers: Iterable[int] = (),
    extensions: Iterable[tuple[int, bytes]] | None = (),
) -> bytes:
    """Return the body of a ClientHello."""
    body = struct.pack(">H", version) + bytes(32) + sized(b"", 1)
    body += sized(words(ciphers)) + sized(b"\0", 1)
    if extensions is not None:
        body += sized(b"".join(words((kind,)) + sized(value) for kind, value in extensions))
    return body
