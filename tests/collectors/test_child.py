"""The bounded child: what it cannot do, how its deaths are told, that it leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors import child_landlock
from collectors.child import BoundedChild, ChildDied, ChildTimeout, Limits
from tests.patience import until

PROBE = "collectors.child_probe:start"


@pytest.fixture
def child() -> Iterator[BoundedChild]:
    with BoundedChild(PROBE, init=b"key") as made:
        yield made


@pytest.mark.parametrize("request_", [b"network", b"execute", b"write"])
def test_child_cannot(child: BoundedChild, request_: bytes) -> None:
    assert child.call(request_) == b"refused"


@pytest.mark.parametrize("request_", [b"truncate", b"unlink", b"rename", b"mode"])
def test_child_changes_no_file(tmp_path: Path, request_: bytes) -> None:
    """As the agent's user it could otherwise delete the spool or the keys."""
    path = tmp_path / "spool.db"
    path.write_bytes(b"events")
    before = path.stat().st_mode
    with BoundedChild(PROBE, init=os.fsencode(path)) as child:
        assert child.call(request_) == b"refused"
    assert (path.read_bytes(), path.stat().st_mode) == (b"events", before)


@pytest.mark.parametrize("request_", [b"fork", b"signal", b"limits"])
def test_child_reaches_no_other_process(child: BoundedChild, request_: bytes) -> None:
    """A process that it forks would outlive limits, timeout and the agent."""
    assert child.call(request_) == b"refused"


@pytest.mark.skipif(not child_landlock.version(), reason="this kernel has no Landlock")
@pytest.mark.parametrize("request_", [b"open", b"reopen", b"list", b"account"])
def test_child_opens_no_file_of_the_agents_user(tmp_path: Path, request_: bytes) -> None:
    """A hostile document would have the spool, the keys and /etc/shadow read out to it."""
    path = tmp_path / "spool.db"
    path.write_bytes(b"events")
    with BoundedChild(PROBE, init=os.fsencode(path)) as child:
        assert child.call(request_) == b"refused"
        with path.open("rb") as file:
            assert child.call(b"", [file.fileno()]) == b"events", "what is handed over is read"


@pytest.mark.parametrize("request_", [b"thread", b"read", b"import"])
def test_child_keeps_what_parsing_needs(child: BoundedChild, request_: bytes) -> None:
    assert child.call(request_) == b"allowed"


def test_starting_does_not_count_against_the_first_request() -> None:
    """Else a slow start under load would blame the file."""
    with BoundedChild(PROBE, init=b"key") as child:
        assert child.call(b"init", timeout=0.03) == b"key"


def test_child_holds_no_capability(child: BoundedChild) -> None:
    assert child.call(b"capabilities") == b"False 1"


def test_secrets_are_not_in_arguments_or_environment() -> None:
    with BoundedChild(PROBE, init=b"very-secret-key") as child:
        pid = child.call(b"pid").decode()
        for name in ("cmdline", "environ"):
            try:
                assert b"very-secret-key" not in Path(f"/proc/{pid}/{name}").read_bytes()
            except PermissionError:  # not dumpable: not even its owner may look
                continue
        assert child.call(b"init") == b"very-secret-key"


def test_an_exception_does_not_carry_its_text(child: BoundedChild) -> None:
    with pytest.raises(ChildDied) as caught:
        child.call(b"1571011234567890")
    assert "1571" not in str(caught.value)
    assert caught.value.cause == "exit"
    assert caught.value.detail.startswith("ValueError at child_probe.py:")


@pytest.mark.parametrize(
    ("request_", "cause", "detail"),
    [
        (b"memory", "memory", "over 512 MiB"),
        (b"crash", "signal", "SIGSEGV"),
        (b"terminate", "signal", "SIGTERM"),
        (b"leave", "exit", "status 3"),
        (b"abort", "signal", "SIGABRT"),
    ],
)
def test_death_is_named(child: BoundedChild, request_: bytes, cause: str, detail: str) -> None:
    with pytest.raises(ChildDied) as caught:
        child.call(request_)
    assert (caught.value.cause, caught.value.detail) == (cause, detail)
    assert not child.running
    assert child.call(b"init") == b"key", "the next call has a new child"


def test_processor_time_is_bounded() -> None:
    with BoundedChild(PROBE, limits=Limits(cpu=0)) as child:
        with pytest.raises(ChildDied) as caught:
            child.call(b"spin", timeout=60)
        assert caught.value.cause == "cpu"


def test_a_hanging_child_is_killed(child: BoundedChild) -> None:
    child.call(b"init")
    pid = child.pid
    with pytest.raises(ChildTimeout):
        child.call(b"sleep", timeout=0.2)
    assert not Path(f"/proc/{pid}").exists()


def test_descriptors_are_passed_and_not_taken(child: BoundedChild, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"first")
    (tmp_path / "b").write_bytes(b"second")
    descriptors = [os.open(tmp_path / name, os.O_RDONLY) for name in ("a", "b")]
    try:
        assert child.call(b"", descriptors) == b"first|second"
        assert all(os.fstat(descriptor) for descriptor in descriptors)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def test_large_requests_and_answers(tmp_path: Path) -> None:
    content = os.urandom(5 << 20)
    (tmp_path / "large").write_bytes(content)
    with BoundedChild(PROBE) as child, (tmp_path / "large").open("rb") as file:
        assert child.call(b"x" * (3 << 20), [file.fileno()]) == content


def test_child_is_replaced_after_its_share() -> None:
    with BoundedChild(PROBE, limits=Limits(requests=2)) as child:
        pids = [child.call(b"pid") for _ in range(4)]
    assert pids[0] == pids[1] != pids[2] == pids[3]


def test_killed_between_calls(child: BoundedChild) -> None:
    pid = int(child.call(b"pid"))
    os.kill(pid, 9)
    with pytest.raises(ChildDied):
        child.call(b"pid")
    assert int(child.call(b"pid")) != pid


def test_callers_in_several_threads_get_their_own_answers(child: BoundedChild) -> None:
    wrong: list[bytes] = []

    def ask(request: bytes, expected: bytes) -> None:
        wrong.extend(answer for _ in range(50) if (answer := child.call(request)) != expected)

    pid = child.call(b"pid")
    threads = [
        threading.Thread(target=ask, args=args) for args in ((b"pid", pid), (b"init", b"key"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_child_dies_with_its_parent() -> None:
    script = (
        "from collectors.child import BoundedChild; import time;"
        f"c = BoundedChild({PROBE!r}); print(c.call(b'pid').decode(), flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = parent.stdout.readline().strip()
    assert Path(f"/proc/{pid}").exists()
    parent.kill()
    parent.communicate()
    until(lambda: not _alive(pid), "the end of the child")


def _alive(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
