"""Sealing and opening events."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors import event
from collectors.kinds import FileChange, Scrubbed, Severity
from collectors.sighting import Sighting

RECORD = FileChange(action="created", path=Scrubbed("/srv/www/a.php"))


def sealed(**changes: Any) -> dict[str, Any]:
    sighting = Sighting(record=RECORD, observed=5, module="files")
    return {**event.seal(sighting, sequence=1, created=6), **changes}


@pytest.mark.parametrize(
    "changes",
    [
        {"event.sequence": 0},
        {"event.sequence": "1"},
        {"event.severity": 5},
        {"event.severity": -1},
        {"@timestamp": None},
        {"ronda.kind": 7},
        {"event.module": b"files"},
    ],
)
def test_envelope_refuses(changes: dict[str, Any]) -> None:
    with pytest.raises(event.InvalidEvent):
        event.open_envelope(sealed(**changes))


@pytest.mark.parametrize("missing", ["event.sequence", "ronda.kind", "@timestamp", "event.created"])
def test_envelope_needs(missing: str) -> None:
    record = sealed()
    del record[missing]
    with pytest.raises(event.InvalidEvent, match=missing.replace(".", r"\.")):
        event.open_envelope(record)


def test_known_kind_with_wrong_type_is_invalid() -> None:
    with pytest.raises(event.InvalidEvent, match=r"file\.change"):
        event.open_record(sealed(**{"file.size": "big"}))
    with pytest.raises(event.InvalidEvent, match=r"file\.change"):
        event.open_record({"ronda.kind": "file.change"})


def test_unknown_fields_of_a_known_kind_do_not_hurt() -> None:
    assert event.open_record(sealed(**{"file.colour": "blue"})) == RECORD


def test_severity_defaults_to_the_kind_and_can_be_raised() -> None:
    assert sealed()["event.severity"] == Severity.LOW
    raised = Sighting(record=RECORD, observed=5, module="files", severity=Severity.HIGH)
    assert event.seal(raised, sequence=1, created=6)["event.severity"] == Severity.HIGH


@pytest.mark.parametrize(
    "text", ["", "a", "a.1", "a.1.", "a..2", "a.1.x", ".1.2", "a.1.2.3", "a.-1.2", "a.².1"]
)
def test_not_an_event_id(text: str) -> None:
    with pytest.raises(event.InvalidEvent):
        event.parse_event_id(text)


@given(st.uuids(), st.integers(1, 2**40), st.integers(1, 2**50))
def test_event_id_round_trip(agent: object, epoch: int, sequence: int) -> None:
    text = event.event_id(str(agent), epoch, sequence)
    assert event.parse_event_id(text) == (str(agent), epoch, sequence)
