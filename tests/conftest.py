"""For every test: nothing may stay behind, and property tests have a fast and a deep profile."""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.patience import PATIENCE

_GOING = PATIENCE / 2
"""Seconds that what was told to end may take to be gone."""

# A loaded machine is slow without being wrong: no deadline, no "too slow".
_COMMON = settings(deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fast", _COMMON, max_examples=60)
settings.register_profile("deep", _COMMON, max_examples=2000)
settings.load_profile(os.environ.get("RONDA_HYPOTHESIS", "fast"))


# A shell that starts the tests in the background has them ignore Ctrl-C, and their children too;
# tests that press it need it to arrive.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@functools.cache
def _mounts_may_be_private() -> bool:
    command = ["unshare", "--mount", "--propagation", "slave", "true"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what this user or this machine cannot do, and say why."""
    if item.get_closest_marker("root") and os.geteuid():
        pytest.skip("needs root")
    if item.get_closest_marker("mounts") and not _mounts_may_be_private():
        pytest.skip("no mounts of its own here: / is no mount point (a bare chroot?)")


def open_descriptors() -> dict[int, str]:
    """Return the descriptors of this process and what each one is."""
    found: dict[int, str] = {}
    for name in os.listdir("/proc/self/fd"):
        # The listing's own descriptor is closed again by now.
        with contextlib.suppress(OSError):
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
    return found


def child_processes() -> dict[int, str]:
    """Return the children of this process, dead but unreaped ones too, with their commands."""
    found: dict[int, str] = {}
    # Not all of /proc, which takes milliseconds before and after each of thousands of tests.
    for task in os.listdir("/proc/self/task"):
        with contextlib.suppress(OSError), open(f"/proc/self/task/{task}/children") as listed:
            for name in listed.read().split():
                with (
                    contextlib.suppress(OSError),
                    open(f"/proc/{name}/comm", encoding="latin-1") as file,
                ):
                    found[int(name)] = file.read().strip()
    return found


def running_threads() -> dict[int, str]:
    """Return the threads of this process by identity."""
    return {id(thread): thread.name for thread in threading.enumerate()}


def _left(before: dict[int, str], look: Callable[[], dict[int, str]], deadline: float) -> list[str]:
    """Return what *look* shows beyond *before*, after it has had time until *deadline* to go."""
    while True:
        left = [f"{key} {what}" for key, what in look().items() if before.get(key) != what]
        if not left or time.monotonic() > deadline:
            return left
        gc.collect()
        time.sleep(0.02)


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    """Fail a test that leaves a thread, a child process, a file or a socket behind."""
    threads, children, descriptors = running_threads(), child_processes(), open_descriptors()
    yield
    deadline = time.monotonic() + _GOING
    left = {
        "threads": _left(threads, running_threads, deadline),
        "child processes": _left(children, child_processes, deadline),
        "descriptors": _left(descriptors, open_descriptors, deadline),
    }
    told = "; ".join(f"{kind}: {', '.join(found)}" for kind, found in left.items() if found)
    assert not told, f"left behind by the test: {told}"
