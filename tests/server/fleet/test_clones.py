"""Clone detection is pure."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.fleet.clones import QUIET, CloneWatch, Machine

ONE, TWO = Machine("h", "b1"), Machine("h", "b2")


@given(st.lists(st.integers(1, 30), unique=True, max_size=30))
def test_machines_that_never_come_back_are_no_clones(boots: list[int]) -> None:
    watch = CloneWatch()
    for boot in boots:
        for _ in range(3):
            assert watch.see("a", Machine("h", str(boot)), "web1", "x", 0) is None


def test_a_machine_that_comes_back_is_one_of_two() -> None:
    watch = CloneWatch()
    assert watch.see("a", ONE, "web1", "10.0.0.1", 1) is None
    assert watch.see("b", TWO, "web2", "10.0.0.2", 1) is None
    assert watch.see("a", TWO, "web2", "10.0.0.2", 2) is None
    clone = watch.see("a", ONE, "web1", "10.0.0.1", 3)
    assert clone is not None
    assert (clone.hosts, clone.addresses) == (("web1", "web2"), ("10.0.0.1", "10.0.0.2"))
    assert watch.see("a", TWO, "web2", "10.0.0.2", 4) is None  # said already
    assert watch.see("a", ONE, "web1", "10.0.0.1", 4 + QUIET) is not None
