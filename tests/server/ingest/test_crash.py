"""What was acknowledged is there after SIGKILL; what comes again is not there twice."""

from __future__ import annotations

import http.client
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.ledger import Ledger
from server.store.events import EventStore
from server.store.query import parse_query
from tests.patience import PATIENCE, until
from tests.server.ingest.rig import Agent, Collector, make_config, new_agent

ROUNDS = 4
BATCH = 50


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    made = Collector(make_config(tmp_path))
    made.start()
    yield made
    if made.process is not None:
        made.end()


class Sender(threading.Thread):
    """Sends as an agent does: from the acknowledged sequence on, again when nothing comes back."""

    def __init__(self, agent: Agent) -> None:
        super().__init__()
        self.agent = agent
        self.acknowledged = 0
        self.stopping = threading.Event()
        self.progressed = threading.Event()

    def run(self) -> None:
        while not self.stopping.is_set():
            try:
                answer = self.agent.send(
                    *range(self.acknowledged + 1, self.acknowledged + 1 + BATCH)
                )
            except (OSError, http.client.HTTPException):  # cut off in the middle of an answer
                continue
            if answer.status == 200:
                self.acknowledged = answer.json["acknowledged"]
                self.progressed.set()


def test_sigkill_loses_nothing_that_was_acknowledged(collector: Collector, tmp_path: Path) -> None:
    choose = random.Random(20240517)
    senders = [Sender(new_agent(collector, tmp_path)) for _ in range(2)]
    for sender in senders:
        sender.start()
    try:
        for _ in range(ROUNDS):
            for sender in senders:
                sender.progressed.clear()
            assert all(sender.progressed.wait(PATIENCE) for sender in senders)
            time.sleep(choose.uniform(0, 0.2))  # a random moment, not a synchronisation
            assert collector.end(signal.SIGKILL) == -signal.SIGKILL
            collector.start()
    finally:
        for sender in senders:
            sender.stopping.set()
        for sender in senders:
            sender.join()
    assert collector.end() == 0
    store = EventStore(collector.config.events_dir)
    reports = {report.agent: report for report in Ledger.load(store.ranges()).report()}
    for sender in senders:
        query = parse_query(f"agent={sender.agent.id}")
        found = sorted(event.sequence for event in store.search(query, limit=10**6))
        assert found == list(range(1, len(found) + 1))
        assert len(found) >= sender.acknowledged >= ROUNDS * BATCH
        report = reports[sender.agent.id]
        assert (report.acknowledged, report.received, report.lost) == (len(found), len(found), 0)
    store.close()


def test_a_restart_between_the_same_batches(collector: Collector, tmp_path: Path) -> None:
    agent = new_agent(collector, tmp_path)
    assert agent.send(1, 2, 3).json["acknowledged"] == 3
    assert collector.end() == 0
    collector.start()
    assert agent.beat().json["acknowledged"] == 3
    assert agent.send(2, 3, 4).json["acknowledged"] == 4
    store = EventStore(collector.config.events_dir)
    assert len(store.search(parse_query(f"agent={agent.id}"))) == 4
    store.close()


DISK = """
import sys
from pathlib import Path
from server.config import load
from server.ingest import role
path = Path(sys.argv[2])
role.run(load(path), disk=lambda: float(path.with_name("percent").read_text()))
"""


def test_a_full_disk_stops_acknowledging_and_recovers(collector: Collector, tmp_path: Path) -> None:
    collector.end()
    level = tmp_path / "percent"
    level.write_text("50")
    collector.start(DISK)
    agent = new_agent(collector, tmp_path)
    assert agent.send(1).status == 200
    level.write_text("96")
    answer = until(
        lambda: found if (found := agent.send(2)).status == 503 else None, "refused batches"
    )
    assert int(answer.headers["retry-after"]) > 0
    assert "disk is full" in answer.json["reason"]
    # Signs of life are still heard: the sysadmin should not take the agent for dead.
    acknowledged = agent.beat().json["acknowledged"]
    level.write_text("90")
    until(lambda: agent.send(acknowledged + 1).status == 200, "recovery")
    store = EventStore(collector.config.events_dir)
    query = parse_query("kind=collector.state event.action=disk_*")
    until(lambda: len(store.search(query)) >= 2, "reports")
    found = [event.fields["event.action"] for event in store.search(query, newest_first=False)]
    store.close()
    assert found == ["disk_full", "disk_warning"]


def test_a_second_collector_leaves_the_first_alone(collector: Collector) -> None:
    second = Collector(collector.config)
    with pytest.raises(AssertionError, match="ended before"):
        second.start()
    assert second.process is not None
    assert second.process.wait(PATIENCE) == 1
