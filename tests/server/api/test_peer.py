"""Nobody but root, the collector's own user and the group may speak to the collector."""

from __future__ import annotations

import grp
import os
import pwd
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from server.api import peer
from tests.patience import PATIENCE
from tests.server.api.collector import RONDA, Collector

NOBODY = 65534


def someone_else() -> peer.Peer:
    return peer.Peer(1, NOBODY, NOBODY)


def test_strangers_may_not_enter() -> None:
    assert not peer.may_enter(None, own_uid=0)
    assert not peer.may_enter(someone_else(), own_uid=1000)
    assert not peer.may_enter(peer.Peer(1, 4_000_000_000, 4_000_000_000), own_uid=1000)


def test_root_and_the_own_user_may() -> None:
    assert peer.may_enter(peer.Peer(1, 0, 0), own_uid=1000)
    assert peer.may_enter(peer.Peer(1, 1000, 1000), own_uid=1000)


def test_members_of_the_group_may(monkeypatch: pytest.MonkeyPatch) -> None:
    # No test may add a group to the machine it runs on.
    nobody = pwd.getpwuid(NOBODY)
    monkeypatch.setattr(peer, "GROUP", grp.getgrgid(nobody.pw_gid).gr_name)
    assert peer.may_enter(someone_else(), own_uid=1000)
    assert peer.may_enter(peer.Peer(1, 4_000_000_000, nobody.pw_gid), own_uid=1000)
    assert peer.may_enter(peer.Peer(1, NOBODY, 4_000_000_000), own_uid=1000)


def test_a_user_without_a_name_is_named_by_number() -> None:
    assert peer.Peer(1, 4_000_000_000, 1).name == "uid:4000000000"
    assert peer.Peer(1, 0, 0).name == "root"


def test_the_socket_is_never_open_to_others(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        listener = peer.bind(str(tmp_path / "deep" / "api.sock"))
    finally:
        os.umask(before)
    with listener:
        assert stat.S_IMODE((tmp_path / "deep").stat().st_mode) == 0o755
        mode = (tmp_path / "deep" / "api.sock").stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o660


def test_a_living_collector_is_not_pushed_aside(tmp_path: Path) -> None:
    path = str(tmp_path / "api.sock")
    with peer.bind(path), pytest.raises(FileExistsError, match="another collector"):
        peer.bind(path)


def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    path.write_text("precious")
    with pytest.raises(FileExistsError, match="in the way"):
        peer.bind(str(path))
    assert path.read_text() == "precious"


def test_a_dead_socket_is_replaced(tmp_path: Path) -> None:
    path = str(tmp_path / "api.sock")
    peer.bind(path).close()
    with peer.bind(path), socket.socket(socket.AF_UNIX) as client:
        client.connect(path)


STRANGER = """
import http.client, os, socket, sys
os.setgroups([]), os.setgid(65534), os.setuid(65534)
connection = http.client.HTTPConnection("localhost")
connection.sock = socket.socket(socket.AF_UNIX)
try:
    connection.sock.connect("api.sock")
except PermissionError:
    sys.exit("the socket is closed to me")
connection.request("GET", "/v1/alerts")
answer = connection.getresponse()
print(answer.status, answer.read().decode())
"""
"""What nobody runs; what it needs is imported while root can still read it."""


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_the_kernel_tells_a_stranger_apart(tmp_path: Path) -> None:
    def ask() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", STRANGER],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    tmp_path.chmod(0o755)
    with Collector(tmp_path) as collector:
        collector.start()
        assert "closed to me" in ask().stderr
        collector.socket.chmod(0o666)
        answer = ask()
    assert answer.stdout.startswith("403 "), answer
    assert "join the group ronda" in answer.stdout


def test_the_command_line_says_who_may(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may always")
    locked = tmp_path / "api.sock"
    with peer.bind(str(locked)):
        locked.chmod(0)
        done = subprocess.run(
            [RONDA, "--socket", str(locked), "status"], capture_output=True, text=True, check=False
        )
    assert done.returncode == 4
    assert "group ronda" in done.stderr
