"""Who this agent is: enrolment by one string, the files of the identity, renewal.

The only door to cryptography on this side. It is imported inside functions: enrolment and renewal
run in short-lived processes, the resident agent needs only `ssl`.
The name of the host is no part of the identity.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import secrets
import shutil
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from agent.files import exchange, give_to_owner_of, sync_directory, write_atomically

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

PREFIX = "ronda1."
_KEY_BYTES = 32


class IdentityError(Exception):
    """This host has no usable identity; ``str()`` says what to do."""


class NotEnrolled(IdentityError):  # noqa: N818 - a state
    """`enroll` was never run, or not to its end."""


class EnrolString(msgspec.Struct, frozen=True):
    """What ``ronda enroll token`` prints: ``ronda1.`` and base64url of this as JSON."""

    url: str = msgspec.field(name="u")
    """Enrolment port, https."""
    ca_sha256: str = msgspec.field(name="f")
    """SHA-256 of the CA certificate (DER), hex."""
    secret: str = msgspec.field(name="s")
    """One-time secret."""


class IdentityRecord(msgspec.Struct, frozen=True, kw_only=True):
    """identity.json."""

    agent: str
    opd: str
    agent_url: str
    enroll_url: str
    not_before: int
    """ns since 1970."""
    not_after: int
    """ns since 1970."""
    fleet_epoch: int


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """The collector's answer to a certificate request."""

    agent: str
    opd: str
    certificate: str
    ca: str
    agent_url: str
    not_before: int
    not_after: int
    fleet_key: str | None = None
    """base64; absent on renewal."""
    fleet_epoch: int = 1


@dataclass(frozen=True)
class Identity:
    """A loaded identity. The private key stays in its file."""

    directory: Path
    record: IdentityRecord
    fleet_key: bytes
    path_key: bytes

    @property
    def renew_at(self) -> int:
        """When two thirds of the certificate's life are over, ns since 1970."""
        begin, end = self.record.not_before, self.record.not_after
        return begin + (end - begin) * 2 // 3

    def ssl_context(self) -> ssl.SSLContext:
        """Return a context for the agent port: TLS 1.3, the pinned CA, our certificate.

        Raises:
            IdentityError: a file is missing or does not fit the others.
        """
        try:
            context = pinned_context((self.directory / "ca.crt").read_text("ascii"))
            context.load_cert_chain(self.directory / "agent.crt", self.directory / "agent.key")
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise IdentityError(f"{_broken(self.directory)}: {error}; {_REMEDY}") from error
        return context


_REMEDY = "enrol again with 'ronda-agent enroll STRING'"


def _broken(directory: Path) -> str:
    return f"identity in {directory} is damaged"


def parse_enrol_string(text: str) -> EnrolString:
    """Read an enrolment string.

    Raises:
        IdentityError: it is not one.
    """
    text = text.strip()
    try:
        if not text.startswith(PREFIX):
            raise ValueError("no prefix")
        body = text[len(PREFIX) :]
        data = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        parsed = msgspec.json.decode(data, type=EnrolString)
        if urlsplit(parsed.url).scheme != "https" or not urlsplit(parsed.url).hostname:
            raise ValueError("no https URL")
        if len(bytes.fromhex(parsed.ca_sha256)) != hashlib.sha256().digest_size:
            raise ValueError("no fingerprint")
    except (ValueError, binascii.Error, msgspec.MsgspecError) as error:
        raise IdentityError(
            f"not an enrolment string (it begins with {PREFIX} and must be copied whole);"
            " get one with 'ronda enroll token' on the collector"
        ) from error
    return parsed


def fingerprint(pem: str) -> str:
    """Return the SHA-256 of a PEM certificate's DER form, hex.

    Raises:
        ValueError: not PEM.
    """
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.strip())).hexdigest()


def pinned_context(ca_pem: str) -> ssl.SSLContext:
    """Return a client context that trusts *ca_pem* alone and speaks TLS 1.3 alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(cadata=ca_pem)
    return context


def load(state_dir: Path) -> Identity:
    """Load the identity in *state_dir*.

    Raises:
        NotEnrolled: there is none.
        IdentityError: it is damaged or not readable.
    """
    directory = state_dir / "identity"
    try:
        record = msgspec.json.decode(
            (directory / "identity.json").read_bytes(), type=IdentityRecord
        )
        fleet, path = (_read_key(directory / name) for name in ("fleet.key", "path.key"))
    except FileNotFoundError as error:
        raise NotEnrolled(
            f"this host is not enrolled ({error.filename} is missing); run"
            " 'ronda-agent enroll STRING' with a string from 'ronda enroll token'"
        ) from error
    except OSError as error:
        raise IdentityError(f"{directory} cannot be read: {error.strerror}; run as root") from error
    except (ValueError, msgspec.MsgspecError) as error:
        raise IdentityError(f"{_broken(directory)}: {error}; {_REMEDY}") from error
    return Identity(directory, record, fleet, path)


def _read_key(path: Path) -> bytes:
    data = path.read_bytes()
    if len(data) != _KEY_BYTES:
        raise ValueError(f"{path.name} has {len(data)} bytes, not {_KEY_BYTES}")
    return data


def host_facts() -> dict[str, str]:
    """Return host name, a hash of the machine id, and the boot id.

    The machine id itself is confidential (machine-id(5)), so an application hash stands for it.
    """
    machine = _first_line("/etc/machine-id") or _first_line("/var/lib/dbus/machine-id")
    digest = hashlib.sha256(b"ronda host id\0" + machine.encode()).hexdigest()[:32]
    boot = _first_line("/proc/sys/kernel/random/boot_id")
    return {"host": os.uname().nodename, "host_id": digest if machine else "", "boot_id": boot}


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.readline().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def make_request(key: EllipticCurvePrivateKey) -> str:
    """Return a certificate request (PEM); the collector chooses the names in the certificate."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    request = x509.CertificateSigningRequestBuilder(x509.Name([])).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode("ascii")


