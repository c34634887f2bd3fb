"""The bundle for agents: made of the tables of canaries and registers, signed, kept by version.

A new version is made when the tables have changed, and when half of the life of the last one is
over. Versions are seconds since 1970: also a collector that was restored from a backup goes on
above what its agents have seen.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from collectors.knowledge import PREFIX, Canary, Manifest, Mark, Register, Signed, place_token
from server.fleet.ca import Signer
from server.store.state import StateStore

LIFE = 30 * 86_400 * 10**9
"""ns for which agents take a bundle on."""
_KEPT = 20
"""Versions that are kept, to look back."""


class Bundle(NamedTuple):
    """One version."""

    version: int
    signed: bytes
    """`collectors.knowledge.Signed` as msgpack."""


def current(state: StateStore) -> Bundle | None:
    """Return the newest version, None before the first."""
    rows = state.query("SELECT version, signed FROM bundle ORDER BY version DESC LIMIT 1")
    return Bundle(rows[0]["version"], rows[0]["signed"]) if rows else None


def refresh(
    state: StateStore, signer: Signer, key: bytes, now: int, *, epoch: int = 1
) -> Bundle | None:
    """Return the newest version after making one when that is due; None while there is nothing.

    Args:
        state: with the tables.
        signer: of bundles.
        key: the fleet key of *epoch*.
        now: ns since 1970.
        epoch: of the fleet key.
    """
    # Nearly always there is nothing new: looking must not take the one lock for writing.
    if not _look(state, key, now, epoch).due:
        return current(state)
    with state.transaction():
        parts, digest, last, due = _look(state, key, now, epoch)
        if not due:
            return current(state)
        version = max(now // 10**9, last + 1)
        canaries, registers, retired = parts
        manifest = Manifest(
            version=version,
            made=now,
            expires=now + LIFE,
            epoch=epoch,
            canaries=canaries,
            registers=registers,
            retired=retired,
        )
        signed = _signed(signer, manifest)
        state.execute("INSERT INTO bundle VALUES (?, ?, ?, ?)", (version, now, digest, signed))
        state.execute(
            "DELETE FROM bundle WHERE version NOT IN"
            " (SELECT version FROM bundle ORDER BY version DESC LIMIT ?)",
            (_KEPT,),
        )
    return Bundle(version, signed)


_Contents = tuple[tuple[Canary, ...], tuple[Register, ...], tuple[str, ...]]


class _Look(NamedTuple):
    parts: _Contents
    digest: str
    last: int
    """The newest version, 0 before the first."""
    due: bool


def _look(state: StateStore, key: bytes, now: int, epoch: int) -> _Look:
    """Return what the tables hold, and whether it asks for a new version."""
    parts = _contents(state, key)
    digest = hashlib.sha256(msgspec.msgpack.encode([parts, epoch])).hexdigest()
    rows = state.query("SELECT version, digest, made FROM bundle ORDER BY version DESC LIMIT 1")
    if not rows:
        return _Look(parts, digest, 0, any(parts))
    row = rows[0]
    due = row["digest"] != digest or now - row["made"] >= LIFE // 2
    return _Look(parts, digest, row["version"], due)


def _signed(signer: Signer, manifest: Manifest) -> bytes:
    data = msgspec.msgpack.encode(manifest)
    return msgspec.msgpack.encode(
        Signed(
            manifest=data,
            signature=signer.sign(PREFIX + data),
            certificate=signer.certificate,
        )
    )


def _contents(state: StateStore, key: bytes) -> _Contents:
    return tuple(_canaries(state, key)), tuple(_registers(state)), tuple(_retired(state))


def _canaries(state: StateStore, key: bytes) -> Iterator[Canary]:
    places: dict[str, list[str]] = {}
    for row in state.query("SELECT * FROM canary_place ORDER BY canary, host, path"):
        path = str(row["path"]).encode("utf-8", "surrogateescape")
        places.setdefault(row["canary"], []).append(place_token(key, row["host"], path))
    rows = state.query("SELECT id, marks FROM canary WHERE retired IS NULL ORDER BY id")
    for row in rows:
        yield Canary(
            id=row["id"],
            marks=tuple(msgspec.convert(one, Mark) for one in json.loads(row["marks"])),
            planted=tuple(places.get(row["id"], ())),
        )


def _registers(state: StateStore) -> Iterator[Register]:
    sql = "SELECT name, sha256, size FROM register WHERE removed IS NULL ORDER BY name"
    for row in state.query(sql):
        yield Register(name=row["name"], sha256=row["sha256"], size=row["size"])


def _retired(state: StateStore) -> Iterator[str]:
    sql = (
        "SELECT id AS name FROM canary WHERE retired IS NOT NULL"
        " UNION SELECT name FROM register WHERE removed IS NOT NULL ORDER BY 1"
    )
    for row in state.query(sql):
        yield str(row["name"])


def register_path(directory: Path, sha256: str) -> Path:
    """Return where the register with this hash lies."""
    return directory / f"{sha256}.edm"
