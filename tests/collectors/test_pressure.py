"""What must not happen: a busy machine is taken for an idle one, an odd kernel stops the agent."""

from __future__ import annotations

from pathlib import Path

import pytest

from collectors.pressure import some_of, under_pressure


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", 0.0),
        ("some avg10=\n", 0.0),
        ("full avg10=9.00 avg60=0.00 avg300=0.00 total=1\n", 0.0),
        ("some avg10=41.50 avg60=2.00 avg300=0.00 total=1\nfull avg10=9.00\n", 41.5),
    ],
)
def test_pressure_is_read(text: str, value: float) -> None:
    assert some_of(text) == value


def test_it_rests_under_pressure(tmp_path: Path) -> None:
    assert not under_pressure(tmp_path)
    (tmp_path / "cpu").write_text("some avg10=10.00 avg60=0.00 avg300=0.00 total=1\n")
    assert not under_pressure(tmp_path)
    (tmp_path / "io").write_text("some avg10=60.00 avg60=0.00 avg300=0.00 total=1\n")
    assert under_pressure(tmp_path)
