"""What must not happen: a handle that points to where its directory no longer is."""

from __future__ import annotations

import pytest

from collectors.files.scope import Scope
from collectors.files.sources.handles import Handles, Place


@pytest.fixture
def handles() -> Handles:
    return Handles(Scope([b"/srv"], []))


def at(handles: Handles, path: bytes, key: bytes) -> Place:
    place = handles.make(path)
    assert place is not None
    handles.bind(place, key)
    return place


def paths(handles: Handles, key: bytes) -> list[bytes]:
    return sorted(place.path() for place in handles.places(key))


def test_outside_the_scope_there_is_no_place(handles: Handles) -> None:
    assert handles.make(b"/usr") is None
    assert paths(handles, b"unknown") == []


def test_cutting_forgets_all_below(handles: Handles) -> None:
    at(handles, b"/srv/a", b"1")
    at(handles, b"/srv/a/b", b"2")
    at(handles, b"/srv/c", b"3")
    handles.cut(b"/srv/a")
    assert (paths(handles, b"1"), paths(handles, b"2")) == ([], [])
    assert paths(handles, b"3") == [b"/srv/c"]
    assert handles.known == 1


def test_mounted_twice_is_at_both_places(handles: Handles) -> None:
    at(handles, b"/srv/a", b"1")
    at(handles, b"/srv/b", b"1")
    assert paths(handles, b"1") == [b"/srv/a", b"/srv/b"]
    handles.cut(b"/srv/a")
    assert paths(handles, b"1") == [b"/srv/b"]
    handles.cut(b"/srv/b")
    assert paths(handles, b"1") == []
    assert handles.known == 0


def test_a_directory_in_place_of_another(handles: Handles) -> None:
    place = at(handles, b"/srv/a", b"old")
    handles.bind(place, b"new")
    assert paths(handles, b"old") == paths(handles, b"new") == [b"/srv/a"]
    handles.bury()
    assert (paths(handles, b"old"), paths(handles, b"new")) == ([], [b"/srv/a"])
    assert handles.known == 1


def test_it_comes_back_before_it_is_buried(handles: Handles) -> None:
    place = at(handles, b"/srv/a", b"old")
    handles.bind(place, b"new")
    handles.bind(place, b"old")
    handles.bury()
    assert (paths(handles, b"old"), paths(handles, b"new")) == ([b"/srv/a"], [])


def test_made_and_removed_in_one_go(handles: Handles) -> None:
    at(handles, b"/srv/a", b"1")
    handles.condemn(b"1")
    assert paths(handles, b"1") == [b"/srv/a"]
    handles.bury()
    assert paths(handles, b"1") == []
    assert handles.known == 0


def test_a_root_stays(handles: Handles) -> None:
    at(handles, b"/srv", b"1")
    handles.cut(b"/srv")
    assert paths(handles, b"1") == []
    at(handles, b"/srv", b"2")
    assert paths(handles, b"2") == [b"/srv"]
