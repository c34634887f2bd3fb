"""Enrolment sends the secret to nobody but the collector that made the string."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.clock import SystemClock
from agent.enrolment import EnrolmentFailed, enroll, renew
from agent.identity import IdentityError, NotEnrolled, load, parse_enrol_string
from agent.renewal import Renewal
from tests.agent.collector import Collector
from tests.patience import until


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    """A collector."""
    with contextlib.closing(Collector(tmp_path / "collector")) as running:
        yield running


def _string(**fields: str) -> str:
    data = base64.urlsafe_b64encode(json.dumps(fields).encode()).rstrip(b"=").decode()
    return f"ronda1.{data}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ronda1.",
        "ronda2.abc",
        "ronda1.!!!!",
        "ronda1." + base64.urlsafe_b64encode(b"[]").decode(),
        _string(u="http://c:1", f="ab" * 32, s="x"),
        _string(u="https://c:1", f="ab", s="x"),
        _string(u="https://c:1", f="zz" * 32, s="x"),
        _string(u="https://c:1", s="x"),
        _string(u="https://[c", f="ab" * 32, s="x"),
    ],
)
def test_a_wrong_string_is_refused(text: str) -> None:
    """With a line that says where to get one, and without the secret."""
    with pytest.raises(IdentityError, match="ronda enroll token"):
        parse_enrol_string(text)


@given(st.text())
def test_any_text_is_a_string_or_an_identity_error(text: str) -> None:
    """Nothing else comes out."""
    with contextlib.suppress(IdentityError):
        parse_enrol_string("ronda1." + text)


def test_another_ca_gets_no_secret(collector: Collector, tmp_path: Path) -> None:
    """The fingerprint is compared before the secret leaves."""
    wrong = _string(u=collector.enroll_url, f="ab" * 32, s=collector.secret)
    with pytest.raises(EnrolmentFailed, match="not the collector that made this string") as caught:
        enroll(tmp_path / "agent", wrong)
    assert not caught.value.unreachable
    assert collector.enrol_requests == []
    assert not (tmp_path / "agent" / "identity").exists()


def test_a_used_secret_is_explained(collector: Collector, tmp_path: Path) -> None:
    """The collector's words reach the operator."""
    string = collector.string
    collector.secret = "another"
    with pytest.raises(EnrolmentFailed, match="secret is used up"):
        enroll(tmp_path / "agent", string)


def test_nobody_there(collector: Collector, tmp_path: Path) -> None:
    """Unreachable has its own exit code."""
    string = collector.string
    collector.close()
    with pytest.raises(EnrolmentFailed, match="is ronda-server running") as caught:
        enroll(tmp_path / "agent", string)
    assert caught.value.unreachable


def test_not_enrolled(tmp_path: Path) -> None:
    """The line says which command is missing."""
    with pytest.raises(NotEnrolled, match="ronda-agent enroll STRING"):
        load(tmp_path)


def test_enrols_and_loads(collector: Collector, tmp_path: Path) -> None:
    """All files are there, private ones are private."""
    state = tmp_path / "agent"
    made = enroll(state, f" {collector.string}\n")
    loaded = load(state)
    assert made == loaded
    assert loaded.record.agent == collector.agent_id
    assert loaded.fleet_key == b"f" * 32
    (request,) = collector.enrol_requests
    assert request.keys() == {"secret", "csr", "agent_version", "host", "host_id", "boot_id"}
    for path in loaded.directory.iterdir():
        expected = 0o644 if path.suffix == ".crt" else 0o600
        assert path.stat().st_mode & 0o777 == expected, path
    loaded.ssl_context()


def test_enrolling_again_keeps_the_path_key(collector: Collector, tmp_path: Path) -> None:
    """The sensors' databases are keyed by it."""
    first = enroll(tmp_path, collector.string)
    collector.agent_id = "f" * 32
    second = enroll(tmp_path, collector.string)
    assert second.path_key == first.path_key
    assert second.record.agent == "f" * 32
    assert (tmp_path / "identity.previous" / "agent.key").exists()


