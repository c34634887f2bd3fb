"""An agent that hangs, died or has a problem is never called healthy."""

from __future__ import annotations

import os
import socket
import subprocess
from io import FileIO
from pathlib import Path

import pytest

from agent.clock import SECOND, SystemClock
from agent.health import Health, Status, read_status, verdict, write_status
from agent.sdnotify import Notifier


def _status(**fields: object) -> Status:
    base: dict[str, object] = {
        "written": SystemClock().wall(),
        "pid": os.getpid(),
        "version": "1",
        "healthy": True,
    }
    return Status(**(base | fields))  # type: ignore[arg-type]


def test_what_is_not_healthy() -> None:
    """Each with a line that says what to do."""
    with subprocess.Popen(["true"]) as child:
        child.wait()
    clock = SystemClock()
    assert "not running" in verdict(_status(pid=child.pid), clock)[0]
    assert "not running" in verdict(_status(pid=0), clock)[0]
    assert "hangs" in verdict(_status(written=clock.wall() - 60 * SECOND), clock)[0]
    assert verdict(_status(healthy=False, problems=["x: y"]), clock) == ["x: y"]
    assert "not ready" in verdict(_status(healthy=False), clock)[0]
    assert verdict(_status(), clock) == []


def test_problems_come_and_go() -> None:
    """One line for each source."""
    health = Health()
    health.set("spool", "full")
    health.set("uplink", "away")
    health.set("uplink", "far away")
    assert health.changed()
    assert not health.changed()
    assert health.problems() == ["spool: full", "uplink: far away"]
    health.set("uplink", None)
    health.set("nothing", None)
    assert health.problems() == ["spool: full"]


def _takes(file: FileIO) -> bool:
    try:
        return bool(file.write(bytes(4096)))
    except OSError:
        return False


@pytest.mark.root
def test_a_full_disk_does_not_hide_what_is_wrong(tmp_path: Path) -> None:
    """Nor that it is over; and what is wrong comes before how each sensor is."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", tmp_path], check=True)
    try:
        path = tmp_path / "status.json"
        write_status(path, _status())
        with (tmp_path / "ballast").open("wb", buffering=0) as file:
            while _takes(file):
                pass
        full = _status(healthy=False, problems=["spool: disk full"])
        write_status(path, full)
        assert read_status(path) == full
        sensors = {"files": {"coverage": {str(number): "x" * 100 for number in range(200)}}}
        write_status(path, _status(problems=["spool: disk full"], sensors=sensors))
        assert read_status(path).problems == ["spool: disk full"]
        (tmp_path / "ballast").unlink()
        write_status(path, _status())
        assert read_status(path).problems == []
        assert [name.name for name in tmp_path.iterdir()] == ["status.json"]
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_status_file(tmp_path: Path) -> None:
    """Whole or not at all; a damaged one is said to be so."""
    path = tmp_path / "status.json"
    status = _status(spool={"last": 3})
    write_status(path, status)
    assert read_status(path) == status
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("{")
    with pytest.raises(ValueError, match="damaged"):
        read_status(path)
    write_status(tmp_path / "missing" / "status.json", status)


@pytest.mark.parametrize("abstract", [False, True])
def test_notifies_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool) -> None:
    """Plain datagrams, one line of status."""
    address = f"\0ronda-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(address)
        server.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", address.replace("\0", "@"))
        monkeypatch.setenv("WATCHDOG_USEC", "30000000")
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
        notifier = Notifier()
        assert notifier.watchdog_seconds == 30.0
        assert "NOTIFY_SOCKET" not in os.environ
        notifier.ready("all\nwell")
        notifier.watchdog()
        notifier.reloading()
        notifier.stopping()
        assert server.recv(999) == b"READY=1\nSTATUS=all well"
        assert server.recv(999) == b"WATCHDOG=1"
        assert server.recv(999).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
        assert server.recv(999) == b"STOPPING=1"


def test_no_systemd_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor when its socket is gone, nor when the watchdog is another process's."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    Notifier().ready("x")
    monkeypatch.setenv("NOTIFY_SOCKET", "/nonexistent/notify")
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    notifier = Notifier()
    assert notifier.watchdog_seconds is None
    notifier.ready("x")
