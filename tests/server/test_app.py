"""The parent of the roles: restarts, readiness, a clean and a hard end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collectors.kinds import AgentSilent, Record, Scrubbed
from server import app, sdnotify
from server.config import ServerConfig
from server.fleet.init import initialise
from server.store.events import EventStore
from server.store.query import parse_query
from server.store.state import StateStore
from tests.patience import PATIENCE, until
from tests.server.ingest.rig import make_config

# Runs the parent with the ingest role and one that crashes or sleeps, as the test needs.
PROGRAM = """
import logging, sys
from pathlib import Path
from server import app, roles
from server.config import load
logging.basicConfig(level="INFO")
app._Parent(load(Path(sys.argv[1])), sys.argv[2:]).run()
"""


@pytest.fixture
def config(tmp_path: Path) -> ServerConfig:
    made = make_config(tmp_path)
    initialise(made)
    return made


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(30)
        yield listening


@pytest.fixture
def start(tmp_path: Path, config: ServerConfig) -> Iterator[Callable[..., Any]]:
    started: list[subprocess.Popen[bytes]] = []

    def begin(*roles: str, **environment: str) -> subprocess.Popen[bytes]:
        environment |= {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(config.path), *roles], env=os.environ | environment
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def encode(record: Record) -> str:
    return msgspec.json.encode(record).decode()


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_ready_then_a_clean_end(start: Callable[..., Any], manager: socket.socket) -> None:
    parent = start("ingest", WATCHDOG_USEC="200000")
    until(lambda: b"READY=1" in manager.recv(999), "READY")
    until(lambda: manager.recv(999) == b"WATCHDOG=1", "WATCHDOG")
    (child,) = children(parent.pid)
    parent.send_signal(signal.SIGTERM)
    assert parent.wait(PATIENCE) == 0
    assert gone(child)
    until(lambda: manager.recv(999) == b"STOPPING=1", "STOPPING")


def test_a_killed_role_comes_back_and_it_is_reported(
    start: Callable[..., Any], manager: socket.socket, config: ServerConfig
) -> None:
    parent = start("ingest")
    until(lambda: b"READY=1" in manager.recv(999), "READY")
    (child,) = children(parent.pid)
    os.kill(child, signal.SIGKILL)
    until(lambda: [pid for pid in children(parent.pid) if pid != child], "another child")
    store = EventStore(config.events_dir)
    query = parse_query("kind=collector.state event.action=role_crashed")
    (event,) = until(lambda: store.search(query), "role_crashed")
    store.close()
    assert "signal 9" in event.fields["event.reason"]


def test_a_role_that_cannot_run_does_not_stop_the_others(
    start: Callable[..., Any], manager: socket.socket, config: ServerConfig
) -> None:
    parent = start("ingest", "nonsense")
    state = StateStore.open(config.state_db)
    store = EventStore(config.events_dir)
    query = parse_query("kind=collector.state event.reason=*nonsense*2*s")
    until(lambda: store.search(query), "a second crash")
    store.close()
    state.close()
    assert parent.poll() is None


def test_children_die_with_the_parent(start: Callable[..., Any], manager: socket.socket) -> None:
    parent = start("ingest")
    until(lambda: b"READY=1" in manager.recv(999), "READY")
    (child,) = children(parent.pid)
    parent.kill()
    until(lambda: gone(child), "the end of the child")


def test_reload_reaches_every_role_and_stops_none(
    start: Callable[..., Any], manager: socket.socket, config: ServerConfig, tmp_path: Path
) -> None:
    parent = start("ingest", "detect", "api")
    until(lambda: b"READY=1" in manager.recv(999), "READY")
    before = children(parent.pid)
    own = config.state_dir / "rules"
    own.mkdir()
    (own / "mine.yml").write_text(
        "title: Mine\nid: 22222222-2222-4222-8222-222222222222\nlevel: high\n"
        "logsource: {product: ronda, category: agent_health}\n"
        "detection:\n  s:\n    ronda.kind: agent.silent\n  condition: s\nronda: {stage: stable}\n"
    )
    channel = '[[notify.channels]]\nname = "late"\nurl = "json://127.0.0.1:9"\n'
    config.path.write_text(config.path.read_text() + channel)
    parent.send_signal(signal.SIGHUP)
    state = StateStore.open(config.state_db)
    try:
        until(lambda: state.query("SELECT 1 FROM rule WHERE title = 'Mine'"), "the new rule")
        with state.transaction():  # an alert as from an agent that has fallen silent
            note = AgentSilent(agent="a", host=Scrubbed("web1"), since=1, state="silent")
            state.execute("INSERT INTO note (at, record) VALUES (1, ?)", (encode(note),))
        # Detect has the channel (there is a row) and api has it, too (it tries).
        sql = "SELECT 1 FROM outbox WHERE channel = 'late' AND attempts > 0"
        until(lambda: state.query(sql), "a message to the new channel")
        # A mistake changes nothing and ends nothing.
        config.path.write_text("nonsense")
        parent.send_signal(signal.SIGHUP)
        parent.send_signal(signal.SIGHUP)
        state.execute("INSERT INTO note (at, record) VALUES (1, ?)", (encode(note),))
        until(lambda: state.query("SELECT 1 FROM alert WHERE count >= 2"), "detection goes on")
    finally:
        state.close()
    assert children(parent.pid) == before
    parent.send_signal(signal.SIGTERM)
    assert parent.wait(PATIENCE) == 0


@pytest.mark.parametrize("address", ["", "tcp:1"])
def test_nobody_to_notify(address: str) -> None:
    assert not sdnotify.notify("READY=1", {"NOTIFY_SOCKET": address})


def test_notify_in_the_abstract_namespace() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("")  # the kernel picks a name
        name = "@" + listening.getsockname()[1:].decode()
        assert sdnotify.notify("READY=1", {"NOTIFY_SOCKET": name})
        assert listening.recv(99) == b"READY=1"


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "x"}, None),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "20000000"}, 10.0),
    ],
)
def test_watchdog(environment: dict[str, str], seconds: float | None) -> None:
    assert sdnotify.watchdog_seconds(environment) == seconds


def test_a_reload_interrupts_nobody() -> None:
    called: list[str] = []
    with app._signals(lambda: called.append("reload")) as wait:
        signal.raise_signal(signal.SIGHUP)
        assert called == [], "a handler may have interrupted somebody who logs"
        assert not wait(0)
        assert not wait(0)
    assert called == ["reload"]
