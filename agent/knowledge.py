"""What to look for, as the collector says it: fetched when it has something newer, proven, kept.

Fetching and proving run in a short-lived process. A bundle is refused when its signature is not
of the pinned authority, when it is not newer than the one in force, when it has expired, or when
it lacks more than half of what was there without naming it as retired; the one in force stays.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from agent.clock import Clock
from agent.errand import Errand
from agent.files import give_to_owner_of, write_atomically, write_pieces_atomically
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
_TIMEOUT_SECONDS = 3600.0
"""All registers over a line of 256 kbit/s; a line that has died is noticed much earlier."""
_PIECE = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")
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
    if not all(_SHA256.fullmatch(one.sha256) for one in new.registers):
        raise Refused(f"bundle {new.version} has a register whose hash is no hash")
    if old is not None:
        gone = lost(old, new)
        if 2 * len(gone) > len(old.canaries) + len(old.registers):
            raise Refused(
                f"bundle {new.version} lacks {len(gone)} entries and does not say why (a restored"
                f" collector?); if that is right, remove the folder {FOLDER} in the agent's state"
            )


def receive(directory: Path, register: Register, pieces: Iterable[bytes]) -> None:
    """Keep a register as it comes: of several, those that came need not come again.

    Raises:
        Refused: it is not what the bundle says; nothing of it is kept.
        OSError: the directory cannot be written.
    """
    directory.mkdir(mode=0o700, exist_ok=True)
    write_pieces_atomically(_file_of(directory, register), _checked(register, pieces))


def _checked(register: Register, pieces: Iterable[bytes]) -> Iterator[bytes]:
    said, size = hashlib.sha256(), 0
    for piece in pieces:
        size += len(piece)
        if size > register.size:
            raise Refused(f"register {register.name!r} is larger than the bundle says")
        said.update(piece)
        yield piece
    if said.hexdigest() != register.sha256:
        raise Refused(f"register {register.name!r} came damaged")


def store(directory: Path, signed: bytes) -> None:
    """Write a bundle whose registers are there, then drop what it does not name.

    Raises:
        OSError: the directory cannot be written.
    """
    directory.mkdir(mode=0o700, exist_ok=True)
    write_atomically(directory / BUNDLE, signed)
    manifest = installed(directory.parent)
    named = {_file_of(directory, one) for one in manifest.registers} if manifest else set()
    for path in (*directory.glob("*.edm"), *directory.glob("*.new")):
        if path not in named:
            path.unlink(missing_ok=True)
    give_to_owner_of(directory.parent, directory)


def is_complete(directory: Path, register: Register) -> bool:
    """Tell whether the file of *register* is there as it should be."""
    said = hashlib.sha256()
    try:
        with _file_of(directory, register).open("rb") as file:
            while piece := file.read(_PIECE):
                said.update(piece)
    except OSError:
        return False
    return said.hexdigest() == register.sha256


def _file_of(directory: Path, register: Register) -> Path:
    return directory / f"{register.sha256}.edm"


def _in_force(state_dir: Path) -> int:
    manifest = installed(state_dir)
    if manifest is None:
        return 0
    for one in manifest.registers:
        try:
            size = _file_of(state_dir / FOLDER, one).stat().st_size
        except OSError:
            return 0
        if size != one.size:
            return 0
    return manifest.version


class Fetching:
    """Starts the fetching process when the collector has a newer bundle; poll it with `tick`."""

    def __init__(self, state_dir: Path, clock: Clock) -> None:
        """*state_dir* holds identity and knowledge."""
        self._state_dir = state_dir
        self._clock = clock
        self._errand = Errand(_PROGRAM, str(state_dir), seconds=_TIMEOUT_SECONDS)
        self._retry_at = 0.0
        self._asked = 0
        self.version = _in_force(state_dir)
        """In force; 0 when a part of it is missing, so that it is fetched again."""
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
        before, self.version = self.version, _in_force(self._state_dir)
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
