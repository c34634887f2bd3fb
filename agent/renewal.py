"""Renewing the certificate in time, in a process of its own: cryptography costs 25 MiB."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

from agent.clock import SECOND, Clock
from agent.identity import Identity, load

_RETRY_SECONDS = 900.0
_TIMEOUT_SECONDS = 120.0
_PROGRAM = "from agent.enrolment import renew_main; renew_main()"


class Renewal:
    """Starts the renewing process when it is time; poll it with `tick`."""

    def __init__(self, state_dir: Path, clock: Clock) -> None:
        """*state_dir* holds the identity."""
        self._state_dir = state_dir
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None
        self._started = 0.0
        self._retry_at = 0.0
        self.problem: str | None = None
        """One sentence while renewal does not work."""

    def tick(self, identity: Identity) -> Identity | None:
        """Return the renewed identity once it is there.

        Raises:
            IdentityError: the renewed identity cannot be loaded.
        """
        now = self._clock.monotonic()
        if self._process is None:
            if self._clock.wall() >= identity.renew_at and now >= self._retry_at:
                try:
                    self._start(now)
                except OSError as error:  # no process, no room in /tmp: delivery must go on
                    self._failed(identity, now, error.strerror or str(error))
            return None
        code = self._process.poll()
        if code is None:
            if now - self._started > _TIMEOUT_SECONDS:
                self._process.kill()
            return None
        words = self._finish()
        if code == 0:
            self.problem = None
            return load(self._state_dir)
        self._failed(identity, now, words or "no answer")
        return None

    def _failed(self, identity: Identity, now: float, words: str) -> None:
        self._finish()
        self._retry_at = now + _RETRY_SECONDS
        left = (identity.record.not_after - self._clock.wall()) // (3600 * SECOND)
        self.problem = f"certificate ({left} h left) cannot be renewed: {words}"

    def _start(self, now: float) -> None:
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed in _finish
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(self._state_dir)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._output,
            cwd="/",
            env={**os.environ, "PYTHONSAFEPATH": "1"},
        )
        self._started = now

    def _finish(self) -> str:
        """Reap; return the last line that the process wrote."""
        if self._process is not None:
            self._process.wait()
            self._process = None
        if self._output is None:
            return ""
        with contextlib.closing(self._output) as output:
            output.seek(0)
            lines = output.read(65536).decode("utf-8", "replace").strip().splitlines()
        self._output = None
        return lines[-1][:300] if lines else ""

    def close(self) -> None:
        """Kill a running process."""
        if self._process is not None:
            self._process.kill()
        self._finish()
