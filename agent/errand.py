"""A short-lived process that does one thing for the agent: cryptography costs 25 MiB."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from typing import IO, NamedTuple


class Outcome(NamedTuple):
    """How a process ended."""

    code: int
    words: str
    """The last line that it wrote to stderr."""


class Errand:
    """Starts one process at a time; poll it."""

    def __init__(self, program: str, *arguments: str, seconds: float) -> None:
        """*program* is Python; after *seconds* the process is killed."""
        self._command = ("-c", program, *arguments)
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None
        self._started = 0.0

    @property
    def running(self) -> bool:
        """Whether the process has not been reaped."""
        return self._process is not None

    def start(self, now: float) -> None:
        """Start the process; *now* is the monotonic clock.

        Raises:
            OSError: no process, or no room in /tmp.
        """
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed in finish
        self._process = subprocess.Popen(
            [sys.executable, *self._command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._output,
            cwd="/",
            env={**os.environ, "PYTHONSAFEPATH": "1"},
        )
        self._started = now

    def poll(self, now: float) -> Outcome | None:
        """Return how it ended, None while it runs."""
        if self._process is None:
            return None
        code = self._process.poll()
        if code is None:
            if now - self._started > self._seconds:
                self._process.kill()
            return None
        return Outcome(code, self.finish())

    def finish(self) -> str:
        """Reap; return the last line that the process wrote."""
        if self._process is not None:
            self._process.wait()
            self._process = None
        output, self._output = self._output, None
        if output is None:
            return ""
        with output:
            output.seek(0)
            lines = output.read(65536).decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:300] if lines else ""

    def close(self) -> None:
        """Kill a running process."""
        if self._process is not None:
            self._process.kill()
        self.finish()
