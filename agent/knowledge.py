"""What to look for, as the collector says it: fetched when it has something newer, proven, kept.

Fetching and proving run in a short-lived process. A bundle is refused when its signature is not
of the pinned authority, when it is not newer than the one in force, when it has expired, or when
it lacks more than half of what was there without naming it as retired; the one in force stays.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from agent.clock import Clock
from agent.errand import Errand
from agent.files import give_to_owner_of, write_atomically
from collectors.knowledge import (
    MAX_ALL_REGISTERS,
    MAX_REGISTER,
    MAX_REGISTERS,
    Manifest,
    Register,
    Signed,
    lost,
)

FOLDER = "knowledge"
BUNDLE = "bundle.msgpack"
_RETRY_SECONDS = 300.0
_TIMEOUT_SECONDS = 300.0
_PROGRAM = "from agent.enrolment import knowledge_main; knowledge_main()"


class Refused(Exception):  # noqa: N818 - named for what it is
    """A bundle or register is not taken; ``str()`` says why."""


def installed(state_dir: Path) -> Manifest | None:
    """Return the manifest in force, None when there is none or its file is damaged."""
    try:
        data = (state_dir / FOLDER / BUNDLE).read_bytes()
        signed = msgspec.msgpack.decode(data, type=Signed)
        return msgspec.msgpack.decode(signed.manifest, type=Manifest)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def check(old: Manifest | None, new: Manifest, epoch: int, now: int) -> None:
    """Check that *new* may take the place of *old*; its signature is good. Pure.

    Raises:
        Refused: it may not.
    """
    if old is not None and new.version < old.version:
        raise Refused(f"bundle {new.version} is older than {old.version}, which stays in force")
    if new.expires < now:
        raise Refused(f"bundle {new.version} has expired: check both clocks")
    if new.epoch != epoch:
        raise Refused(f"bundle {new.version} is for epoch {new.epoch} of the key, not {epoch}")
    sizes = [one.size for one in new.registers]
    fit = all(0 < size <= MAX_REGISTER for size in sizes) and sum(sizes) <= MAX_ALL_REGISTERS
    if len(sizes) > MAX_REGISTERS or not fit:
        raise Refused(f"bundle {new.version} has more registers than fit here")
    if old is not None:
        gone = lost(old, new)
        if 2 * len(gone) > len(old.canaries) + len(old.registers):
            raise Refused(
                f"bundle {new.version} lacks {len(gone)} entries and does not say why (a restored"
                f" collector?); if that is right, remove the folder {FOLDER} in the agent's state"
            )


def store(directory: Path, signed: bytes, registers: dict[str, bytes]) -> None:
    """Write a bundle and its new registers; the bundle last, then drop what it does not name.

    Raises:
        OSError: the directory cannot be written.
    """
    directory.mkdir(mode=0o700, exist_ok=True)
    for sha256, data in registers.items():
        write_atomically(directory / f"{sha256}.edm", data)
    write_atomically(directory / BUNDLE, signed)
    manifest = installed(directory.parent)
    named = {f"{one.sha256}.edm" for one in manifest.registers} if manifest else set()
    for path in directory.glob("*.edm"):
        if path.name not in named:
            path.unlink(missing_ok=True)
    give_to_owner_of(directory.parent, directory)


def is_complete(directory: Path, register: Register) -> bool:
    """Tell whether the file of *register* is there as it should be."""
    try:
        data = (directory / f"{register.sha256}.edm").read_bytes()
    except OSError:
        return False
    return hashlib.sha256(data).hexdigest() == register.sha256


class Fetching:
    """Starts the fetching process when the collector has a newer bundle; poll it with `tick`."""

    def __init__(self, state_dir: Path, clock: Clock) -> None:
        """*state_dir* holds identity and knowledge."""
        self._state_dir = state_dir
        self._clock = clock
        self._errand = Errand(_PROGRAM, str(state_dir), seconds=_TIMEOUT_SECONDS)
        self._retry_at = 0.0
        self._asked = 0
        manifest = installed(state_dir)
        self.version = manifest.version if manifest else 0
        """In force."""
        self.wanted = 0
        """What the collector said it has."""
        self.problem: str | None = None
        """One sentence while fetching does not work."""

    def tick(self) -> bool:
        """Go on; True when a newer bundle has come into force."""
        now = self._clock.monotonic()
        if not self._errand.running:
            # A pause is for the version that was asked for; a newer one does not wait for its end.
            if self.wanted not in (0, self.version) and (
                self.wanted != self._asked or now >= self._retry_at
            ):
                self._asked = self.wanted
                try:
                    self._errand.start(now)
                except OSError as error:
                    self._failed(now, error.strerror or str(error))
            return False
        done = self._errand.poll(now)
        if done is None:
            return False
        if done.code:
            self._failed(now, done.words or "no answer")
            return False
        manifest = installed(self._state_dir)
        before, self.version = self.version, manifest.version if manifest else 0
        self.problem = None
        if self.version == before:  # the collector has gone on meanwhile, or back
            self._retry_at = now + _RETRY_SECONDS
        return self.version != before

    def _failed(self, now: float, words: str) -> None:
        self._errand.finish()
        self._retry_at = now + _RETRY_SECONDS
        self.problem = f"canaries and registers cannot be brought up to date: {words}"

    def close(self) -> None:
        """Kill a running process."""
        self._errand.close()
