"""What must not happen: state beyond its limit, or a key in use that is forgotten unseen."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collectors.network.detect.lru import Table


@given(st.integers(2, 40), st.lists(st.integers(0, 100), max_size=400))
def test_never_more_than_its_limit_and_every_loss_is_counted(limit: int, keys: list[int]) -> None:
    table: Table[int, int] = Table(limit)
    made = 0
    for key in keys:
        if table.get(key) is None:
            made += 1
        table[key] = key
        assert len(table) <= limit
        assert table.get(key) == key
        assert len(set(table.items())) == len(table.items())
    assert made == len(table) + table.evicted


def test_what_is_used_stays() -> None:
    table: Table[int, str] = Table(10)
    table[-1] = "used"
    for key in range(1000):
        table[key] = "flood"
        assert table.get(-1) == "used"
    assert -1 in table
    assert table.pop(-1) == "used"
    assert -1 not in table
    assert table.pop(-1) is None


def test_forgetting_on_purpose_is_no_eviction() -> None:
    table: Table[int, int] = Table(8)
    table[1] = 1
    table.clear()
    assert (len(table), table.evicted) == (0, 0)
