"""What must not happen: a writer that is named wrongly, or waited for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.files.sources.choose import probe_fanotify
from collectors.files.who import programs as module
from collectors.files.who.programs import Programs
from tests.collectors.files.context import Running

pytestmark = pytest.mark.skipif(bool(probe_fanotify()), reason=probe_fanotify() or "works")

TRUE = os.path.realpath(shutil.which("true") or "")
SHELL = os.path.realpath("/bin/sh")


@pytest.fixture
def programs() -> Iterator[Programs]:
    made = Programs()
    made.start()
    yield made
    made.stop()


def executable(programs: Programs, pid: int) -> str | None:
    programs.catch_up()
    writer = programs.writer(pid)
    return None if writer is None or writer.executable is None else os.fsdecode(writer.executable)


def ended(*command: str | Path) -> int:
    process = subprocess.Popen(command)
    process.wait()
    return process.pid


def test_a_program_that_has_ended_is_known_not_its_linker(programs: Programs) -> None:
    for _ in range(50):
        assert executable(programs, ended(TRUE)) == TRUE


def test_a_script_is_run_by_its_interpreter(programs: Programs, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n:\n")
    script.chmod(0o755)
    assert executable(programs, ended(script)) == SHELL


def test_one_program_after_another_in_one_process(programs: Programs) -> None:
    assert executable(programs, ended("/bin/sh", "-c", f"exec {TRUE}")) == TRUE


def test_the_parent_and_the_user_of_one_that_lives(programs: Programs) -> None:
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        programs.catch_up()
        writer = programs.writer(process.pid)
        assert writer is not None
        assert writer.user == os.geteuid()
        assert writer.parent == os.fsencode(os.path.realpath("/proc/self/exe"))
        assert writer.confidence == "kernel"


def test_a_fork_has_its_parents_program(programs: Programs) -> None:
    code = "import os; pid = os.fork(); print(pid, flush=True) if pid else None; input()"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        forked = int(process.stdout.readline())
        writer = programs.writer(forked)
        assert writer is not None
        assert writer.executable == os.fsencode(os.path.realpath(sys.executable))
        assert writer.confidence == "proc"


def test_nobody_knows_who_is_gone_or_outside(programs: Programs) -> None:
    assert programs.writer(0) is None
    process = subprocess.Popen([TRUE])
    process.wait()
    fresh = Programs()
    unknown = fresh.writer(process.pid)
    assert unknown is not None
    assert (unknown.executable, unknown.user, unknown.confidence) == (None, None, "proc")


def test_memory_is_bounded(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PROCESSES", 10)
    for _ in range(30):
        executable(programs, ended(TRUE))
    assert len(programs._processes) <= 10


def test_the_record_says_who(tmp_path: Path) -> None:
    root = tmp_path / "watched"
    root.mkdir()
    touch = os.path.realpath(shutil.which("touch") or "")
    with Running(tmp_path / "agent", [root], backend="fanotify") as running:
        pid = ended(touch, root / "f")
        created = running.wait("created", root / "f")
        assert (created.executable, created.pid, created.confidence) == (touch, pid, "kernel")
        (root / "g").write_bytes(b"x")
        ours = running.wait("created", root / "g")
        assert (ours.pid, ours.user) == (os.getpid(), str(os.geteuid()))
        remover = os.path.realpath(shutil.which("rm") or "")
        ended(remover, root / "f")
        assert running.wait("deleted", root / "f").executable == remover


def test_names_of_programs_are_scrubbed(tmp_path: Path) -> None:
    nik = "3273011708900003"  # valid in form, of nobody
    root = tmp_path / "watched"
    root.mkdir()
    program = tmp_path / nik
    shutil.copy(shutil.which("touch") or "", program)
    with Running(tmp_path / "agent", [root], backend="fanotify") as running:
        ended(program, root / "f")
        created = running.wait("created", root / "f")
        assert created.executable is not None
        assert nik not in created.executable
