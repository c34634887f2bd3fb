"""What the agent was given to look for, as sensors need it: read anew when it changes."""

from __future__ import annotations

import os
from typing import NamedTuple

import msgspec

from collectors.knowledge import Canary, Manifest, Signed, places

_NOTHING = Manifest(version=0, made=0, expires=0, epoch=0)


class _Place(NamedTuple):
    inode: int
    mtime: int


class Knowledge:
    """The bundle in the agent's state; the agent has checked its signature when it came."""

    def __init__(self, directory: bytes, key: bytes, epoch: int, host: str) -> None:
        """*directory* may be empty: then there is nothing. *key* is the fleet key of *epoch*."""
        self._directory = directory
        self._key = key
        self._epoch = epoch
        self._host = host
        self._seen: _Place | None = None
        self._manifest = _NOTHING
        self._planted: dict[str, frozenset[str]] = {}
        self.changes = 0
        """How often `refresh` has found something else."""
        self.registers: tuple[int, ...] = ()
        """Descriptors, open until the next change or `close`."""
        self.register_names: tuple[str, ...] = ()
        """Of these, in the same order."""

    @property
    def canaries(self) -> tuple[Canary, ...]:
        """Return what must not be seen anywhere."""
        return self._manifest.canaries

    @property
    def hashes(self) -> tuple[str, ...]:
        """Return the hashes of the registers in force."""
        return tuple(one.sha256 for one in self._manifest.registers)

    def refresh(self) -> bool:
        """Read again what has changed; True when something has."""
        place = self._place()
        if place == self._seen:
            return False
        self.close()
        self.changes += 1
        self._seen = place
        manifest = self._read() if place is not None else _NOTHING
        if manifest.epoch != self._epoch:
            manifest = _NOTHING  # tokens of another key mean nothing here
        self._manifest = manifest
        self._planted = {one.id: frozenset(one.planted) for one in manifest.canaries if one.planted}
        opened = self._open()
        self.registers = tuple(descriptor for descriptor, _ in opened)
        self.register_names = tuple(name for _, name in opened)
        return True

    def _place(self) -> _Place | None:
        if not self._directory:
            return None
        try:
            status = os.stat(self._directory + b"/bundle.msgpack")
        except OSError:
            return None
        return _Place(status.st_ino, status.st_mtime_ns)

    def _read(self) -> Manifest:
        try:
            with open(self._directory + b"/bundle.msgpack", "rb") as file:
                signed = msgspec.msgpack.decode(file.read(), type=Signed)
            return msgspec.msgpack.decode(signed.manifest, type=Manifest)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return _NOTHING

    def _open(self) -> list[tuple[int, str]]:
        found = []
        for one in self._manifest.registers:
            path = self._directory + b"/" + one.sha256.encode() + b".edm"
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            except OSError:
                continue  # a new bundle is just coming; the next look sees it
            found.append((descriptor, one.name))
        return found

    def is_planted(self, canary: str, real: bytes) -> bool:
        """Tell whether *canary* was planted in the file *real*, or in a directory above it."""
        known = self._planted.get(canary)
        if not known:
            return False
        return any(token in known for token in places(self._key, self._host, real))

    def close(self) -> None:
        """Let go of the registers."""
        for descriptor in self.registers:
            os.close(descriptor)
        self.registers = ()
        self.register_names = ()
        self._seen = None
