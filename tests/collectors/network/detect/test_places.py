"""What must not happen: a private peer counts as outside."""

from __future__ import annotations

import pytest

from collectors.network.detect.places import Places, network, written
from tests.collectors.network.detect.records import packed


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.31.0.1",
        "192.168.1.1",
        "100.64.1.1",
        "224.0.0.251",
        "255.255.255.255",
        "::1",
        "fd00::1",
        "fe80::1",
        "ff02::fb",
        "::ffff:10.0.0.1",
    ],
)
def test_nobody_outside_has_these(address: str) -> None:
    assert Places().inside(packed(address))


@pytest.mark.parametrize("address", ["203.0.113.9", "8.8.8.8", "172.32.0.1", "2001:db8::1", "::2"])
def test_outside(address: str) -> None:
    assert not Places().inside(packed(address))


def test_declared_networks_are_ours() -> None:
    places = Places(["103.10.0.0/16", "2001:df0::/32"])
    assert places.inside(packed("103.10.7.7"))
    assert places.inside(packed("2001:df0:1::1"))
    assert not places.inside(packed("103.11.0.1"))
    assert not Places(["103.10.0.0/16"], private=False).inside(packed("10.0.0.1"))


def test_what_is_no_address_is_not_outside_and_has_no_text() -> None:
    assert Places().inside(b"")
    assert written(b"abc") == ""
    assert written(packed("203.0.113.9")) == "203.0.113.9"
    with pytest.raises(ValueError, match="x"):
        network("x")
