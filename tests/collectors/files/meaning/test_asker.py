"""What must not happen: a change waits for a child without end; a child or thread is left."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.content.line_forms import LinesRequest, LinesResult
from collectors.files.meaning.asker import Asker


@pytest.fixture
def asker() -> Iterator[Asker]:
    made = Asker(b"k" * 32, threading.Event())
    yield made
    made.close()


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    path = tmp_path / "f"
    path.write_text("a\nPASSWORD=geheim-geheim\n")
    opened = os.open(path, os.O_RDONLY)
    yield opened
    os.close(opened)


def test_asks(asker: Asker, descriptor: int) -> None:
    answer = asker.ask(descriptor, LinesRequest())
    assert isinstance(answer, LinesResult)
    assert [text for _, text in answer.lines] == ["a", "PASSWORD=****"]
    asker.close()
    assert isinstance(asker.ask(descriptor, LinesRequest()), LinesResult)  # begins anew


class Slow(Asker):
    patience = 0.05


def test_does_not_wait_for_a_slow_start(descriptor: int) -> None:
    asker = Slow(b"k" * 32, threading.Event())
    try:
        begin = time.monotonic()
        assert asker.ask(descriptor, LinesRequest()) == "no answer in time"
        assert asker.ask(descriptor, LinesRequest()) == "too much at once"
        assert time.monotonic() - begin < 1.0
    finally:
        asker.close()


class Poor(Asker):
    budget = 0.0


def test_a_budget(descriptor: int) -> None:
    asker = Poor(b"k" * 32, threading.Event())
    try:
        assert isinstance(asker.ask(descriptor, LinesRequest()), LinesResult)
        assert asker.ask(descriptor, LinesRequest()) == "too much at once"
    finally:
        asker.close()


def test_stopping(descriptor: int) -> None:
    stopping = threading.Event()
    stopping.set()
    asker = Asker(b"k" * 32, stopping)
    assert asker.ask(descriptor, LinesRequest()) == "the agent was stopping"
    asker.close()


class Tired(Asker):
    rest_after = 0.0


def test_rests(descriptor: int) -> None:
    asker = Tired(b"k" * 32, threading.Event())
    asker.ask(descriptor, LinesRequest())
    asker.rest()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("lines")]
