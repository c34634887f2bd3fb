"""Who holds a socket: found for real sockets of this process, and nothing claimed else."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
from pathlib import Path

import pytest

from collectors.network.messages import Asked
from collectors.network.model import TCP, UDP
from collectors.network.processes import Processes, Socket, address

ME = pwd.getpwuid(os.geteuid()).pw_name


def asked(sock: socket.socket, proto: int, key: int = 1) -> Asked:
    family = sock.family
    local, remote = sock.getsockname(), sock.getpeername()
    return Asked(
        key=key,
        proto=proto,
        local=socket.inet_pton(family, local[0]),
        local_port=local[1],
        remote=socket.inet_pton(family, remote[0]),
        remote_port=remote[1],
    )


def my_name() -> str:
    return Path("/proc/self/comm").read_text().rstrip("\n")


@pytest.mark.parametrize(
    "text", ["", "one two", "0: 00:zz 0:0 0A 0 0 0 0 0 0", "0: 0 1 2 3 4 5 6 7 8"]
)
def test_lines_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Socket(TCP, text.split())


def test_addresses_are_in_words_of_the_machine() -> None:
    assert address("0100007F") == bytes([127, 0, 0, 1])
    assert address("0000000000000000FFFF00000100007F") == bytes([127, 0, 0, 1])
    assert address("B80D0120000000000000000001000000") == bytes.fromhex(
        "20010db8000000000000000000000001"
    )


@pytest.fixture
def served(tmp_path: Path) -> Path:
    """A host with one listening socket of user 33 and two processes."""
    net = tmp_path / "proc/net"
    net.mkdir(parents=True)
    line = "0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000 33 0 4711 1"
    (net / "tcp").write_text(f"head\n   {line}\n")
    for pid in ("1", "77"):
        (tmp_path / "proc" / pid / "fd").mkdir(parents=True)
        (tmp_path / "proc" / pid / "comm").write_text("nginx\n")
    (tmp_path / "proc/77/fd/3").symlink_to("socket:[4711]")
    return tmp_path


def test_it_does_not_say_more_than_it_can(served: Path) -> None:
    found = Processes(served)
    assert found.words() == "not looked yet"
    assert found.answer([])[1]["6/80"].process == "nginx"
    assert found.words() == "programs and users of all sockets"


def test_hidden_processes_are_not_taken_for_none(served: Path) -> None:
    # ProtectProc=invisible: /proc has our own processes only.
    shutil.rmtree(served / "proc/1")
    shutil.rmtree(served / "proc/77")
    (served / "proc/90/fd").mkdir(parents=True)
    found = Processes(served)
    owner = found.answer([])[1]["6/80"]
    assert (owner.process, owner.user) == ("", pwd.getpwuid(33).pw_name)
    assert found.words().startswith("users only")


def test_an_unknown_conversation_has_no_owner() -> None:
    stranger = Asked(
        key=5, proto=TCP, local=b"\1\2\3\4", local_port=9, remote=b"\1\2\3\5", remote_port=9
    )
    owners, _ = Processes().answer([stranger])
    assert owners == {}


@pytest.mark.parametrize("place", ["127.0.0.1", "::1"])
def test_a_tcp_connection_of_this_process(place: str) -> None:
    family = socket.AF_INET6 if ":" in place else socket.AF_INET
    with (
        socket.create_server((place, 0), family=family) as server,
        socket.create_connection(server.getsockname()[:2]) as client,
    ):
        owners, listeners = Processes().answer([asked(client, TCP)])
        assert (owners[1].process, owners[1].user) == (my_name(), ME)
        assert listeners[f"6/{server.getsockname()[1]}"].process == my_name()


def test_a_udp_socket_without_a_peer() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        server.bind(("", 0))
        client.connect(("127.0.0.1", server.getsockname()[1]))
        theirs = asked(client, UDP)
        mine = Asked(
            key=2,
            proto=UDP,
            local=theirs.remote,
            local_port=theirs.remote_port,
            remote=theirs.local,
            remote_port=theirs.local_port,
        )
        owners, _ = Processes().answer([theirs, mine])
        assert owners[1].process == my_name()
        assert owners[2].process == my_name()


def host(root: Path, *, readable: bool) -> Path:
    """A /proc with one socket and one process that holds it."""
    (root / "proc/net").mkdir(parents=True)
    (root / "proc/net/tcp").write_text(
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
        "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 4242 "
        "       0 77 1 0000000000000000 100 0 0 10 0\n"
    )
    descriptors = root / "proc/123/fd"
    descriptors.mkdir(parents=True)
    (descriptors / "3").symlink_to("socket:[77]")
    (root / "proc/123/comm").write_text("serverd\n")
    if not readable:
        descriptors.rename(root / "elsewhere")
        descriptors.symlink_to(root / "proc/123/fd")  # listing it fails
    return root


def test_a_listener_and_its_program(tmp_path: Path) -> None:
    _, listeners = Processes(host(tmp_path, readable=True)).answer([])
    owner = listeners["6/8080"]
    assert (owner.process, owner.user) == ("serverd", "4242")


def test_programs_that_are_hidden_leave_the_user(tmp_path: Path) -> None:
    processes = Processes(host(tmp_path, readable=False))
    _, listeners = processes.answer([])
    assert (listeners["6/8080"].process, listeners["6/8080"].user) == ("", "4242")


def test_readings_are_rare_when_they_are_slow(tmp_path: Path) -> None:
    times = iter([0.0, 2.0, 2.0, 50.0, 200.0])
    processes = Processes(host(tmp_path, readable=True), clock=lambda: next(times))
    processes.answer([])
    assert not processes.due()
    assert processes.due()
