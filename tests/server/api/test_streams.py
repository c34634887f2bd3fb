"""Streams must miss nothing, repeat nothing, and end when either side leaves."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from server.cli.errors import BadRequest
from tests.patience import PATIENCE, until
from tests.server.api.collector import T0, Collector, batch, event


class Watcher:
    """Reads a stream on a thread of its own."""

    def __init__(self, collector: Collector, target: str) -> None:
        self.found: list[Any] = []
        self.open = threading.Event()
        self.connection = http.client.HTTPConnection("localhost")
        self.connection.sock = socket.socket(socket.AF_UNIX)
        self.connection.sock.connect(str(collector.socket))
        self.connection.request("GET", target)
        self.thread = threading.Thread(target=self._read)
        self.thread.start()
        assert self.open.wait(PATIENCE)

    def _read(self) -> None:
        response = self.connection.getresponse()
        # The first line is empty and says that the watch has begun.
        while line := response.readline():
            self.open.set()
            if line.strip():
                self.found.append(json.loads(line))

    def close(self) -> None:
        if self.connection.sock is not None:
            self.connection.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join(PATIENCE)
        self.connection.close()


@pytest.fixture
def watch(collector: Collector) -> Iterator[Callable[[str], Watcher]]:
    begun: list[Watcher] = []

    def begin(target: str) -> Watcher:
        begun.append(Watcher(collector, target))
        return begun[-1]

    yield begin
    for watcher in begun:
        watcher.close()


def test_only_what_is_new_is_told(collector: Collector, watch: Callable[[str], Watcher]) -> None:
    collector.raise_alert(entity="/old")
    watcher = watch("/v1/alerts/stream")
    first = collector.raise_alert(entity="/new")
    second = collector.raise_alert(entity="/newer")
    until(lambda: len(watcher.found) >= 2, "two alerts")
    collector.raise_alert(entity="/new")
    third = collector.raise_alert(entity="/last")
    until(lambda: len(watcher.found) >= 3, "the last alert")
    assert [(row["id"], row["change"]) for row in watcher.found] == [
        (first, "new"),
        (second, "new"),
        (third, "new"),
    ]


def test_since_begins_with_what_is_there(
    collector: Collector, watch: Callable[[str], Watcher]
) -> None:
    collector.raise_alert(entity="/old", observed=T0)
    known = collector.raise_alert(entity="/recent", observed=T0 + 10)
    watcher = watch(f"/v1/alerts/stream?since={T0 + 5}")
    until(lambda: watcher.found, "an alert")
    assert [row["id"] for row in watcher.found] == [known]


def test_changes_are_told_once_each_when_asked_for(
    collector: Collector, watch: Callable[[str], Watcher]
) -> None:
    quiet = collector.raise_alert(entity="/a")
    loud = collector.raise_alert(entity="/b")
    watcher = watch("/v1/alerts/stream?updates=1")
    collector.raise_alert(entity="/b")
    until(lambda: watcher.found, "the repetition")
    collector.client.post(f"/v1/alerts/{quiet}/ack", {"note": "mine"})
    until(lambda: len(watcher.found) >= 2, "the acknowledgement")
    mark = collector.raise_alert(entity="/c")
    until(lambda: watcher.found[-1]["id"] == mark, "the mark")
    told = [(row["id"], row["change"], row["count"], row["status"]) for row in watcher.found]
    assert told == [
        (loud, "updated", 2, "open"),
        (quiet, "updated", 1, "acknowledged"),
        (mark, "new", 1, "open"),
    ]


def test_filters_hold_for_streams(collector: Collector, watch: Callable[[str], Watcher]) -> None:
    watcher = watch("/v1/alerts/stream?level=high&host=WEB1")
    collector.raise_alert(entity="/a", level="low")
    collector.raise_alert(entity="/b", host="web2")
    wanted = collector.raise_alert(entity="/c", level="high")
    until(lambda: watcher.found, "an alert")
    assert [row["id"] for row in watcher.found] == [wanted]


def test_events_are_tailed_in_order_of_arrival(
    collector: Collector, watch: Callable[[str], Watcher]
) -> None:
    collector.write(batch(event(1, file__path="/before")))
    watcher = watch("/v1/events/stream?q=kind%3Dfile.change")
    collector.write(
        batch(event(2, observed=T0 + 9), event(3, kind="agent.state"), event(4, observed=T0))
    )
    until(lambda: len(watcher.found) >= 2, "two events")
    assert [row["event.sequence"] for row in watcher.found] == [2, 4]


def test_a_wrong_filter_is_refused_before_the_stream_begins(collector: Collector) -> None:
    with pytest.raises(BadRequest, match="level must be one of"):
        next(collector.client.stream("/v1/alerts/stream", level="worse"))
    with pytest.raises(BadRequest):
        next(collector.client.stream("/v1/events/stream", q="severity>=x"))


def test_a_stopping_collector_ends_its_streams_and_exits_in_order(collector: Collector) -> None:
    watcher = Watcher(collector, "/v1/alerts/stream")
    with closing(watcher):
        assert collector.stop(signal.SIGTERM) == 0
        watcher.thread.join(PATIENCE)
        assert not watcher.thread.is_alive()
    assert not collector.socket.exists()


def test_interrupt_is_an_orderly_end_too(collector: Collector) -> None:
    assert collector.stop(signal.SIGINT) == 0


def test_clients_that_leave_leave_nothing(collector: Collector) -> None:
    assert collector.process is not None
    descriptors = f"/proc/{collector.process.pid}/fd"
    collector.write(batch(event(1)))
    before = len(os.listdir(descriptors))
    for _ in range(10):
        for target in ("/v1/alerts/stream", "/v1/events/stream"):
            Watcher(collector, target).close()
    until(lambda: len(os.listdir(descriptors)) <= before, "descriptors to be closed")
