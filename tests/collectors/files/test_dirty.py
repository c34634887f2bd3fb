"""What must not happen: a creation told twice or not at all, memory that grows with events."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.files import dirty
from collectors.files.dirty import CREATED, GONE, MOVED, DirtySet, Marks, account


class World:
    """One name on disk, the kernel's queue, the dirty set and a baseline, as in the real thing."""

    def __init__(self, present: bool) -> None:
        self.present = present
        self.unread = 0
        self.queue: list[str] = []
        self.dirty = DirtySet()
        self.baseline = present
        self.creations = 0
        self.told = 0
        self.balance = int(present)

    def create(self) -> None:
        if not self.present:
            self.present = True
            self.creations += 1
            self.queue.append("created")

    def move_in(self) -> None:
        self.creations += not self.present
        self.present = True
        self.queue.append("moved_in")

    def remove(self) -> None:
        if self.present:
            self.present = False
            self.queue.append("gone")

    def drain(self, count: int) -> None:
        for event in self.queue[:count]:
            if event == "gone":
                self.dirty.gone(b"/d", b"n", is_directory=False)
            elif event == "touched":
                self.dirty.touched(b"/d", b"n", writing=False)
            else:
                getattr(self.dirty, event)(b"/d", b"n")
        del self.queue[:count]
        self.unread = max(0, self.unread - count)

    def touch(self) -> None:
        if self.present:
            self.queue.append("touched")

    def look(self) -> None:
        self._catch_up()
        work = self.dirty.take(everything=True).get(b"/d")
        if work:
            self._settle(work.names[b"n"])

    def reconcile(self) -> None:
        self._catch_up()
        self._settle(self.dirty.take_directory(b"/d").names.get(b"n", Marks(0.0)))

    def _catch_up(self) -> None:
        """The reader is behind one look at most."""
        self.drain(self.unread)

    def _settle(self, marks: Marks) -> None:
        self.unread = len(self.queue)
        created, deleted = account(marks, before=self.baseline, after=self.present)
        assert created >= 0
        assert deleted >= 0
        self.told += created
        self.balance += created - deleted
        self.baseline = self.present
        assert self.balance == int(self.present)


_STEPS = st.lists(
    st.one_of(
        st.sampled_from(["create", "remove", "touch", "look", "reconcile"]),
        st.integers(1, 4),
    ),
    max_size=40,
)


@settings(max_examples=1000)
@given(st.booleans(), _STEPS)
def test_each_creation_is_told_once_however_looks_and_events_interleave(
    present: bool, steps: list[str | int]
) -> None:
    world = World(present)
    for step in steps:
        if isinstance(step, int):
            world.drain(step)
        else:
            getattr(world, step)()
    world.drain(len(world.queue))
    world.look()
    assert world.told == world.creations


@settings(max_examples=300)
@given(
    st.booleans(),
    st.lists(st.sampled_from(["create", "move_in", "remove", "touch", "look"]), max_size=40),
)
def test_moves_count_where_they_did_not_replace(present: bool, steps: list[str]) -> None:
    world = World(present)
    for step in steps:
        getattr(world, step)()
        world.drain(len(world.queue))
    world.look()
    assert world.told == world.creations


def test_names_are_bounded_by_making_the_directory_dirty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dirty, "MAX_NAMES", 10)
    box = DirtySet()
    for number in range(1000):
        box.created(b"/d", b"%d" % number)
    assert len(box) == 11
    assert box.take_folded() == 990
    work = box.take()[b"/d"]
    assert (len(work.names), work.whole) == (10, True)
    assert len(box) == 0


def test_directories_are_bounded_by_making_everything_dirty(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dirty, "MAX_DIRECTORIES", 10)
    box = DirtySet()
    for number in range(1000):
        box.touched(b"/%d" % number, b"n", writing=False)
    assert len(box) == 20
    assert box.take_overflow()
    assert not box.take_overflow()


def test_repeats_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dirty, "MAX_REPEATS", 5)
    box = DirtySet()
    for _ in range(100):
        box.created(b"/d", b"n")
        box.gone(b"/d", b"n", is_directory=False)
    assert box.take()[b"/d"].names[b"n"].arrivals == 5
    assert box.take_folded() == 95


def test_a_file_that_is_written_to_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    box = DirtySet()
    box.created(b"/d", b"log")
    box.touched(b"/d", b"log", writing=True)
    box.created(b"/d", b"done")
    assert list(box.take()[b"/d"].names) == [b"done"]
    while now[0] < 100 + dirty.PATIENCE - 0.5:  # somebody writes all the time
        assert box.take() == {}
        now[0] += 0.5
        box.touched(b"/d", b"log", writing=True)
    now[0] += 0.5
    assert list(box.take()[b"/d"].names) == [b"log"]


def test_a_closed_file_does_not_wait() -> None:
    box = DirtySet()
    box.touched(b"/d", b"f", writing=True)
    box.touched(b"/d", b"f", writing=False)
    assert list(box.take()[b"/d"].names) == [b"f"]


def test_names_below_a_directory_that_goes_do_not_wait() -> None:
    box = DirtySet()
    box.touched(b"/d/e", b"f", writing=True)
    box.gone(b"/d", b"e", is_directory=True)
    assert list(box.take()) == [b"/d/e", b"/d"]


def test_a_move_onto_a_file_that_was_settled_early_is_told_once() -> None:
    """Created; replaced by a move and removed before we looked; the last two are read later."""
    early = Marks(0.0)
    early.first = early.last = CREATED
    early.arrivals = 1
    assert account(early, before=False, after=False) == (1, 1)
    late = Marks(0.0)
    late.first, late.last = MOVED, GONE
    assert account(late, before=False, after=False, settled=True) == (0, 0)
    assert account(late, before=False, after=False) == (1, 1)
    late.last = MOVED  # nothing went: it was no move onto the old file
    assert account(late, before=False, after=True, settled=True) == (1, 0)
