"""Registers of protected people: files of keyed hashes that agents get with the next bundle."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import time
from pathlib import Path
from typing import Any

import msgspec

from collectors.knowledge import MAX_ALL_REGISTERS, MAX_REGISTER, MAX_REGISTERS
from server.fleet.bundle import register_path
from server.store.state import StateStore
from signatures.edm.form import BadRegister, Header, verify

_UPLOAD_SECONDS = 86_400.0
"""After which an upload goes on no more."""
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class NotAdded(ValueError):  # noqa: N818 - named for what it is
    """A register is not taken; ``str()`` says why."""


class Shelf:
    """The registers in use, in the state and in a directory of files."""

    def __init__(self, state: StateStore, directory: Path) -> None:
        self._state = state
        self._directory = directory

    def add(self, fresh: Path, name: str, key: bytes, by: str) -> dict[str, Any]:
        """Take the file *fresh*, in the directory, into use in place of one of the same name.

        Returns:
            The row of the register.

        Raises:
            NotAdded: it is no register of this fleet, too large, or there are too many.
            OSError, sqlite3.Error: it cannot be kept.
        """
        if not NAME.fullmatch(name):
            raise NotAdded("a name has up to 40 of the characters a-z, 0-9, - and _")
        header, sha256, size = _checked(fresh, key)
        facts = json.dumps(msgspec.to_builtins(header))
        state = self._state
        with state.transaction():
            (others,) = state.query(
                "SELECT count(*) AS n, coalesce(sum(size), 0) AS bytes FROM register"
                " WHERE removed IS NULL AND name <> ?",
                (name,),
            )
            if others["n"] >= MAX_REGISTERS:
                raise NotAdded(f"there are {others['n']} registers already; remove one first")
            if others["bytes"] + size > MAX_ALL_REGISTERS:
                raise NotAdded(f"all registers together may have {MAX_ALL_REGISTERS} bytes")
            os.rename(fresh, register_path(self._directory, sha256))
            state.execute(
                "INSERT OR REPLACE INTO register VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
                (name, sha256, size, header.people, facts, time.time_ns(), by),
            )
        self._tidy()
        return state.query("SELECT * FROM register WHERE name = ?", (name,))[0]

    def remove(self, name: str) -> bool:
        """Take a register out of use; False when there is none of that name."""
        changed = self._state.execute(
            "UPDATE register SET removed = ? WHERE name = ? AND removed IS NULL",
            (time.time_ns(), name),
        ).rowcount
        self._tidy()
        return bool(changed)

    def _tidy(self) -> None:
        rows = self._state.query("SELECT sha256 FROM register WHERE removed IS NULL")
        used = {register_path(self._directory, row["sha256"]) for row in rows}
        for path in self._directory.glob("*.edm"):
            if path not in used:
                path.unlink(missing_ok=True)
        for path in self._directory.glob("*.new"):  # of an upload that a crash has cut
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _UPLOAD_SECONDS:
                    path.unlink()


def _checked(fresh: Path, key: bytes, epoch: int = 1) -> tuple[Header, str, int]:
    size = fresh.stat().st_size
    if size > MAX_REGISTER:
        raise NotAdded(f"the register has {size} bytes, at most {MAX_REGISTER} fit an agent")
    with fresh.open("rb") as file:
        try:
            header = verify(file, size, key, epoch)
        except BadRegister as error:
            raise NotAdded(str(error)) from error
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return header, sha256, size
