"""When things go wrong: nothing is lost, and the operator reads one line that says what to do."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE, until
from tests.system.deployment import BIN, Deployment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Deployment]:
    with Deployment(tmp_path / "d", exposure=False) as made:
        made.install()
        yield made


def run_agent(here: Deployment) -> None:
    here.start_agent()
    until(lambda: here.agent_status().get("healthy"), "healthy agent")


def problems(here: Deployment) -> str:
    return " / ".join(here.agent_status().get("problems", []))


def wait_problem(here: Deployment, *words: str) -> str:
    """Return the problems that hold *words*, once the command fails for them as well."""

    def said() -> str:
        found = problems(here)
        if not all(word in found for word in words):
            return ""
        # A problem may pass and come again between the two: only both together count.
        done = subprocess.run(
            [BIN / "ronda-agent", "status"], env=here.environment, capture_output=True, check=False
        )
        return found if done.returncode else ""

    found = until(said, f"a problem with {words}")
    assert "\n" not in found
    return found


def arrived(here: Deployment, kind: str, **fields: object) -> list[Any]:
    return [
        event
        for event in here.events()
        if event.kind == kind and all(event.fields.get(k) == v for k, v in fields.items())
    ]


def created(here: Deployment, name: str) -> bool:
    return any(event.fields["file.path"].endswith(name) for event in arrived(here, "file.change"))


def test_collector_down_is_said_and_nothing_is_lost(here: Deployment) -> None:
    run_agent(here)
    here.stop_server()
    (here.web / "meanwhile.html").write_text("x")
    wait_problem(here, "collector")
    here.start_server()
    until(lambda: created(here, "meanwhile.html"), "the event of the outage")
    until(lambda: here.agent_status().get("healthy"), "healthy again")


def test_collector_that_accepts_and_never_answers(here: Deployment) -> None:
    run_agent(here)
    here.stop_server()
    port = int(json.loads(identity(here).read_text())["agent_url"].rpartition(":")[2])
    with socket.socket() as mute:
        mute.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        mute.bind(("127.0.0.1", port))
        mute.listen()
        wait_problem(here, "collector")
    here.start_server()
    until(lambda: here.agent_status().get("healthy"), "healthy again")


def identity(here: Deployment) -> Path:
    return here.agent_state / "identity" / "identity.json"


def test_collector_of_another_authority_is_not_trusted(here: Deployment) -> None:
    run_agent(here)
    here.stop_server()
    shutil.move(here.server_state, here.root / "old")
    here.ronda("server", "init")
    here.start_server()
    wait_problem(here, "certificate")
    here.stop_server()
    shutil.rmtree(here.server_state)
    shutil.move(here.root / "old", here.server_state)


def test_revoked_agent_keeps_its_events_and_says_enrol_again(here: Deployment) -> None:
    run_agent(here)
    host = here.ronda_json("hosts", "list")[0]
    here.ronda("hosts", "revoke", str(host["agent"]), "--reason", "test", "--yes")
    (here.web / "after.html").write_text("x")
    said = wait_problem(here, "enrol")
    assert "ronda-agent enroll" in said
    assert here.agent_status()["pending"] > 0


def test_clock_wrong_by_hours(here: Deployment) -> None:
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    if library is None:
        pytest.fail("install the package libfaketime (scripts/test does)")
    old = dict(os.environ)
    os.environ.update(LD_PRELOAD=str(library), FAKETIME="+5h", FAKETIME_DONT_FAKE_MONOTONIC="1")
    try:
        here.start_agent()
    finally:
        os.environ.clear()
        os.environ.update(old)
    until(lambda: here.agent_status().get("healthy"), "healthy agent")
    (here.web / "skewed.html").write_text("x")
    until(lambda: created(here, "skewed.html"), "events in spite of the clock")
    skew = until(lambda: arrived(here, "clock.skew"), "an event about the clock")[0]
    assert 4.9 * 3600 < skew.fields["ronda.clock.skew"] < 5.1 * 3600


def test_a_newer_agent_is_told_to_wait_for_the_collector(here: Deployment) -> None:
    newer = here.root / "sitecustomize"
    newer.mkdir()
    (newer / "sitecustomize.py").write_text(
        "import sys, collectors.wire as wire\n"
        "if sys.argv[0].endswith('ronda-agent'):\n    wire.WIRE_VERSION = 99\n"
    )
    os.environ["PYTHONPATH"] = str(newer)
    try:
        here.start_agent()
    finally:
        del os.environ["PYTHONPATH"]
    wait_problem(here, "update the collector")


def test_corrupt_spool_is_moved_aside(here: Deployment) -> None:
    run_agent(here)
    here.stop_server()
    (here.web / "lost.html").write_text("x")
    time.sleep(1)
    here.stop_agent(signal.SIGKILL)
    for path in here.agent_state.glob("spool.db*"):
        path.write_bytes(b"garbage" * 1000)
    here.start_server()
    run_agent(here)
    (here.web / "next.html").write_text("x")
    until(lambda: created(here, "next.html"), "events after the spool began anew")
    said = until(lambda: arrived(here, "spool.recreated"), "an event about it")[0]
    assert said.fields["event.reason"] == "corrupt"
    assert list(here.agent_state.glob("spool.db.corrupt*"))
    epochs = {event.epoch for event in here.events() if event.agent != "collector"}
    assert len(epochs) == 2


def test_spool_rolled_back_begins_a_new_epoch(here: Deployment) -> None:
    run_agent(here)
    here.stop_agent()
    saved = here.root / "saved"
    saved.mkdir()
    for path in here.agent_state.glob("spool.db*"):
        shutil.copy2(path, saved)
    run_agent(here)
    for number in range(20):
        (here.web / f"r{number}.html").write_text("x")
    until(lambda: created(here, "r19.html"), "events before the rollback")
    here.stop_agent()
    for path in here.agent_state.glob("spool.db*"):
        path.unlink()
    for path in saved.iterdir():
        shutil.copy2(path, here.agent_state)
    here.start_agent()
    (here.web / "after.html").write_text("x")
    until(lambda: created(here, "after.html"), "events after the rollback")
    said = until(lambda: arrived(here, "spool.recreated"), "an event about it")[0]
    assert said.fields["event.reason"] == "rolled_back"


def test_overfull_spool_counts_what_it_dropped(tmp_path: Path) -> None:
    with Deployment(tmp_path / "d", exposure=False, agent='[spool]\nmax_bytes = "64KiB"') as here:
        here.install()
        run_agent(here)
        here.stop_server()
        for number in range(1500):
            (here.web / f"f{number:04d}.html").write_text("x")
        wait_problem(here, "spool")
        time.sleep(3)
        here.start_server()
        until(lambda: here.agent_status().get("pending") == 0, "delivery of the rest")
        tombstones = arrived(here, "spool.dropped")
        dropped = sum(sum(one.fields["ronda.spool.dropped"].values()) for one in tombstones)
        here.stop_agent()
        events = [event for event in here.events() if event.agent != "collector"]
        assert dropped
        assert len(events) + dropped == max(event.sequence for event in events)
        assert "spool" in here.ronda("delivery")


def test_hostile_file_names_reach_people_escaped(here: Deployment) -> None:
    run_agent(here)
    names = [
        b"a\nb.php",
        b"\x1b[31mred.php",
        "\u202egpj.php".encode(),
        b"\xff\xfe.php",
        b"'; --.php",
    ]
    for name in names:
        Path(os.fsdecode(bytes(here.web) + b"/" + name)).write_text("x")
    until(
        lambda: len(arrived(here, "file.change", **{"event.action": "created"})) >= 5,
        "5 events",
    )
    for output in ("table", "json", "csv", "jsonl"):
        shown = here.ronda("events", "search", "kind=file.change", "-o", output)
        assert "\x1b" not in shown
        assert "\u202e" not in shown
    assert "\\u202egpj.php" in here.ronda("events", "search", "kind=file.change", "-o", "csv")


CRASHY = """
from typing import ClassVar
from collectors.api import Settings
class Crashy:
    name: ClassVar[str] = "crashy"
    settings_type = Settings
    emits = frozenset()
    def __init__(self, settings, state_dir): pass
    def check(self): return []
    def run(self, context): raise RuntimeError("1571014512900001")
    def coverage(self): return {}
    def offer(self, paths): pass
