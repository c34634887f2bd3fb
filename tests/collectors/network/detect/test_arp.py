"""What must not happen: leases, failovers and virtual addresses look like spoofing."""

from __future__ import annotations

import pytest

from collectors.network.detect.arp import ArpSpoof
from collectors.network.detect.settings import ArpSettings, DetectSettings
from collectors.network.model import Arp
from tests.collectors.network.detect.records import HOUR, MINUTE, SECOND, START, one, packed, shown


def detector(**changes: object) -> ArpSpoof:
    made = one("arp", DetectSettings(arp=ArpSettings(**changes)))  # type: ignore[arg-type]
    assert isinstance(made, ArpSpoof)
    return made


def claim(address: str, owner: str, at: int, *, operation: int = 2, target: str = "") -> Arp:
    return Arp(
        at=START + at,
        operation=operation,
        sender_mac=bytes.fromhex(owner.replace(":", "")),
        sender=packed(address),
        target=packed(target or "10.1.1.99"),
        interface="eth0",
    )


GATEWAY, MALLORY, THIRD = "02:00:00:00:00:01", "02:00:00:00:00:66", "02:00:00:00:00:03"


def test_everyday_claims_are_quiet() -> None:
    claims = [claim(f"10.1.1.{n % 50}", f"02:00:00:00:01:{n % 50:02x}", n) for n in range(5000)]
    assert shown(detector(), claims) == []


def test_a_lease_that_changes_hands_is_quiet() -> None:
    claims = [claim("10.1.1.7", f"02:00:00:00:00:{n:02x}", n * HOUR) for n in range(20)]
    assert shown(detector(), claims) == []


def test_a_failover_and_back_is_quiet() -> None:
    owners = [GATEWAY, MALLORY, GATEWAY]
    claims = [
        claim("10.1.1.1", owner, n * MINUTE, target="10.1.1.1") for n, owner in enumerate(owners)
    ]
    assert shown(detector(), claims) == []


@pytest.mark.parametrize("virtual", ["00:00:5e:00:01:0a", "00:00:0c:07:ac:01", "00:07:b4:00:01:02"])
def test_virtual_cards_are_quiet(virtual: str) -> None:
    claims = [claim("10.1.1.1", (GATEWAY, virtual)[n % 2], n * SECOND) for n in range(100)]
    assert shown(detector(), claims) == []


def test_addresses_that_move_on_purpose_are_quiet() -> None:
    claims = [claim("10.1.1.1", (GATEWAY, MALLORY)[n % 2], n * SECOND) for n in range(100)]
    assert shown(detector(quiet=("10.1.1.1",)), claims) == []


def test_probes_without_an_address_are_quiet() -> None:
    claims = [claim("0.0.0.0", (GATEWAY, MALLORY)[n % 2], n * SECOND) for n in range(100)]
    assert shown(detector(), claims) == []


def test_two_cards_that_claim_one_address() -> None:
    claims = [claim("10.1.1.1", (GATEWAY, MALLORY)[n % 2], n * SECOND) for n in range(5)]
    (found,) = shown(detector(), claims)
    assert found.rule == "arp.conflict"
    assert found.entity == "10.1.1.1"
    assert set(found.texts) == {GATEWAY, MALLORY}


def test_one_card_that_takes_several_addresses() -> None:
    before = [claim("10.1.1.1", GATEWAY, 0), claim("10.1.1.3", THIRD, 1)]
    after = [claim("10.1.1.1", MALLORY, SECOND), claim("10.1.1.3", MALLORY, 2 * SECOND)]
    (found,) = shown(detector(), before + after)
    assert found.rule == "arp.takeover"
    assert found.entity == MALLORY
    assert "10.1.1.3" in found.texts


def test_a_flood_of_announcements() -> None:
    flood = [
        claim("10.1.1.1", MALLORY, n * SECOND // 2, target="10.1.1.1", operation=1)
        for n in range(70)
    ]
    assert [one.rule for one in shown(detector(), flood)] == ["arp.flood"]


def test_state_is_bounded() -> None:
    made = detector(addresses=30)
    for n in range(2000):
        address = f"10.1.{n // 250}.{n % 250}"
        made.see(claim(address, f"02:00:00:00:{n // 250:02x}:{n % 250:02x}", n, target=address))
    assert len(made._bindings) <= 30
    assert len(made._cards) <= 30
    assert made.evicted() > 0
