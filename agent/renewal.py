"""Renewing the certificate in time, in a process of its own."""

from __future__ import annotations

from pathlib import Path

from agent.clock import SECOND, Clock
from agent.errand import Errand
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
        self._errand = Errand(_PROGRAM, str(state_dir), seconds=_TIMEOUT_SECONDS)
        self._retry_at = 0.0
        self.problem: str | None = None
        """One sentence while renewal does not work."""

    def tick(self, identity: Identity) -> Identity | None:
        """Return the renewed identity once it is there.

        Raises:
            IdentityError: the renewed identity cannot be loaded.
        """
        now = self._clock.monotonic()
        if not self._errand.running:
            if self._clock.wall() >= identity.renew_at and now >= self._retry_at:
                try:
                    self._errand.start(now)
                except OSError as error:  # no process, no room in /tmp: delivery must go on
                    self._failed(identity, now, error.strerror or str(error))
            return None
        done = self._errand.poll(now)
        if done is None:
            return None
        if done.code == 0:
            self.problem = None
            return load(self._state_dir)
        self._failed(identity, now, done.words or "no answer")
        return None

    def _failed(self, identity: Identity, now: float, words: str) -> None:
        self._errand.finish()
        self._retry_at = now + _RETRY_SECONDS
        left = (identity.record.not_after - self._clock.wall()) // (3600 * SECOND)
        self.problem = f"certificate ({left} h left) cannot be renewed: {words}"

    def close(self) -> None:
        """Kill a running process."""
        self._errand.close()
