"""Strangers may hold some connections, not all, and not the memory."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

import pytest

from server.config import Listen
from server.ingest import tls
from server.ingest.listening import Accepted, Listening, bind, network_of
from tests.patience import PATIENCE, until
from tests.server.ingest.rig import Agent, Collector


def resident(pid: int) -> int:
    """Return the KiB that a process has in memory."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0])


def test_silent_connections_cost_little_and_stop_no_agent(
    collector: Collector, agent: Agent
) -> None:
    assert agent.beat().status == 200
    assert collector.process is not None
    before = resident(collector.process.pid)
    address = "127.0.0.1", collector.config.agent_listen.port
    with contextlib.ExitStack() as stack:
        for _ in range(400):
            stack.enter_context(socket.create_connection(address, timeout=PATIENCE))
        assert agent.send(1).status == 200
        # asyncio would reserve 256 KiB for each.
        assert resident(collector.process.pid) - before < 400 * 150


def test_one_certificate_holds_few_connections(agent: Agent) -> None:
    address = "127.0.0.1", agent.config.agent_listen.port

    def alive(secure: socket.socket) -> bool:
        try:
            return secure.recv(1) != b""
        except TimeoutError:
            return True
        except OSError:
            return False

    with contextlib.ExitStack() as stack:
        opened = []
        for _ in range(tls.MAX_PER_AGENT + 10):
            plain = stack.enter_context(socket.create_connection(address, timeout=PATIENCE))
            wrapped = agent.context.wrap_socket(plain, server_hostname="127.0.0.1")
            opened.append(stack.enter_context(wrapped))
        for secure in opened:
            secure.settimeout(0.05)
        until(
            lambda: sum(alive(secure) for secure in opened) == tls.MAX_PER_AGENT,
            "the end of those too many",
        )
    until(lambda: sends(agent), "the agent is let in again")


def sends(agent: Agent) -> bool:
    try:
        return agent.send(1).status == 200
    except OSError:
        return False


@pytest.fixture
def listening(port: int) -> Listening:
    found = bind(Listen("127.0.0.1", port))
    found.listen()
    return found


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


@pytest.mark.parametrize("bound", ["most", "most_per_address"])
def test_one_too_many_is_closed_and_its_place_comes_back(listening: Listening, bound: str) -> None:
    setattr(listening, bound, 2)
    with contextlib.ExitStack() as stack:
        stack.enter_context(listening)
        clients = [
            stack.enter_context(socket.create_connection(listening.getsockname(), timeout=PATIENCE))
            for _ in range(3)
        ]
        taken = [stack.enter_context(listening.accept()[0]) for _ in range(2)]
        with pytest.raises(BlockingIOError):
            listening.accept()
        assert clients[2].recv(1) == b""  # closed, not left waiting
        taken[0].close()
        taken[0].close()
        stack.enter_context(socket.create_connection(listening.getsockname(), timeout=PATIENCE))
        again = stack.enter_context(listening.accept()[0])
        assert isinstance(again, Accepted)


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_who_counts_as_one_sender(address: str, key: str) -> None:
    assert network_of(address) == key
