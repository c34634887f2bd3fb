"""What must not happen: packets are lost, an interface is not watched, and all seems well."""

from __future__ import annotations

from typing import Any

import pytest

from agent.cli.summary_network import network
from agent.cli.words import LANGUAGES, Words

QUIET: dict[str, Any] = {
    "interfaces": "eth0, lo",
    "packets": 12_345,
    "flows": 7,
    "interface eth0": "12345 packets, 0 lost (0.00 %)",
    "received": 12_345,
    "lost": 0,
    "unseen_percent": 0.0,
    "processes": "programs and users of all sockets",
}


def page(lang: str = "en", **facts: Any) -> dict[str, str]:
    return dict(network({**QUIET, **facts}, Words(lang)))


def test_what_is_lost_and_not_seen() -> None:
    told = page(
        **{"interface eth9": "not watched: No such device", "interface lo": "0 packets, down"},
        interfaces_beyond=1,
        indicators="not read: damaged",
        processes="users only, programs of other users are hidden: see programs.conf",
        lost=123,
        unseen_percent=2.5,
        content_dropped=2,
        child_restarts=1,
    )
    assert told["blind"] == (
        "eth9: No such device; lo is down; 1 more interface is not watched; "
        "indicators not read: damaged; programs of other users (programs.conf lets them be named)"
    )
    assert told["lost"] == (
        "123 packets (1.00 %); 2.50 % of acknowledged bytes never came by; "
        "2 pieces of content were not looked into; "
        "what was on its way when the reading process died, 1 time"
    )


def test_all_is_well() -> None:
    assert page() == {
        "watched": "eth0, lo; 12,345 packets since the start, 7 conversations now",
        "blind": "nothing",
        "lost": "nothing since the start",
    }


@pytest.mark.parametrize("lang", LANGUAGES)
def test_before_the_first_answer(lang: str) -> None:
    assert len(list(network({}, Words(lang)))) == 1


def test_it_is_said_in_indonesian() -> None:
    told = page("id", lost=1, child_restarts=3)
    assert "12.345 paket sejak dimulai" in told["dipantau"]
    assert told["hilang"].endswith("3 kali")
