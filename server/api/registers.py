"""Registers of protected people: taken in, listed, removed."""

from __future__ import annotations

import functools
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from collectors.knowledge import MAX_REGISTER
from server.api.services import Services
from server.api.web import JSON, ApiError, Conflict, NoSuchThing, in_thread, iso
from server.fleet import registers
from server.fleet.registers import NotAdded


def view(row: dict[str, Any]) -> dict[str, Any]:
    """Return the public form of a register's row. Pure."""
    facts = json.loads(row["facts"])
    sections = facts["sections"]
    return {
        "name": row["name"],
        "people": row["people"],
        "rows": facts["rows"],
        "left_out": facts["left_out"],
        "types": [one["type"] for one in sections if not one["pairs"]],
        "confirms": any(one["pairs"] for one in sections),
        "size": row["size"],
        "made": iso(facts["made"]),
        "added": iso(row["added"]),
        "added_by": row["added_by"],
        "sha256": row["sha256"],
    }


async def add(request: Request) -> Response:
    """POST /v1/registers?name="""
    services: Services = request.app.state.services
    name = request.query_params.get("name", "")
    directory = services.config.registers_dir
    fresh = await in_thread(_fresh, directory)
    try:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > MAX_REGISTER:
                raise ApiError(f"a register has at most {MAX_REGISTER} bytes")
            await in_thread(_append, fresh, chunk)
        row = await in_thread(_add, services, fresh, name, request.state.actor)
    except ClientDisconnect:
        return Response(status_code=499)
    finally:
        await in_thread(functools.partial(fresh.unlink, missing_ok=True))
    return JSON(view(row))


def _fresh(directory: Path) -> Path:
    directory.mkdir(mode=0o700, exist_ok=True)
    descriptor, path = tempfile.mkstemp(suffix=".new", dir=directory)
    os.close(descriptor)
    return Path(path)


def _append(fresh: Path, data: bytes) -> None:
    with fresh.open("ab") as file:
        file.write(data)


def _add(services: Services, fresh: Path, name: str, actor: str) -> dict[str, Any]:
    try:
        key = (services.config.state_dir / "fleet.key").read_bytes()
    except OSError as error:
        raise Conflict(f"the fleet key cannot be read: {error.strerror}") from error
    shelf = registers.Shelf(services.state, services.config.registers_dir)
    try:
        row = shelf.add(fresh, name, key, actor)
    except NotAdded as error:
        raise ApiError(str(error)) from None
    services.audit(actor, "register.add", name, f"{row['people']} people, {row['sha256']}")
    return row


async def list_registers(request: Request) -> Response:
    """GET /v1/registers"""
    services: Services = request.app.state.services
    sql = "SELECT * FROM register WHERE removed IS NULL ORDER BY name"
    rows = await in_thread(services.state.query, sql)
    return JSON({"registers": [view(row) for row in rows]})


async def remove(request: Request) -> Response:
    """POST /v1/registers/{name}/remove"""
    services: Services = request.app.state.services
    name = request.path_params["name"]
    shelf = registers.Shelf(services.state, services.config.registers_dir)
    if not await in_thread(shelf.remove, name):
        raise NoSuchThing(f"there is no register {name[:40]}; see: ronda edm list")
    await in_thread(services.audit, request.state.actor, "register.remove", name)
    return JSON({"name": name})
