"""What must not happen: a mistake in the table is taken for a default."""

from __future__ import annotations

import pytest

from collectors.network.detect.registry import DETECTORS
from collectors.network.detect.settings import NAMES, DetectSettings, load


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ({"scam": {}}, "scam"),
        ({"scan": {"port": 3}}, "port"),
        ({"scan": {"ports": "3"}}, "ports"),
        ({"inside": ["10.0.0.0/40"]}, "10.0.0.0/40"),
        ({"arp": {"quiet": ["gateway"]}}, "gateway"),
        ({"brute": {"quiet": ["nagios"]}}, "nagios"),
        ({"brute": {"failures": 0}}, "failures: must be over 0"),
        ({"dns": {"odd_share": -0.5}}, "odd_share"),
        ({"off": ["dns"]}, "there is no detection dns; there are: scan, "),
    ],
)
def test_mistakes_are_named(table: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        load(table)


def test_an_empty_table_is_the_defaults() -> None:
    assert load({}) == DetectSettings()


def test_off_takes_the_names_of_all_detections() -> None:
    assert set(NAMES) == set(DETECTORS)
    assert load({"off": list(NAMES)}).off == NAMES


def test_nothing_need_be_learned() -> None:
    assert load({"peer": {"learning_hours": 0}}).peer.learning_hours == 0


def test_values_arrive() -> None:
    settings = load(
        {"off": ["arp"], "inside": ["103.10.0.0/16"], "scan": {"ports": 7}, "dns": {"quiet": ["x"]}}
    )
    assert settings.scan.ports == 7
    assert settings.off == ("arp",)
    assert settings.dns.quiet == ("x",)
