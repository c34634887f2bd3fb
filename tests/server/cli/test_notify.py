"""A test of notifications succeeds only when somebody received it."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.patience import PATIENCE, until
from tests.server.api.collector import Collector


class Receiver(http.server.ThreadingHTTPServer):
    """Takes JSON notifications, or refuses them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies: list[bytes] = []
        self.status = 200
        self.answer = threading.Event()
        self.answer.set()


class Handler(http.server.BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.bodies.append(body)
        self.server.answer.wait(PATIENCE)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's word
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def collector(tmp_path: Path, receiver: Receiver) -> Iterator[Collector]:
    port = receiver.server_address[1]
    channel = '[[notify.channels]]\nname = "{}"\nurl = "json://127.0.0.1:{}"\nmin_level = "{}"\n'
    settings = channel.format("phone", port, "high") + channel.format("dead", 1, "critical")
    with Collector(tmp_path, settings) as running:
        yield running.start()


def test_a_channel_that_is_refused_fails_the_test(collector: Collector, receiver: Receiver) -> None:
    receiver.status = 500
    done = collector.call("notify", "test", "phone")
    assert done.returncode == 1
    assert "phone" in done.stdout
    assert "no" in done.stdout


def test_one_dead_channel_fails_the_test_of_all(collector: Collector, receiver: Receiver) -> None:
    results = collector.json("notify", "test")
    assert {row["channel"]: row["ok"] for row in results} == {"phone": True, "dead": False}
    assert len(receiver.bodies) == 1


def test_one_channel(collector: Collector, receiver: Receiver) -> None:
    assert collector.call("notify", "test", "phone").returncode == 0
    assert len(receiver.bodies) == 1
    done = collector.call("notify", "test", "fax")
    assert done.returncode == 3
    assert "dead" in done.stderr
    actions = collector.state.query("SELECT subject FROM audit WHERE action = 'notify.test'")
    assert actions == [{"subject": "phone"}]


def test_an_alert_is_delivered_and_shown(collector: Collector, receiver: Receiver) -> None:
    collector.raise_alert(level="medium", entity="/quiet")
    alert = collector.raise_alert(level="high")
    until(lambda: receiver.bodies, "the notification")

    def delivered() -> bool:
        messages = collector.json("alerts", "show", str(alert))["notifications"]
        return bool(messages and messages[0]["status"] == "delivered")

    until(delivered, "the record of the delivery")
    (phone, dead) = collector.json("notify", "status")
    assert (phone["delivered"], phone["pending"], dead["delivered"]) == (1, 0, 0)
    assert "phone: delivered 20" in collector.call("alerts", "show", str(alert)).stdout
    assert len(receiver.bodies) == 1


def test_a_channel_that_fails_makes_the_collector_unhealthy(collector: Collector) -> None:
    collector.raise_alert(level="critical")
    until(lambda: collector.json("notify", "status")[1]["retrying"], "the failure")
    assert collector.call("notify", "status").returncode == 1
    problems = collector.json("status")["problems"]
    assert any(text.startswith("notifications fail on dead: ") for text in problems)


def test_a_try_under_way_is_not_told_as_a_failure(collector: Collector, receiver: Receiver) -> None:
    receiver.answer.clear()
    collector.raise_alert(level="high")
    until(lambda: receiver.bodies, "the notification")
    shown = collector.call("notify", "status")
    receiver.answer.set()
    assert shown.returncode == 0
