"""What must not happen: an interface is forgotten while it is watched, or the list never ends."""

from __future__ import annotations

from collectors.network.messages import Count
from collectors.network.totals import Totals


def test_sums_and_what_is_not_watched() -> None:
    totals = Totals()
    totals.watched(["eth0", "lo"])
    for _ in range(2):
        totals.add([Count(interface="eth0", received=100, dropped=1)])
    assert totals.words({"lo"}, {"eth9": "No such device"}) == {
        "interface eth0": "200 packets, 2 lost (1.00 %)",
        "interface lo": "0 packets, 0 lost (0.00 %), down",
        "interface eth9": "not watched: No such device",
        "received": 200,
        "lost": 2,
        "unseen_percent": 0.0,
    }


def test_data_that_never_came_by_is_told() -> None:
    totals = Totals()
    totals.add([Count(interface="eth0", received=10, dropped=0, acked=1000, unseen=250)])
    words = totals.words((), {})
    expected = "10 packets, 0 lost (0.00 %), 25.00 % of acknowledged bytes never seen"
    assert words["interface eth0"] == expected
    assert words["unseen_percent"] == 25.0


def test_another_name_and_many_names() -> None:
    totals = Totals()
    totals.add([Count(interface="eth0", received=10, dropped=0)])
    totals.renamed({"eth0": "wan0", "none": "other"})
    assert [name for name in totals.words((), {}) if " " in name] == ["interface wan0"]
    for number in range(100):
        totals.watched(["wan0", f"veth{number}"])
    told = totals.words((), {})
    assert len([name for name in told if " " in name]) <= 64
    assert str(told["interface wan0"]).startswith("10 packets")
