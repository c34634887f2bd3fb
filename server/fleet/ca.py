"""The collector's certificate authority: P-256, one level, four kinds of certificate.

Validity begins long before the moment of issue, because the clocks of agents and of the collector
may be hours apart and a host without a battery starts in the past. The server's certificate is
checked against the agent's clock, the agents' against the collector's only.
"""

from __future__ import annotations

import datetime
import functools
import ipaddress
import os
import ssl
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CLIENT_DAYS = 30
SERVER_DAYS = 5 * 365
CA_DAYS = 20 * 365
EARLIER = datetime.timedelta(days=2 * 365)
"""How far before its issue the authority's and the server's validity begins."""
CLIENT_EARLIER = datetime.timedelta(days=1)
MAX_CSR = 16 << 10
"""Bytes."""
_URN = "urn:uuid:"


class BadRequest(ValueError):  # noqa: N818 - the sender's fault
    """A certificate request cannot be signed; ``str()`` says why."""


class Issued(NamedTuple):
    """A client certificate. Times are ns since 1970."""

    pem: str
    serial: str
    """Lower-case hex."""
    not_before: int
    not_after: int


class Peer(NamedTuple):
    """What a client certificate of ours says."""

    agent: str
    serial: str
    """Lower-case hex."""


class Validity(NamedTuple):
    """What ``ronda server check`` looks at. Times are ns since 1970."""

    not_before: int
    not_after: int
    names: frozenset[str]
    der: bytes