"""


def test_a_sensor_that_crashes_in_a_loop_hurts_nobody(here: Deployment) -> None:
    plugin = here.root / "plugin"
    info = plugin / "crashy-1.0.dist-info"
    info.mkdir(parents=True)
    (plugin / "crashy.py").write_text(CRASHY)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: crashy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[ronda.sensors]\ncrashy = crashy:Crashy\n")
    os.environ["PYTHONPATH"] = str(plugin)
    try:
        here.start_agent()
        said = wait_problem(here, "crashy")
        until(here.watching, "a first baseline")
    finally:
        del os.environ["PYTHONPATH"]
    (here.web / "still.html").write_text("x")
    until(lambda: created(here, "still.html"), "events of the other sensor")
    crashes = until(
        lambda: arrived(here, "sensor.state", **{"event.action": "crashed"}), "an event"
    )
    assert "RuntimeError" in crashes[0].fields["event.reason"]
    for text in (said, str(crashes), (here.root / "ronda-agent.log").read_text()):
        assert "1571014512900001" not in text


def test_two_machines_with_one_identity(here: Deployment) -> None:
    run_agent(here)
    clone = here.root / "clone"
    here.stop_agent()
    shutil.copytree(here.agent_state, clone)
    other = here.root / "clone.toml"
    other.write_text(here.agent_toml.read_text().replace(str(here.agent_state), str(clone)))
    run_agent(here)
    # Another machine id, as on another machine: the file cannot be replaced for one process.
    machine = here.root / "machine"
    machine.mkdir()
    (machine / "sitecustomize.py").write_text(
        "import agent.identity as identity\n"
        "read = identity._first_line\n"
        "identity._first_line = lambda path: 'f' * 32 if 'machine-id' in path else read(path)\n"
    )
    words = [str(BIN / "ronda-agent"), "--config", str(other), "run"]
    environment = {**here.environment, "PYTHONPATH": str(machine)}
    with subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL) as second:
        try:
            until(lambda: arrived(here, "agent.cloned"), "an event about the clone")
            until(
                lambda: "one identity" in here.ronda("alerts", "list", "--lang", "en"),
                "an alert",
            )
        finally:
            second.terminate()


def test_unauthenticated_clients_get_nothing(here: Deployment) -> None:
    port = int(json.loads(identity(here).read_text())["agent_url"].rpartition(":")[2])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as plain:
        assert b"HTTP" not in read_all(plain, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    raw = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    # TLS 1.3 tells a client that its certificate is missing only when it reads.
    with context.wrap_socket(raw) as secure:
        assert read_all(secure, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") == b""
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname = False
    old.verify_mode = ssl.CERT_NONE
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as raw,
        pytest.raises(ssl.SSLError),
    ):
        old.wrap_socket(raw)


def read_all(connection: socket.socket, request: bytes) -> bytes:
    """Send *request*; return the plain bytes of the answer, if any."""
    received = b""
    with contextlib.suppress(ConnectionResetError, BrokenPipeError, ssl.SSLError):
        connection.sendall(request)
        while chunk := connection.recv(4096):
            received += chunk
    return received


@pytest.mark.root
def test_full_disk_of_the_agent(tmp_path: Path) -> None:
    full(tmp_path, "agent")


@pytest.mark.root
def test_full_disk_of_the_collector(tmp_path: Path) -> None:
    full(tmp_path, "server")


def full(tmp_path: Path, which: str) -> None:
    """Fill the small file system of one side; then make room; everything arrives."""
    with Deployment(tmp_path / "d", exposure=False) as here:
        state = here.agent_state if which == "agent" else here.server_state
        state.mkdir(mode=0o700)
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=24m,mode=700", "tmpfs", state], check=True
        )
        try:
            here.install()
            run_agent(here)
            ballast = state / "ballast"
            with ballast.open("wb", buffering=0) as file:
                try:
                    while True:
                        file.write(b"\0" * 65536)
                except OSError:
                    pass
            for number in range(300):
                (here.web / f"f{number:03d}.html").write_text("x")
            if which == "agent":
                wait_problem(here, "disk")
            else:
                wait_problem(here, "collector")
                assert "disk" in here.ronda("status", check=False)
            ballast.unlink()
            until(lambda: created(here, "f299.html"), "everything after room was made", seconds=90)
            names = {event.fields["file.path"] for event in arrived(here, "file.change")}
            assert sum(name.endswith(".html") for name in names) == 300
            until(lambda: here.agent_status().get("healthy"), "healthy again")
            here.stop_agent()
            here.stop_server()
        finally:
            subprocess.run(["umount", "-l", state], check=False)


def test_second_agent_on_one_state_directory_is_refused(here: Deployment) -> None:
    run_agent(here)
    done = subprocess.run(
        [BIN / "ronda-agent", "run"],
        env=here.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 1
    assert "already" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_expired_certificate_says_enrol_again(here: Deployment) -> None:
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    if library is None:
        pytest.fail("install the package libfaketime (scripts/test does)")
    run_agent(here)
    here.stop_agent()
    here.stop_server()
    # Both are 40 days on; the client certificate lives 30.
    fake = {"LD_PRELOAD": str(library), "FAKETIME": "+40d", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    os.environ.update(fake)
    try:
        here.start_server()
        here.start_agent()
        said = wait_problem(here, "expired")
        assert "enroll" in said
    finally:
        for name in fake:
            del os.environ[name]


def test_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with Deployment(tmp_path / "d") as here:
        here.ronda("server", "init")
        port = int(
            here.server_toml.read_text().split("agent_listen")[1].split(":")[1].split('"')[0]
        )
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", port))
            taken.listen()
            done = subprocess.run(
                [BIN / "ronda", "server", "check"],
                env=here.environment,
                capture_output=True,
                text=True,
                check=False,
            )
        assert done.returncode == 1
        assert str(port) in done.stdout + done.stderr
