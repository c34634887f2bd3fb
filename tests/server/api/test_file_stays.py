"""How long a content was on a path, told from made-up orders of events."""

from __future__ import annotations

from typing import Any

import pytest

from server.api.file_stays import Stay, stay_view, stays_of
from server.store.files import Last
from server.store.stored import StoredEvent

ONE, TWO = "1" * 64, "1" * 63 + "2"


def event(sequence: int, action: str = "created", path: str = "/a", **fields: Any) -> StoredEvent:
    named = {name.replace("__", "."): value for name, value in fields.items()}
    return StoredEvent(
        day="2026-11-24", row=sequence, agent="one", epoch=1, sequence=sequence,
        observed=sequence, received=1, kind="file.change", severity=1, opd="opd", host="web1",
        fields={"file.path": path, "event.action": action, **named},
    )  # fmt: skip


def sha(value: str, before: str | None = None) -> dict[str, str]:
    found = {"file__hash__sha256": value} if value else {}
    return found | ({"ronda__file__previous__sha256": before} if before else {})


def only(*events: StoredEvent, prefix: str = ONE) -> Stay:
    (content,) = stays_of(events, prefix)
    (stay,) = content.stays.values()
    return stay


def last(sequence: int, action: str | None, sha256: str | None = None) -> Last:
    return Last(f"{1:019d}{sequence:019d}", sequence, action, sha256)


def test_other_contents_and_paths_are_other_stays() -> None:
    assert stays_of([event(1, **sha("f" * 64))], ONE) == []
    assert [one.sha256 for one in stays_of([event(1, **sha(TWO, ONE))], "1" * 8)] == [ONE, TWO]
    (content,) = stays_of([event(1, **sha(ONE)), event(2, path="/b", **sha(ONE))], ONE)
    assert sorted(content.stays) == [("one", "/a"), ("one", "/b")]


def test_a_content_that_nothing_ended_is_there() -> None:
    stay = only(event(3, "attributes", **sha(ONE)), event(1, **sha(ONE)))
    assert (stay.first, stay.last, stay.end) == (1, 3, None)
    assert stay_view(ONE, stay, followed=True)["present"] == "yes"
    assert stay_view(ONE, stay, followed=False)["present"] == "unknown"


@pytest.mark.parametrize("action", ["modified", "deleted"])
def test_a_change_from_it_ends_it_and_its_return_begins_it_again(action: str) -> None:
    end = event(2, action, **sha(TWO if action == "modified" else "", ONE))
    stay = only(event(1, **sha(ONE)), end)
    assert (stay.first, stay.last, stay.end) == (1, 2, (2, action))
    assert only(event(1, **sha(ONE)), end, event(3, **sha(ONE))).end is None


def test_a_content_from_before_the_first_look_has_no_beginning() -> None:
    view = stay_view(ONE, only(event(2, "deleted", **sha("", ONE))), followed=True)
    assert (view["first_seen"], view["present"], view["end"]) == (None, "no", "deleted")


@pytest.mark.parametrize(
    ("later", "end"),
    [
        (last(1, "deleted"), None),
        (last(3, "attributes"), None),
        (last(3, None), None),
        (last(3, "modified", ONE), None),
        (last(3, "deleted"), (3, "deleted")),
        (last(3, "created"), (3, "created")),
        (last(3, "attributes", TWO), (3, "attributes")),
        (last(3, None, TWO), (3, "other content")),
        (last(3, "clean"), (3, "clean")),
    ],
)
def test_what_came_after_ends_it_or_not(later: Last, end: object) -> None:
    stay = only(event(2, **sha(ONE)))
    stay.follow(later, ONE)
    assert stay.end == end


def test_what_has_ended_keeps_its_end() -> None:
    stay = only(event(1, **sha(ONE)), event(2, "modified", **sha(TWO, ONE)))
    stay.follow(last(5, "deleted"), ONE)
    assert stay.end == (2, "modified")
