"""What must not happen: a burst of changes of which one is not accounted for."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.bursts import run, unaccounted


def test_accounting() -> None:
    told: dict[tuple[str, str], int] = {("created", "a"): 1, ("deleted", "b"): 1}
    told |= {("created", "c"): 2, ("deleted", "c"): 2, ("created", "d"): 2, ("deleted", "e"): 1}
    assert sorted(unaccounted({"b", "f"}, {"a", "d", "f", "g"}, told)) == ["d", "e", "g"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scenario", "scale"),
    [("untar", 0.1), ("remove", 0.1), ("rename", 0.25), ("touch", 1.0), ("frozen", 0.5)],
)
def test_every_file_is_accounted_for(tmp_path: Path, scenario: str, scale: float) -> None:
    found = run(scenario, tmp_path, scale=scale)
    assert (found["unaccounted"], found["sample"]) == (0, [])
    # What was lost is said, and that it has been made good.
    assert ("queue_overflow" in found["lost_told"]) == bool(found["overflows"])
    assert ("queue_overflow repaired" in found["lost_told"]) == bool(found["overflows"])