def new_key() -> tuple[EllipticCurvePrivateKey, bytes]:
    """Return a P-256 key and its PEM form (PKCS 8, not encrypted)."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return key, pem


def request_for_existing_key(directory: Path) -> str:
    """Return a certificate request for the key in *directory*.

    Renewal keeps the key: certificate and key are two files, and a crash between two renames
    must not leave a pair that does not fit.

    Raises:
        IdentityError: the key is missing or damaged.
    """
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import (
        load_pem_private_key,
    )

    try:
        key = load_pem_private_key((directory / "agent.key").read_bytes(), None)
    except (OSError, ValueError) as error:
        raise IdentityError(f"{_broken(directory)}: {error}; {_REMEDY}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise IdentityError(f"{_broken(directory)}: not a P-256 key; {_REMEDY}")
    return make_request(key)


def verify_signed(ca_pem: str, certificate: bytes, signature: bytes, data: bytes) -> None:
    """Check that *data* is signed by a certificate (DER) for signing of the pinned authority.

    Raises:
        IdentityError: it is not.
    """
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        authority = x509.load_pem_x509_certificate(ca_pem.encode("ascii"))
        signer = x509.load_der_x509_certificate(certificate)
        signer.verify_directly_issued_by(authority)
        purposes = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        key = signer.public_key()
        if list(purposes) != [x509.oid.ExtendedKeyUsageOID.CODE_SIGNING]:
            raise ValueError("not a certificate for signing")
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise ValueError("not a P-256 key")  # noqa: TRY004 - what was sent is wrong
        key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound) as error:
        raise IdentityError(
            "the bundle is not signed by this agent's collector; nothing was changed"
        ) from error


def store_enrolment(state_dir: Path, issued: Issued, key_pem: bytes, enroll_url: str) -> Identity:
    """Write a new identity beside the old one and swap the directories.

    The local path key survives: it names masked paths in the sensors' databases.

    Raises:
        IdentityError: the answer lacks the fleet key.
        OSError: the directory cannot be written.
    """
    try:
        fleet_key = base64.b64decode(issued.fleet_key or "", validate=True)
    except binascii.Error:
        fleet_key = b""
    if len(fleet_key) != _KEY_BYTES:
        raise IdentityError("the collector sent no fleet key: update the collector, enrol again")
    current, fresh, previous = (state_dir / f"identity{end}" for end in ("", ".new", ".previous"))
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    old_path_key = next(
        (d / "path.key" for d in (current, previous) if (d / "path.key").exists()), None
    )
    path_key = _read_key(old_path_key) if old_path_key else secrets.token_bytes(_KEY_BYTES)
    write_atomically(fresh / "path.key", path_key)
    write_atomically(fresh / "fleet.key", fleet_key)
    write_atomically(fresh / "agent.key", key_pem)
    write_atomically(fresh / "ca.crt", issued.ca.encode("ascii"), 0o644)
    store_certificate(fresh, issued, enroll_url)
    give_to_owner_of(state_dir, fresh)  # root enrols, the agent runs as its own user
    shutil.rmtree(previous, ignore_errors=True)
    if exchange(current, fresh):
        fresh.rename(previous)
    else:
        if current.exists():
            current.rename(previous)
        fresh.rename(current)
    sync_directory(state_dir)
    return load(state_dir)


def store_certificate(directory: Path, issued: Issued, enroll_url: str) -> None:
    """Replace certificate and record; the record last, so that a crash only renews again."""
    write_atomically(directory / "agent.crt", issued.certificate.encode("ascii"), 0o644)
    record = IdentityRecord(
        agent=issued.agent,
        opd=issued.opd,
        agent_url=issued.agent_url,
        enroll_url=enroll_url,
        not_before=issued.not_before,
        not_after=issued.not_after,
        fleet_epoch=issued.fleet_epoch,
    )
    fields: dict[str, Any] = msgspec.to_builtins(record)
    write_atomically(directory / "identity.json", json.dumps(fields, indent=1).encode(), 0o600)