class Authority:
    """Signs with the key in the directory of the authority."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self._key = key
        self._certificate = certificate
        self.pem = certificate.public_bytes(serialization.Encoding.PEM).decode()

    @classmethod
    def create(cls, directory: Path, now: int) -> Authority:
        """Make key and certificate in *directory*.

        Raises:
            FileExistsError: there is one already.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(f"Ronda CA {_short_id()}")
        builder = _builder(name, name, key.public_key(), now, earlier=EARLIER, days=CA_DAYS)
        builder = builder.add_extension(x509.BasicConstraints(True, 0), critical=True)
        usage = _usage(certificate_signing=True)
        certificate = (
            builder.add_extension(usage, critical=True)
            .add_extension(_subject_id(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        write_private(directory / "ca.key", _key_pem(key))
        write_private(directory / "ca.crt", certificate.public_bytes(serialization.Encoding.PEM))
        return cls(key, certificate)

    @classmethod
    def load(cls, directory: Path) -> Authority:
        """Read key and certificate from *directory*.

        Raises:
            OSError: they cannot be read.
            ValueError: they are damaged or do not belong together.
        """
        key = _load_key(directory / "ca.key")
        certificate = x509.load_pem_x509_certificate((directory / "ca.crt").read_bytes())
        if certificate.public_key() != key.public_key():
            raise ValueError(f"{directory}/ca.key and ca.crt do not belong together")
        return cls(key, certificate)

    @property
    def fingerprint(self) -> str:
        """Return the SHA-256 of the certificate (DER), lower-case hex: what agents pin."""
        return self._certificate.fingerprint(hashes.SHA256()).hex()

    def issue_server(self, directory: Path, names: Iterable[str], now: int) -> None:
        """Make ``server.key`` and ``server.crt`` in *directory*, in place of any before."""
        key = ec.generate_private_key(ec.SECP256R1())
        wanted = sorted({*names, "localhost", "127.0.0.1", "::1"})
        certificate = self._issue(
            "ronda collector",
            key.public_key(),
            now,
            purpose=ExtendedKeyUsageOID.SERVER_AUTH,
            names=[_general_name(name) for name in wanted],
        )
        for name, data in (
            ("server.key", _key_pem(key)),
            ("server.crt", certificate.public_bytes(serialization.Encoding.PEM)),
        ):
            fresh = directory / f"{name}.new"
            fresh.unlink(missing_ok=True)
            write_private(fresh, data)
            fresh.rename(directory / name)

    def issue_client(self, csr_pem: str, agent: str, now: int) -> Issued:
        """Sign the public key in a request; everything else in it is ignored.

        Raises:
            BadRequest: it is not a valid request for a P-256 key.
        """
        key = _requested_key(csr_pem)
        certificate = self._issue(
            agent,
            key,
            now,
            purpose=ExtendedKeyUsageOID.CLIENT_AUTH,
            names=[x509.UniformResourceIdentifier(_URN + agent)],
            earlier=CLIENT_EARLIER,
            days=CLIENT_DAYS,
        )
        return Issued(
            certificate.public_bytes(serialization.Encoding.PEM).decode(),
            f"{certificate.serial_number:x}",
            _ns(certificate.not_valid_before_utc),
            _ns(certificate.not_valid_after_utc),
        )

    def signer(self, directory: Path, now: int) -> Signer:
        """Return the signer of bundles, whose key is made in *directory* when there is none.

        Raises:
            OSError: the files cannot be read or written.
            ValueError: they are damaged or not of this authority.
        """
        path = directory / "bundle.key"
        if not path.exists():
            write_private(path, _key_pem(ec.generate_private_key(ec.SECP256R1())))
        key = _load_key(path)
        certificate = self._issue(
            "ronda bundle", key.public_key(), now, purpose=ExtendedKeyUsageOID.CODE_SIGNING
        )
        return Signer(key, certificate.public_bytes(serialization.Encoding.DER))

    def _issue(
        self,
        common_name: str,
        key: ec.EllipticCurvePublicKey,
        now: int,
        *,
        purpose: x509.ObjectIdentifier,
        names: Sequence[x509.GeneralName] = (),
        earlier: datetime.timedelta = EARLIER,
        days: int = SERVER_DAYS,
    ) -> x509.Certificate:
        builder = _builder(
            _name(common_name), self._certificate.subject, key, now, earlier=earlier, days=days
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        ours = _subject_id(self._key.public_key())
        issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ours)
        return (
            builder.add_extension(x509.BasicConstraints(False, None), critical=True)
            .add_extension(_usage(certificate_signing=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(_subject_id(key), critical=False)
            .add_extension(issuer, critical=False)
            .sign(self._key, hashes.SHA256())
        )


class Signer:
    """Signs what agents take on; it cannot make certificates."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: bytes) -> None:
        self._key = key
        self.certificate = certificate
        """DER."""

    def sign(self, data: bytes) -> bytes:
        """Return the signature (ECDSA, SHA-256, DER) of *data*."""
        return self._key.sign(data, ec.ECDSA(hashes.SHA256()))


@functools.lru_cache(maxsize=4096)
def peer_of(der: bytes) -> Peer:
    """Return what a certificate that TLS has verified says.

    Raises:
        ValueError: it names no agent.
    """
    certificate = x509.load_der_x509_certificate(der)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound as error:
        raise ValueError("certificate names no agent") from error
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    if len(uris) != 1 or not uris[0].startswith(_URN):
        raise ValueError("certificate names no agent")
    return Peer(uris[0].removeprefix(_URN), f"{certificate.serial_number:x}")


def validity_of(path: Path) -> Validity:
    """Read the dates and names of a certificate file.

    Raises:
        OSError, ValueError: it cannot be read.
    """
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    names: set[str] = set()
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names |= set(found.get_values_for_type(x509.DNSName))
        names |= {str(address) for address in found.get_values_for_type(x509.IPAddress)}
    except x509.ExtensionNotFound:
        pass
    return Validity(
        _ns(certificate.not_valid_before_utc),
        _ns(certificate.not_valid_after_utc),
        frozenset(names),
        ssl.PEM_cert_to_DER_cert(path.read_text()),
    )


def write_private(path: Path, data: bytes) -> None:
    """Write a file of mode 0600 durably, unless it exists.

    Raises:
        FileExistsError: it exists.
    """
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(fd)


def _requested_key(csr_pem: str) -> ec.EllipticCurvePublicKey:
    if len(csr_pem) > MAX_CSR:
        raise BadRequest(f"certificate request is over {MAX_CSR} bytes")
    try:
        csr = x509.load_pem_x509_csr(csr_pem.encode())
        key = csr.public_key()
        valid = csr.is_signature_valid
    except (ValueError, TypeError, InvalidSignature) as error:
        raise BadRequest("certificate request cannot be read") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise BadRequest("certificate request must be for a P-256 key")
    if not valid:
        raise BadRequest("certificate request is not signed by its own key")
    return key


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: int,
    *,
    earlier: datetime.timedelta,
    days: int,
) -> x509.CertificateBuilder:
    moment = datetime.datetime.fromtimestamp(now // 10**9, tz=datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - earlier)
        .not_valid_after(moment + datetime.timedelta(days=days))
    )


def _usage(*, certificate_signing: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificate_signing,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificate_signing,
        crl_sign=certificate_signing,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{path} is not an elliptic curve key")  # noqa: TRY004 - the file is wrong
    return key


def _subject_id(key: ec.EllipticCurvePublicKey) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(key)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _short_id() -> str:
    return uuid.uuid4().hex[:8]


def _ns(moment: datetime.datetime) -> int:
    return int(moment.timestamp()) * 10**9
