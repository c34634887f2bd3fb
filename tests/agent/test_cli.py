"""The commands, as a sysadmin runs them: real processes, real files, real TLS."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.spool import Spool
from collectors.registry import load_sensors
from tests.agent.collector import Collector
from tests.agent.spool_helpers import sighting
from tests.patience import PATIENCE, until

PROGRAM = Path(sys.executable).with_name("ronda-agent")
NIK = "3271046504930002"


class Host:
    """A directory that stands for a host."""

    def __init__(self, root: Path) -> None:
        """Write a configuration."""
        self.root = root
        self.web = root / "web"
        self.web.mkdir()
        self.state = root / "state"
        self.toml = root / "agent.toml"
        self.write()
        self.collector = Collector(root / "collector")

    def write(self, more: str = "") -> None:
        """Write agent.toml."""
        self.toml.write_text(
            f'state_dir = "{self.state}"\n[sensors.files]\npaths = ["{self.web}"]\n{more}'
            f'[sensors.exposure]\npaths = ["{self.web}"]\nweb_roots = ["{self.web}"]\n'
            # This machine's traffic is not what these tests are about.
            + ("[sensors.network]\nenabled = false\n" if "network" in load_sensors() else "")
        )

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the commands."""
        return {**os.environ, "RONDA_AGENT_CONFIG": str(self.toml)}

    def call(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run one command."""
        return subprocess.run(
            [PROGRAM, *words],
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def status(self) -> dict[str, Any]:
        """Return what status says."""
        answer: dict[str, Any] = json.loads(self.call("status", "-o", "json").stdout)
        return answer

    def enroll(self) -> None:
        """Enrol by stdin."""
        done = self.call("enroll", "-", stdin=self.collector.string + "\n")
        assert done.returncode == 0, done.stderr

    @contextlib.contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run the agent."""
        with (
            (self.root / "agent.log").open("ab") as log,
            subprocess.Popen([PROGRAM, "run"], env=self.environment, stderr=log) as process,
        ):
            try:
                until(lambda: self.status()["healthy"])
                yield process
            finally:
                if process.poll() is None:
                    process.kill()

    def log(self) -> str:
        """Return what the agent logged."""
        return (self.root / "agent.log").read_text()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """Not enrolled yet."""
    made = Host(tmp_path)
    with contextlib.closing(made.collector):
        yield made


def _one_line(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert done.returncode == code, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    for word in words:
        assert word in done.stderr


def test_before_enrolment(host: Host) -> None:
    """Every command says in one line what to do."""
    for words in (["run"], ["check"], ["test", "uplink"], ["locate", "0" * 32]):
        _one_line(host.call(*words), 4, "not enrolled", "ronda-agent enroll STRING")
    assert host.call("status").returncode == 1
    assert host.status()["problems"]
    _one_line(host.call("spool", "show"), 3, "has not run yet")
    doctor = host.call("doctor")
    assert doctor.returncode == 1
    assert "ok   bounded child: no network, program" in doctor.stdout
    _one_line(host.call("enroll", "rubbish"), 1, "ronda enroll token")


@pytest.mark.root
def test_root_enrols_for_the_owner_of_the_state(host: Host) -> None:
    """Files of root in there: the agent could read them today, and not renew them in a month."""
    host.state.mkdir(mode=0o700)
    os.chown(host.state, 65534, 65534)
    host.enroll()
    made = [host.state / "identity", *(host.state / "identity").iterdir()]
    assert {path.stat().st_uid for path in made} == {65534}
    os.chown(host.state / "identity", 0, 0)
    _one_line(host.call("check"), 1, "renew", "chown -R --reference=")


def test_a_word_that_is_no_command(host: Host) -> None:
    """What was probably meant."""
    done = host.call("enrol")
    assert done.returncode == 2
    assert "did you mean 'enroll'?" in done.stderr


def test_output_on_a_full_disk_is_one_line(host: Host) -> None:
    """Not a traceback."""
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [PROGRAM, "status"],
            env=host.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    _one_line(done, 1, "disk is full")


def test_enroll_exit_codes(host: Host) -> None:
    """4 when refused, 5 when nobody is there; the secret is in no output."""
    string, host.collector.secret = host.collector.string, "other"
    refused = host.call("enroll", string)
    _one_line(refused, 4, "secret is used up")
    host.collector.close()
    gone = host.call("enroll", string)
    _one_line(gone, 5, "is ronda-server running there?")
    for done in (refused, gone):
        assert "one-time" not in done.stdout + done.stderr
        assert string[10:] not in done.stdout + done.stderr


def test_check(host: Host) -> None:
    """Like nginx -t."""
    host.enroll()
    good = host.call("check")
    assert good.returncode == 0, good.stderr
    assert "is ok" in good.stderr
    # Warnings depend on this machine's limits; they are no mistakes.
    assert "is ok" not in host.call("check", "--quiet").stderr
    (host.state / "identity" / "agent.key").chmod(0o644)
    _one_line(host.call("check"), 1, "open to other users: chmod 600")
    host.write("pahts = []\n")
    _one_line(host.call("check"), 1, "agent.toml:4", 'did you mean "paths"?')


def test_a_day_in_the_life(host: Host) -> None:
    """Run, see a file, reload, be refused a second time, and stop in time."""
    host.enroll()
    with host.running() as process:
        (host.web / "new.html").write_text("x")
        until(lambda: "new.html" in str(host.collector.events))
        _one_line(host.call("run"), 1, "already running")
        uplink = host.call("test", "uplink")
        assert uplink.returncode == 0, uplink.stderr
        assert "TLSv1.3" in uplink.stdout
        shown = host.call("status").stdout
        assert shown.startswith("healthy\n")
        assert "blind" in shown
        assert "rehash bytes" not in shown
        assert max(map(len, shown.splitlines())) <= 80
        assert "rehash bytes" in host.call("status", "--all").stdout
        assert host.call("status", "--lang", "id").stdout.startswith("sehat\n")
        assert "waiting" in host.call("spool", "show").stdout
        assert json.loads(host.call("spool", "show", "-o", "json").stdout)["epoch"] > 1
        host.write("pahts = []\n")
        process.send_signal(signal.SIGHUP)
        until(lambda: "reload_refused" in str(host.collector.events))
        host.write('coalesce = "100ms"\n')
        process.send_signal(signal.SIGHUP)
        until(lambda: "'reloaded'" in str(host.collector.events))
        until(lambda: host.status()["healthy"])
        (host.web / "later.html").write_text("x")
        until(lambda: "later.html" in str(host.collector.events))
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert process.wait(PATIENCE) == 0
        assert time.monotonic() - began < 10
    assert "stopping" in str(host.collector.events)
    stopped = host.status()
    assert not stopped["healthy"]
    assert "not running" in stopped["problems"][0]
    assert "Traceback" not in host.log()


def test_no_number_of_a_citizen_leaves_the_host(host: Host) -> None:
    """Not in events, logs, status or spool; ``locate`` gives the name back to the sysadmin."""
    host.enroll()
    with host.running() as process:
        (host.web / f"ktp_{NIK}.csv").write_text(f"nama,nik\nA,{NIK}\n" * 20)
        until(lambda: "exposure.finding" in str(host.collector.events))
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert NIK not in str(host.collector.events)
    assert NIK not in host.log()
    for path in host.state.rglob("*"):
        if path.is_file():
            assert NIK.encode() not in path.read_bytes(), path
    (event,) = [
        event
        for event in host.collector.events.values()
        if event["ronda.kind"] == "exposure.finding"
    ]
    for token in (event["ronda.path.token"], event["file.path"].rpartition("~")[2][:8]):
        found = host.call("locate", token)
        assert found.stdout == f"{host.web}/ktp_{NIK}.csv\n"
    assert host.call("locate", "0" * 32).returncode == 3
    assert host.call("locate", "xyz").returncode == 2


def test_scan_shows_masked_values(host: Host) -> None:
    """Also before enrolment; exit code 0 whatever is found."""
    (host.web / f"dump_{NIK}.csv").write_text(f"nama,nik\nA,{NIK}\n" * 20)
    (host.web / "clean.txt").write_text("nothing")
    table = host.call("scan", str(host.web))
    assert table.returncode == 0, table.stderr
    assert "nik" in table.stdout
    assert "2 files" in table.stderr
    answer = host.call("scan", "-o", "json", str(host.web))
    assert json.loads(answer.stdout)["files"] == {"clean": 1, "found": 1}
    for done in (table, answer):
        assert NIK not in done.stdout + done.stderr


def test_status_when_the_collector_is_away(host: Host) -> None:
    """Exit code 1 and the reason, while events wait."""
    host.enroll()
    with host.running() as process:
        done = host.call("enroll", "-", stdin=host.collector.string)
        assert "systemctl restart ronda-agent" in done.stderr
        host.collector.close()
        (host.web / "waiting.html").write_text("x")
        until(lambda: host.status()["pending"] > 0)
        until(lambda: "is ronda-server running there?" in str(host.status()["problems"]))
        shown = host.call("status")
        assert shown.returncode == 1
        assert shown.stdout.startswith("NOT HEALTHY")
        _one_line(host.call("test", "uplink"), 5, "is ronda-server running there?")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    assert host.log().count("is ronda-server running there?") == 1


def test_reloads_neither_end_a_starting_agent_nor_keep_a_running_one(host: Host) -> None:
    """SIGHUP kills by default, and systemd takes that for a clean end; SIGTERM goes first."""
    host.enroll()
    with subprocess.Popen(
        [PROGRAM, "run"], env=host.environment, stderr=subprocess.DEVNULL
    ) as process:
        ignored = Path(f"/proc/{process.pid}/status")
        until(lambda: "SigBlk:\t0000000000000001" in ignored.read_text())
        process.send_signal(signal.SIGHUP)
        until(lambda: host.status()["healthy"])
        for _ in range(20_000):
            process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


def test_quarantine_is_shown(host: Host) -> None:
    """With the collector's words."""
    host.enroll()
    with contextlib.closing(Spool(host.state, agent="x")) as spool:
        spool.handover("a", 1, [sighting("bad")])
        spool.pending(0)
        spool.quarantine(1, "I do not like it")
    shown = host.call("spool", "show", "--quarantine")
    assert "I do not like it" in shown.stdout
    answer = json.loads(host.call("spool", "show", "--quarantine", "-o", "json").stdout)
    assert answer[0]["event"]["file.path"] == "/bad"


def test_help_is_fast_for_it_imports_nothing_heavy() -> None:
    """Counted in modules, not in milliseconds."""
    code = (
        "import sys\n"
        "sys.argv = ['ronda-agent', '--help']\n"
        "from agent.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('LOADED', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.partition("LOADED ")[2].split())
    heavy = {"cryptography", "urllib3", "ssl", "sqlite3", "msgspec", "watchdog", "numpy", "yara"}
    assert "click" in loaded
    assert not loaded & heavy


@pytest.mark.parametrize(
    "words",
    [["--help"], ["--version"], ["spool", "--help"], ["test", "uplink", "--help"], ["run", "-h"]],
)
def test_help_of_everything(host: Host, words: list[str]) -> None:
    """Exit code 0 and no noise."""
    done = host.call(*words)
    assert (done.returncode, done.stderr) == (0, "")


def test_usage_errors_are_two(host: Host) -> None:
    """As everywhere."""
    assert host.call("spool", "nothing").returncode == 2
    assert host.call("scan").returncode == 2
