"""What must not happen: two offices share one registered domain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.network.detect.domains import below, registered, split


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        ("www.bandung.go.id", "bandung.go.id"),
        ("a.b.sdn1.sch.id", "sdn1.sch.id"),
        ("toko.co.id", "toko.co.id"),
        ("sukamaju.desa.id", "sukamaju.desa.id"),
        ("x.y.kaskus.id", "kaskus.id"),
        ("go.id", "go.id"),
        ("www.bbc.co.uk", "bbc.co.uk"),
        ("cdn.example.com", "example.com"),
        ("com", "com"),
        ("4.3.2.1.in-addr.arpa", "arpa"),
        ("Example.COM.", "example.com"),
        ("", ""),
    ],
)
def test_registered(name: str, domain: str) -> None:
    assert registered(name) == domain


@given(st.text(max_size=300))
def test_both_parts_make_the_name(name: str) -> None:
    sub, domain = split(name)
    assert not sub or f"{sub}.{domain}" == name.rstrip(".").lower()


def test_below() -> None:
    listed = frozenset(("spamhaus.org", "arpa"))
    assert below("4.3.2.1.zen.spamhaus.org", listed)
    assert below("spamhaus.org", listed)
    assert below("1.0.0.10.in-addr.arpa", listed)
    assert not below("notspamhaus.org", listed)
    assert not below("", listed)
