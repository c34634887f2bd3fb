"""Certificates: what they may be used for, and by whose clock."""

from __future__ import annotations

import ssl
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID

from server.fleet import ca
from server.fleet.ca import Authority, BadRequest, peer_of, validity_of
from tests.server.ingest.rig import make_csr

DAY = 86_400 * 10**9
NOW = time.time_ns()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.create(tmp_path, NOW)


def der(pem: str) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem)


def test_never_overwrites(tmp_path: Path, authority: Authority) -> None:
    before = (tmp_path / "ca.key").read_bytes()
    with pytest.raises(FileExistsError):
        Authority.create(tmp_path, NOW)
    assert (tmp_path / "ca.key").read_bytes() == before
    assert (tmp_path / "ca.key").stat().st_mode & 0o777 == 0o600
    assert Authority.load(tmp_path).fingerprint == authority.fingerprint


def test_key_and_certificate_must_fit(tmp_path: Path, authority: Authority) -> None:
    other = tmp_path / "other"
    other.mkdir()
    Authority.create(other, NOW)
    (tmp_path / "ca.key").write_bytes((other / "ca.key").read_bytes())
    with pytest.raises(ValueError, match="do not belong together"):
        Authority.load(tmp_path)


def test_client_certificate(authority: Authority) -> None:
    csr, _ = make_csr()
    issued = authority.issue_client(csr, "agent-1", NOW)
    certificate = x509.load_pem_x509_certificate(issued.pem.encode())
    assert peer_of(der(issued.pem)) == ("agent-1", issued.serial)
    assert issued.not_before <= NOW - DAY + 10**9
    assert issued.not_after // 10**9 == (NOW + 30 * DAY) // 10**9
    extensions = certificate.extensions
    purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert list(purposes.value) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    basic = extensions.get_extension_for_class(x509.BasicConstraints)
    assert basic.critical
    assert not basic.value.ca
    # The request's own subject is not believed.
    assert "whoever" not in certificate.subject.rfc4514_string()


@pytest.mark.parametrize("csr", ["", "x" * 20_000, "-----BEGIN CERTIFICATE REQUEST-----\nAA==\n"])
def test_refuses_what_is_no_request(authority: Authority, csr: str) -> None:
    with pytest.raises(BadRequest):
        authority.issue_client(csr, "agent-1", NOW)


def test_refuses_a_request_that_was_changed(authority: Authority) -> None:
    csr, _ = make_csr()
    data = bytearray(der(csr.replace("CERTIFICATE REQUEST", "CERTIFICATE")))
    data[-1] ^= 1
    changed = ssl.DER_cert_to_PEM_cert(bytes(data)).replace("CERTIFICATE", "CERTIFICATE REQUEST")
    with pytest.raises(BadRequest):
        authority.issue_client(changed, "agent-1", NOW)


@pytest.mark.parametrize(
    "key", [ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate()]
)
def test_refuses_other_keys(authority: Authority, key: object) -> None:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import NameOID

    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    )
    if isinstance(key, ec.EllipticCurvePrivateKey):
        csr = builder.sign(key, hashes.SHA256())
    else:
        assert isinstance(key, ed25519.Ed25519PrivateKey)
        csr = builder.sign(key, None)
    pem = csr.public_bytes(serialization.Encoding.PEM).decode()
    with pytest.raises(BadRequest, match="P-256"):
        authority.issue_client(pem, "agent-1", NOW)


def test_server_certificate(tmp_path: Path, authority: Authority) -> None:
    authority.issue_server(tmp_path, ["ronda.kota.go.id", "10.1.2.3"], NOW)
    found = validity_of(tmp_path / "server.crt")
    wanted = {"ronda.kota.go.id", "10.1.2.3", "localhost", "127.0.0.1", "::1"}
    assert found.names == frozenset(wanted)
    assert found.not_before < NOW - 365 * DAY
    assert found.not_after > NOW + 4 * 365 * DAY
    before = (tmp_path / "server.key").read_bytes()
    authority.issue_server(tmp_path, ["other"], NOW)
    assert (tmp_path / "server.key").read_bytes() != before
    assert (tmp_path / "server.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(ValueError, match="names no agent"):
        peer_of(validity_of(tmp_path / "server.crt").der)


def test_peer_of_nonsense() -> None:
    with pytest.raises(ValueError, match=r"."):
        peer_of(b"nonsense")


def test_chain_is_strictly_valid(tmp_path: Path, authority: Authority) -> None:
    from cryptography.x509.verification import PolicyBuilder, Store

    csr, _ = make_csr()
    leaf = x509.load_pem_x509_certificate(authority.issue_client(csr, "a", NOW).pem.encode())
    root = x509.load_pem_x509_certificate((tmp_path / "ca.crt").read_bytes())
    verifier = PolicyBuilder().store(Store([root])).build_client_verifier()
    assert verifier.verify(leaf, []).chain[0] == leaf
    assert ca.CLIENT_DAYS == 30
