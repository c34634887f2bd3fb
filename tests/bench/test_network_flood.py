"""What must not happen: a flood silences the sensor, takes its memory, or is lost in silence."""

from __future__ import annotations

import os

import pytest

from bench import network_flood
from bench.network_flood import measure

pytestmark = [pytest.mark.root, pytest.mark.slow]
if os.geteuid():
    pytest.skip("needs root", allow_module_level=True)


@pytest.mark.parametrize("controller", [True, False])
def test_a_quarter_of_a_core(controller: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not controller:
        monkeypatch.setattr(network_flood, "_GROUPS", ())
    told = measure(25, 4.0, 100_000, ring=1 << 20)
    assert set(told["causes"]) == {"packets_dropped"}
    packets, _, rest = told["said"].partition(" packets, ")
    assert int(packets) >= told["sent"] > 0
    assert int(rest.partition(" lost")[0]) > 0
    assert told["longest_pause"] < 30, "the unit's watchdog"
    assert told["rss_mb"] < 256, "the unit's MemoryMax"
