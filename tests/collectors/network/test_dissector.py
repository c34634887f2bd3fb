"""A packet that kills the child costs a few others, not the file; without scapy nothing fails."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from collectors.child import ChildDied
from collectors.network import dissector
from collectors.network.dissector import available, dissect
from tests.collectors.network.dissect.frames import arp, capture, tcp

needs_scapy = pytest.mark.skipif(not available(), reason="scapy is not installed")


@contextmanager
def opened(data: bytes) -> Iterator[int]:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        yield os.dup(file.fileno())


def run(data: bytes, most: int = 100) -> list[tuple[int, int, str]]:
    with opened(data) as descriptor:
        try:
            answers = list(dissect(descriptor, most=most))
        finally:
            os.close(descriptor)
    return [(len(one.explained), one.read, one.damage) for one in answers]


def test_whether_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert not available()


@needs_scapy
def test_a_file_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dissector, "_STEP", 4)
    frames = [arp() if n % 2 else tcp(1, 443, b"x") for n in range(10)]
    answers = run(capture(*frames))
    assert sum(found for found, _, _ in answers) == 5
    assert answers[-1][1] == 10
    assert sum(found for found, _, _ in run(capture(*frames), most=2)) == 2


def test_a_child_that_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dissector, "TARGET", "collectors.child_probe:missing")
    with pytest.raises(ChildDied):
        run(capture(arp()))