@pytest.mark.parametrize("name", ["identity.json", "agent.crt", "agent.key", "fleet.key"])
def test_a_damaged_file_says_enrol_again(collector: Collector, tmp_path: Path, name: str) -> None:
    """No traceback."""
    enroll(tmp_path, collector.string)
    (tmp_path / "identity" / name).write_bytes(b"garbage")
    with pytest.raises(IdentityError, match="enrol again"):
        load(tmp_path).ssl_context()


@pytest.mark.root
def test_root_enrols_for_the_agents_user(collector: Collector, tmp_path: Path) -> None:
    """systemd gives files to the user only when the state directory is not the user's yet."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    os.chown(state, 65534, 65534)
    for _ in range(2):
        enroll(state, collector.string)
        for path in (state / "identity", *(state / "identity").iterdir()):
            assert (path.stat().st_uid, path.stat().st_gid) == (65534, 65534), path
    renew(state)
    assert {path.stat().st_uid for path in (state / "identity").iterdir()} == {65534}


def test_killed_while_enrolling_again_there_is_always_an_identity(
    collector: Collector, tmp_path: Path
) -> None:
    """The string is used up: an agent without an identity would need another one."""
    enroll(tmp_path, collector.string)
    for step in ("0", "1"):
        command = [sys.executable, "-c", _KILLED_AT_RENAME, str(tmp_path), collector.string, step]
        subprocess.run(command, check=False)
        assert load(tmp_path).record.agent == collector.agent_id


_KILLED_AT_RENAME = """
import os, pathlib, sys
from agent.enrolment import enroll

left = int(sys.argv[3])

def watch(event, arguments):
    global left
    name = pathlib.Path(arguments[1]).name if event == "os.rename" else ""
    if name in ("identity", "identity.previous"):
        left -= 1
        if left < 0:
            os._exit(9)

sys.addaudithook(watch)
enroll(pathlib.Path(sys.argv[1]), sys.argv[2])
"""


def test_renewal_keeps_the_key(collector: Collector, tmp_path: Path) -> None:
    """Certificate and key always fit."""
    before = enroll(tmp_path, collector.string)
    key = (tmp_path / "identity" / "agent.key").read_bytes()
    collector.client_life = dt.timedelta(days=60)
    renew(tmp_path)
    after = load(tmp_path)
    assert after.record.not_after > before.record.not_after
    assert (tmp_path / "identity" / "agent.key").read_bytes() == key
    after.ssl_context()


def test_renewal_happens_in_another_process(collector: Collector, tmp_path: Path) -> None:
    """And only at two thirds of the life."""
    collector.client_life = dt.timedelta(seconds=3)
    identity = enroll(tmp_path, collector.string)
    collector.client_life = dt.timedelta(days=30)
    renewal = Renewal(tmp_path, SystemClock())
    fresh = []

    def poll() -> bool:
        if (renewed := renewal.tick(identity)) is not None:
            fresh.append(renewed)
        return bool(fresh)

    until(poll)
    assert renewal.problem is None
    assert renewal.tick(fresh[0]) is None
    assert fresh[0].renew_at > identity.record.not_after
    renewal.close()


def test_failed_renewal_is_a_problem(collector: Collector, tmp_path: Path) -> None:
    """One line with the reason of the other process."""
    collector.client_life = dt.timedelta(seconds=1)
    identity = enroll(tmp_path, collector.string)
    collector.close()
    renewal = Renewal(tmp_path, SystemClock())
    until(lambda: renewal.tick(identity) is None and renewal.problem is not None)
    assert "is ronda-server running" in str(renewal.problem)
    renewal.close()


def test_renewal_that_cannot_start_does_not_stop_delivery(
    collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full /tmp or no process left is a problem to tell, not an exception in the courier."""
    collector.client_life = dt.timedelta(seconds=0)
    identity = enroll(tmp_path, collector.string)
    renewal = Renewal(tmp_path, SystemClock())
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    assert renewal.tick(identity) is None
    assert "cannot be renewed: No such file" in str(renewal.problem)
    assert renewal.tick(identity) is None  # not again at once
    renewal.close()


def test_the_resident_agent_does_not_import_cryptography() -> None:
    """It costs 25 MiB."""
    code = (
        "import sys, agent.identity, agent.transport.courier, agent.spool;"
        "print('cryptography' in sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "False\n"
