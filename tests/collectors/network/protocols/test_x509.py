"""What must not happen: a certificate is told as another one, or a damaged one raises."""

from __future__ import annotations

import datetime
import hashlib
from typing import Any

import pytest
from cryptography import x509 as oracle
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from collectors.network.protocols.x509 import certificate
from tests.collectors.network.protocols.handshakes import BEGIN, END, signed

NS = 1_000_000_000


@pytest.mark.parametrize(
    ("kind", "bits", "signature"),
    [
        ("ec", 256, "ecdsaWithSHA256"),
        ("rsa", 2048, "sha256WithRSAEncryption"),
        ("ed25519", 256, "ed25519"),
    ],
)
def test_what_cryptography_made_is_read(kind: str, bits: int, signature: str) -> None:
    shown = signed(kind)
    found = certificate(shown.der)
    assert found.sha256 == shown.certificate.fingerprint(hashes.SHA256()).hex()
    assert found.subject == found.issuer == "portal.example.go.id"
    assert found.names == ("portal.example.go.id", "*.example.go.id", "10.0.0.2", "2001:db8::2")
    assert found.not_before == int(BEGIN.timestamp()) * NS
    assert found.not_after == int(END.timestamp()) * NS
    assert found.self_signed
    assert (found.key_bits, found.signature) == (bits, signature)


def test_another_issuer_is_not_self_signed() -> None:
    found = certificate(signed("ec", "Some CA").der)
    assert (found.issuer, found.self_signed) == ("Some CA", False)


def make(
    names: list[oracle.NameAttribute[Any]],
    begin: datetime.datetime,
    end: datetime.datetime,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | dsa.DSAPrivateKey,
) -> bytes:
    name = oracle.Name(names)
    made = (
        oracle.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(end)
        .sign(key, hashes.SHA384())
    )
    return made.public_bytes(serialization.Encoding.DER)


def test_dates_from_1950_to_9999() -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    old = datetime.datetime(1950, 1, 1, tzinfo=datetime.timezone.utc)
    last = datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.timezone.utc)
    names = [oracle.NameAttribute(NameOID.COMMON_NAME, "a")]
    found = certificate(make(names, old, last, key))
    assert found.not_before == int(old.timestamp()) * NS
    assert found.not_after == 2**63 - 1
    assert (found.key_bits, found.signature) == (384, "ecdsaWithSHA384")
    late = datetime.datetime(2060, 2, 29, tzinfo=datetime.timezone.utc)
    assert certificate(make(names, old, late, key)).not_after == int(late.timestamp()) * NS


@pytest.mark.parametrize(
    "kind",
    [
        oracle.name._ASN1Type.BMPString,
        oracle.name._ASN1Type.UTF8String,
        oracle.name._ASN1Type.T61String,
    ],
)
def test_names_in_other_alphabets(kind: oracle.name._ASN1Type) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    text = "Kota Cimahi é"
    names = [
        oracle.NameAttribute(NameOID.COMMON_NAME, "first"),
        oracle.NameAttribute(NameOID.COMMON_NAME, text, kind),
    ]
    found = certificate(make(names, BEGIN, END, key))
    expected = text.encode().decode("latin-1") if "T61" in kind.name else text
    assert found.subject in {text, expected}
    assert found.names == ()


def test_the_key_of_dsa() -> None:
    names = [oracle.NameAttribute(NameOID.COMMON_NAME, "a")]
    found = certificate(make(names, BEGIN, END, dsa.generate_private_key(1024)))
    assert found.key_bits == 1024


@given(st.binary(max_size=300))
def test_any_bytes_have_a_hash(data: bytes) -> None:
    assert certificate(data).sha256 == hashlib.sha256(data).hexdigest()


@given(st.data())
def test_damage_is_survived(data: st.DataObject) -> None:
    body = bytearray(signed().der)
    for _ in range(data.draw(st.integers(1, 6))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    found = certificate(bytes(body))
    assert len(found.names) <= 64
    assert abs(found.not_after) < 2**63


def test_every_cut_is_survived() -> None:
    body = signed().der
    for size in range(len(body)):
        assert certificate(body[:size]).subject == ""
