"""The writer thread under pressure."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from server.config import StoreConfig
from server.ingest import writer
from server.ingest.writer import Overloaded, WriterThread
from server.store.events import EventStore, EventWriter
from server.store.writer import NewBatch, NewEvent, StoreFull, Written
from tests.patience import PATIENCE

DAY = 86_400 * 10**9
NOON = 20_000 * DAY + DAY // 2


class Gate(EventWriter):
    """A writer that can be held, and made to fail as a full disk does."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.open = threading.Event()
        self.full = False
        self.commits = 0

    def write(self, batches: Sequence[NewBatch], now: int) -> list[Written]:
        assert self.open.wait(PATIENCE)
        self.commits += 1
        if self.full:
            raise StoreFull("disk is full")
        return super().write(batches, now)


def batch(*sequences: int) -> NewBatch:
    events = [NewEvent(number, number, "k", 1, "{}") for number in sequences]
    return NewBatch("a", 1, "dinkes", "web1", NOON, events)


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


@pytest.fixture
def thread(gate: Gate) -> Iterator[Callable[..., WriterThread]]:
    started: list[WriterThread] = []

    def start(now: Callable[[], int] = lambda: NOON, **store: int) -> WriterThread:
        made = WriterThread(gate, StoreConfig(**store), disk=lambda: 1.0, clock=now)
        made.start()
        started.append(made)
        return made

    yield start
    gate.open.set()
    for one in started:
        one.stop()


def test_sheds_load_before_memory_grows(gate: Gate, thread: Callable[..., WriterThread]) -> None:
    running = thread()
    first = running.submit(batch(1), writer.MAX_QUEUED)
    with pytest.raises(Overloaded) as caught:
        running.submit(batch(2), 1)
    assert caught.value.retry_after > 0
    assert not first.done()
    gate.open.set()
    assert first.result(20) == (1, 1)
    assert running.submit(batch(2), 1).result(20) == (2, 1)


def test_what_waits_goes_into_one_commit(gate: Gate, thread: Callable[..., WriterThread]) -> None:
    running = thread()
    answers = [running.submit(batch(number), 1) for number in range(1, 41)]
    gate.open.set()
    assert [answer.result(20).acknowledged for answer in answers][-1] == 40
    assert gate.commits <= 3


def test_a_full_disk_acknowledges_nothing(gate: Gate, thread: Callable[..., WriterThread]) -> None:
    running = thread()
    gate.full = True
    gate.open.set()
    with pytest.raises(StoreFull):
        running.submit(batch(1), 1).result(20)
    assert running.acknowledged("a", 1) == 0
    gate.full = False
    assert running.submit(batch(1), 1).result(20).acknowledged == 1
    assert running.alive


def test_stopping_commits_what_waits(gate: Gate, tmp_path: Path) -> None:
    running = WriterThread(gate, StoreConfig(), disk=lambda: 1.0, clock=lambda: NOON)
    running.start()
    gate.open.set()
    answers = [running.submit(batch(number), 1) for number in range(1, 9)]
    running.stop()
    assert all(answer.done() for answer in answers)
    store = EventStore(tmp_path)
    assert len(store.read(None, 100)) == 8
    store.close()


def test_midnight(gate: Gate, tmp_path: Path, thread: Callable[..., WriterThread]) -> None:
    moment = [NOON]
    running = thread(lambda: moment[0])
    gate.open.set()
    running.submit(batch(1, 2), 1).result(20)
    moment[0] += DAY // 2
    assert running.submit(batch(2, 3), 1).result(20) == (3, 1)
    store = EventStore(tmp_path)
    assert [(event.day, event.sequence) for event in store.read(None, 9)] == [
        ("2024-10-04", 1),
        ("2024-10-04", 2),
        ("2024-10-05", 3),
    ]
    store.close()


def test_old_days_go(gate: Gate, tmp_path: Path, thread: Callable[..., WriterThread]) -> None:
    gate.open.set()
    gate.write([batch(1)], NOON - 5 * DAY)
    gate.write([batch(2)], NOON - 2 * DAY)
    running = thread(retention_days=2)
    assert running.submit(batch(3), 1).result(20).acknowledged == 3
    running.stop()
    assert sorted(path.name for path in tmp_path.glob("*.db")) == [
        "2024-10-02.db",
        "2024-10-04.db",
    ]
