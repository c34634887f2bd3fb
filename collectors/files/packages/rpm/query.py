"""Asking rpm, as a child within bounds, and nothing but by number.

Its answer goes into a file in memory: the kernel ends an rpm that writes more than it may. What is
in it is read without trust, elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence

SECONDS = 120.0
_MEMORY = 1 << 30
_WRITTEN = 512 << 20
_START = "from collectors.files.packages.rpm.confined import main; main()"
_POLL = 0.02


class QueryError(Exception):
    """rpm gave no answer; ``str()`` says why, for people."""


@contextlib.contextmanager
def ask(
    database: bytes,
    arguments: Sequence[str],
    pulse: Callable[[], None],
    *,
    rpm: str,
    seconds: float = SECONDS,
    written: int = _WRITTEN,
) -> Iterator[int]:
    """Give a descriptor of what ``rpm -q`` answers about the *database* in that directory.

    *pulse* is called all the while and may raise: rpm is killed then.

    Raises:
        QueryError: there is no rpm, it took too long, wrote too much, or says that it failed.
    """
    if not os.access(rpm, os.X_OK):
        raise QueryError(f"no {rpm}")
    bounds = [str(_MEMORY), str(int(seconds)), str(written)]
    command = [sys.executable, "-I", "-c", _START, *bounds, rpm, "--dbpath", os.fsdecode(database)]
    output = os.memfd_create("rpm", os.MFD_CLOEXEC)
    try:
        process = subprocess.Popen(
            [*command, "-q", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={"LANG": "C.UTF-8"},
        )
        try:
            _wait(process, pulse, seconds)
        finally:
            process.kill()
            process.wait()
        if process.returncode:
            raise QueryError(f"rpm ended with {process.returncode}")
        os.lseek(output, 0, os.SEEK_SET)
        yield output
    finally:
        os.close(output)


def _wait(process: subprocess.Popen[bytes], pulse: Callable[[], None], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            process.wait(_POLL)
        except subprocess.TimeoutExpired:
            if time.monotonic() >= deadline:
                raise QueryError(f"rpm gave no answer in {seconds:g} s") from None
            pulse()
        else:
            return
