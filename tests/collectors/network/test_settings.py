"""Settings that cannot work are refused by name."""

from __future__ import annotations

import msgspec
import pytest

from collectors.network.settings import NetworkSettings


@pytest.mark.parametrize(
    ("table", "word"),
    [
        ({"exclude": ["collector"]}, "exclude"),
        ({"exclude": ["192.0.2.1:1"] * 1000}, "exclude"),
        ({"ring": 1}, "ring"),
        ({"ring_timeout": 5.0}, "ring_timeout"),
        ({"snap": 70000}, "snap"),
        ({"max_flows": 1}, "max_flows"),
        ({"stream_bytes": 1}, "stream_bytes"),
        ({"summary_lines": 0}, "summary_lines"),
        ({"interfaces": [""]}, "interfaces"),
        ({"detect": {"inside": ["nowhere"]}}, "detect"),
        ({"detect": {"scan": {"porst": 3}}}, "porst"),
        ({"promiscuous": True}, "promiscuous"),
    ],
)
def test_refused(table: dict[str, object], word: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=word):
        msgspec.convert(table, NetworkSettings)


def test_defaults_are_sound() -> None:
    settings = msgspec.convert({"exclude": ["192.0.2.1:8443"]}, NetworkSettings)
    assert settings.endpoints() == ((bytes([192, 0, 2, 1]), 8443),)
