"""What must not happen: a raise, or a secret where there is none."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.network.protocols.sasl import Sasl, ntlm_user


def ntlm(domain: str, user: str) -> bytes:
    raw = (domain.encode("utf-16-le"), user.encode("utf-16-le"))
    head = b"NTLMSSP\0\3\0\0\0" + bytes(16)
    place = 64
    for part in raw:
        head += struct.pack("<HHI", len(part), len(part), place)
        place += len(part)
    return head.ljust(60, b"\0") + b"\1\0\0\0" + b"".join(raw)


@pytest.mark.parametrize(
    ("mechanism", "steps", "user", "secret"),
    [
        ("PLAIN", [b"\0a\0b"], "a", b"b"),
        ("plain", [b"only"], "only", b""),
        ("LOGIN", [b"a", b"b"], "a", b"b"),
        ("LOGIN", [b"a"], "a", b""),
        ("SCRAM-SHA-256", [b"n,,n=a,r=xyz", b"c=biws,r=xyz,p=q"], "a", b""),
        ("SCRAM-SHA-256-PLUS", [b"p=tls-server-end-point,,n=a,r=xyz"], "a", b""),
        ("DIGEST-MD5", [b'username="a b",realm="c"'], "a b", b""),
        ("OAUTHBEARER", [b"n,a=me@x,\1host=y\1auth=Bearer z\1\1"], "me@x", b""),
        ("NTLM", [b"", ntlm("KANTOR", "siti")], "siti", b""),
        ("GSS-SPNEGO", [b"\x60\x10" + ntlm("", "siti")], "siti", b""),
        ("EXTERNAL", [b""], "", b""),
    ],
)
def test_who(mechanism: str, steps: list[bytes], user: str, secret: bytes) -> None:
    one = Sasl(mechanism)
    for step in steps:
        one.step(step)
    claim = one.claim()
    assert (claim.user, claim.secret, claim.cleartext) == (user, secret, bool(secret))


@given(
    st.sampled_from(["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "NTLM", "X"]),
    st.lists(st.binary(max_size=80), max_size=5),
)
def test_anything(mechanism: str, steps: list[bytes]) -> None:
    one = Sasl(mechanism)
    for step in steps:
        one.coded(step)
        one.step(step)
        ntlm_user(b"NTLMSSP\0\3\0\0\0" + step * 3)
    one.claim()
