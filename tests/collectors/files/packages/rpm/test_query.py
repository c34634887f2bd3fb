"""What must not happen: an rpm that hangs, floods or fails, and is waited for, kept or believed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from collectors.files.packages.rpm.database import RpmDatabase
from collectors.files.packages.rpm.manifests import RpmManifests
from collectors.files.packages.rpm.query import QueryError, ask


def script(tmp_path: Path, body: str) -> str:
    path = tmp_path / "rpm"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def answer(rpm: str, **bounds: float) -> bytes:
    seconds, written = bounds.get("seconds", 20.0), int(bounds.get("written", 1 << 20))
    with ask(b"/db", ["-a"], lambda: None, rpm=rpm, seconds=seconds, written=written) as output:
        return os.read(output, 1 << 16)


def test_it_is_asked_with_nothing_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RONDA_SECRET", "x")
    said = answer(script(tmp_path, 'echo "$@"; env; grep CapEff /proc/self/status; ulimit -c'))
    assert said.startswith(b"--dbpath /db -q -a\n")
    assert b"RONDA" not in said
    assert b"PYTHON" not in said
    assert b"CapEff:\t0000000000000000" in said
    assert said.endswith(b"\n0\n")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("exec sleep 60", "no answer in 1 s"),
        ("exec head -c 3000000 /dev/zero", "rpm ended with"),
        ("echo half a list; exit 3", "rpm ended with 3"),
    ],
)
def test_what_is_no_answer(tmp_path: Path, body: str, why: str) -> None:
    begin = time.monotonic()
    with pytest.raises(QueryError, match=why):
        answer(script(tmp_path, body), seconds=1)
    assert time.monotonic() - begin < 30


def test_there_is_no_rpm(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="no /"):
        answer(str(tmp_path / "rpm"))


def test_who_stops_waits_for_nothing(tmp_path: Path) -> None:
    class StopError(Exception):
        pass

    def pulse() -> None:
        raise StopError

    with (
        pytest.raises(StopError),
        ask(b"/db", ["-a"], pulse, rpm=script(tmp_path, "exec sleep 60")),
    ):
        raise AssertionError("it has no answer")


def test_without_an_answer_nothing_is_taken_for_removed(tmp_path: Path) -> None:
    """None is not an empty list: what was known stands, and the status says why."""
    (tmp_path / "var/lib/rpm").mkdir(parents=True)
    (tmp_path / "var/lib/rpm/rpmdb.sqlite").write_bytes(b"")
    rpm = RpmDatabase(os.fsencode(tmp_path), script(tmp_path, "exit 1"))
    assert rpm.present()
    assert RpmManifests(rpm, lambda: None).stamps() is None
    assert rpm.trouble == "not known: rpm ended with 1"
