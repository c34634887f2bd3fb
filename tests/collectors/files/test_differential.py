"""What must not happen: after whatever operations, a view that differs from the disk, a change
untold, or one told of a file that was not there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.collectors.files.operations import KINDS

_TOP = Path(__file__).parents[3]
_TIMES = 3
"""Sequences for each example of the profile: 180, and 6,000 with RONDA_HYPOTHESIS=deep."""
_numbers = st.integers(0, 59)
_operations = st.lists(
    st.tuples(st.sampled_from(KINDS), _numbers, _numbers, _numbers), min_size=1, max_size=40
)


@contextmanager
def beside_the_sensor(*, mounts: bool) -> Iterator[Any]:
    """Yield a function that plays a sequence beside one sensor and returns its faults."""
    command = [sys.executable, "-m", "tests.collectors.files.differential"]
    if mounts:
        command = ["unshare", "--mount", "--propagation", "private", *command, "mounts"]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(_TOP)},
        cwd=_TOP,
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def play(operations: list[Any], *, warm: bool) -> list[str]:
        assert process.stdin is not None
        assert process.stdout is not None
        print(json.dumps({"operations": operations, "warm": warm}), file=process.stdin, flush=True)
        faults: list[str] = json.loads(process.stdout.readline())
        return faults

    try:
        yield play
    finally:
        process.stdin.close()
        assert process.wait(60) == 0
        process.stdout.close()


@pytest.mark.slow
@pytest.mark.usefixtures("backend")
def test_the_view_equals_the_disk_after_whatever_operations() -> None:
    check_many(mounts=False, times=_TIMES)


@pytest.mark.slow
@pytest.mark.root
@pytest.mark.mounts
def test_the_view_equals_the_disk_with_mounts() -> None:
    check_many(mounts=True, times=1)


def check_many(*, mounts: bool, times: int) -> None:
    """Play so many times the examples of the profile."""
    with beside_the_sensor(mounts=mounts) as play:

        @settings(
            max_examples=settings().max_examples * times,
            suppress_health_check=list(HealthCheck),
        )
        @given(_operations, st.booleans())
        def check(operations: list[Any], warm: bool) -> None:
            faults = play(operations, warm=warm)
            assert not faults, "\n".join([repr(operations), *faults])

        check()
