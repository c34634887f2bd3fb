"""Delivery with real services on this host: down, slow, hanging, and a worker that is killed."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import pytest

from server.alerts.model import Channel
from server.config import ServerConfig
from server.notify.outbox import Policy
from server.notify.worker import NotifyWorker
from server.store.state import StateStore
from tests.patience import until
from tests.server.alerts.alert_samples import put
from tests.server.notify.notify_samples import Receiver, free_port, settings

QUICK = Policy(first_retry=0.2, last_retry=0.5, timeout=15, lease=30, gather=0.3, digest_every=0.3)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with closing(Receiver()) as made:
        yield made


@contextmanager
def working(config: ServerConfig, state: StateStore, policy: Policy = QUICK) -> Iterator[None]:
    worker = NotifyWorker(config, state, policy=policy)
    worker.start()
    try:
        yield
    finally:
        worker.stop()


def statuses(state: StateStore, channel: str = "chat") -> list[str]:
    rows = state.query("SELECT status FROM outbox WHERE channel = ? ORDER BY id", (channel,))
    return [row["status"] for row in rows]


def test_a_service_that_hangs_holds_up_no_other(
    receiver: Receiver, state: StateStore, tmp_path: Path
) -> None:
    with closing(Receiver()) as hanging:
        release = threading.Event()
        hanging.before_answer = lambda: (release.wait(60), None)[1]
        config = settings(tmp_path, chat=receiver.url(), slow=hanging.url() + "?rto=60")
        policy = msgspec.structs.replace(QUICK, timeout=3)
        with working(config, state, policy):
            for number in range(5):
                put(state, entity=str(number), channels=(Channel("chat"), Channel("slow")))
            until(lambda: len(receiver.messages) == 5)
            until(lambda: any(
                row["error"] == "no answer within 3 s"
                for row in state.query("SELECT error FROM outbox WHERE channel = 'slow'")
            ))  # fmt: skip
            release.set()
            hanging.before_answer = lambda: None
            until(lambda: statuses(state, "slow") == ["delivered"] * 5)
        assert statuses(state) == ["delivered"] * 5


def test_what_could_not_be_delivered_is_delivered_later_without_a_restart(
    state: StateStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    config = settings(tmp_path, chat=f"json://127.0.0.1:{port}/secretsecret")
    with caplog.at_level(logging.INFO), working(config, state):
        put(state)
        until(lambda: state.query("SELECT attempts FROM outbox")[0]["attempts"] >= 2)
        assert statuses(state) == ["pending"]
        with closing(Receiver(port)) as receiver:
            until(lambda: statuses(state) == ["delivered"])
            assert len(receiver.messages) == 1
    (row,) = state.query("SELECT error, delivered FROM outbox")
    assert row["error"] == ""
    assert row["delivered"]
    assert "does not deliver" in caplog.text
    assert "delivers again" in caplog.text
    assert "secretsecret" not in caplog.text


def test_it_fails_for_good_in_the_end_and_says_why(state: StateStore, tmp_path: Path) -> None:
    config = settings(tmp_path, chat="nosuch://secretsecret")
    policy = msgspec.structs.replace(QUICK, attempts=2)
    with working(config, state, policy):
        put(state)
        until(lambda: statuses(state) == ["failed"])
    (row,) = state.query("SELECT error, attempts FROM outbox")
    assert row == {"error": "the url is not one that apprise knows", "attempts": 2}


def test_a_flood_becomes_single_messages_and_a_digest(
    receiver: Receiver, state: StateStore, tmp_path: Path
) -> None:
    config = settings(tmp_path, chat=receiver.url())
    policy = msgspec.structs.replace(QUICK, burst=3, digest_every=300.0)
    for number in range(40):
        put(state, entity=str(number))
    with working(config, state, policy):
        until(lambda: "pending" not in statuses(state))
    assert len(receiver.messages) == 4
    assert receiver.messages[3]["title"] == "[HIGH] and 37 more alerts"
    assert statuses(state) == ["delivered"] * 4 + ["merged"] * 36


def test_a_message_that_cannot_be_made_stops_no_other(
    receiver: Receiver, state: StateStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(state, entity="1")
    state.execute("UPDATE alert SET fields = 'broken'")
    put(state, entity="2")
    with caplog.at_level(logging.ERROR), working(settings(tmp_path, chat=receiver.url()), state):
        until(lambda: statuses(state) == ["pending", "delivered"])
    error = state.query("SELECT error FROM outbox WHERE status = 'pending'")[0]["error"]
    assert error == "the message cannot be made (JSONDecodeError)"
    assert "a message cannot be made" in caplog.text


def test_messages_of_a_channel_that_is_gone_are_given_up(
    state: StateStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(state, channels=(Channel("old"),))
    with caplog.at_level(logging.WARNING), working(settings(tmp_path), state):
        assert statuses(state, "old") == ["failed"]
    assert "1 notifications given up" in caplog.text


def test_stopping_does_not_wait_for_a_service_that_hangs(
    receiver: Receiver, state: StateStore, tmp_path: Path
) -> None:
    release = threading.Event()
    receiver.before_answer = lambda: (release.wait(100), None)[1]
    config = settings(tmp_path, chat=receiver.url() + "?rto=90")
    policy = msgspec.structs.replace(QUICK, timeout=90, lease=100)
    with working(config, state, policy):
        put(state)
        until(lambda: len(receiver.messages) == 1)
    release.set()
    # Neither lost nor counted as an error: the lease brings it back.
    assert state.query("SELECT status, error FROM outbox") == [{"status": "pending", "error": ""}]


_WORK = """
import sys, time
from pathlib import Path
from server.notify.outbox import Policy
from server.notify.worker import NotifyWorker
from server.store.state import StateStore
from tests.server.notify.notify_samples import settings
root = Path(sys.argv[1])
worker = NotifyWorker(settings(root, chat=sys.argv[2]), StateStore.open(root / "state.db"),
                      policy=Policy(timeout=15, lease=2))
worker.start()
time.sleep(60)
"""


def test_killed_between_sending_and_marking_it_is_sent_again_never_not_at_all(
    receiver: Receiver, state: StateStore, tmp_path: Path
) -> None:
    put(state)
    command = [sys.executable, "-c", _WORK, str(tmp_path), receiver.url()]
    with subprocess.Popen(command) as process:
        receiver.before_answer = lambda: os.kill(process.pid, signal.SIGKILL)
        until(lambda: len(receiver.messages) == 1)
        process.wait()
    receiver.before_answer = lambda: None
    assert statuses(state) == ["pending"]
    with working(settings(tmp_path, chat=receiver.url()), state):
        until(lambda: statuses(state) == ["delivered"])
    assert len(receiver.messages) == 2
    assert receiver.messages[0] == receiver.messages[1]


def test_the_sending_process_waits_for_the_first_alert_not_the_other_way_round(
    receiver: Receiver, state: StateStore, tmp_path: Path
) -> None:
    with working(settings(tmp_path, chat=receiver.url()), state):
        until(lambda: len(sending_processes()) == 1)
        before = sending_processes()
        put(state)
        until(lambda: statuses(state) == ["delivered"])
        assert sending_processes() == before
    until(lambda: not sending_processes())


def sending_processes() -> list[str]:
    mine = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    found = [pid for file in mine for pid in file.read_text().split()]
    return [pid for pid in found if b"server.notify.sender" in command_line(pid)]


def command_line(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return b""
