"""The Starlette application: routes, the door, errors as one JSON sentence."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from typing import cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from server.api import peer as peers
from server.api.services import Services
from server.api.web import JSON, ApiError

log = logging.getLogger(__name__)


class Door:
    """ASGI middleware: lets in whom the kernel vouches for, and names the actor."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403 to strangers; pass the others on with ``state.actor`` set."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        peer: peers.Peer | None = scope.get("extensions", {}).get(peers.EXTENSION)
        if peer is None or not peers.may_enter(peer, os.geteuid()):
            name = peer.name if peer else "unknown"
            log.warning("refused user %s on the API socket", name)
            refusal = JSON(
                {"error": f"user {name} may not use the collector; join the group {peers.GROUP}"},
                status_code=403,
            )
            await refusal(scope, receive, send)
            return
        scope.setdefault("state", {})["actor"] = peer.name
        await self.app(scope, receive, send)


def _refused(_request: Request, error: Exception) -> Response:
    return JSON({"error": str(error)}, status_code=cast("ApiError", error).status)


def _http_error(_request: Request, error: Exception) -> Response:
    known = {404: "no such address in this API", 405: "not with this method"}
    found = cast("HTTPException", error)
    sentence = known.get(found.status_code, found.detail)
    return JSON({"error": sentence}, status_code=found.status_code)


def _broken(_request: Request, _error: Exception) -> Response:
    # uvicorn logs the traceback.
    return JSON(
        {"error": "the collector failed on this request; see: journalctl -u ronda-server"},
        status_code=500,
    )


def _store_trouble(_request: Request, error: Exception) -> Response:
    log.error("the store cannot be used: %s", error)
    return JSON({"error": f"the collector's database cannot be used now: {error}"}, status_code=500)


def build(services: Services, stopping: asyncio.Event) -> Starlette:
    """Return the application. *stopping* ends the streams."""
    from starlette.middleware import Middleware

    from server.api import routes

    app = Starlette(
        routes=routes.ROUTES,
        middleware=[Middleware(Door)],
        exception_handlers={
            ApiError: _refused,
            HTTPException: _http_error,
            sqlite3.Error: _store_trouble,
            Exception: _broken,
        },
    )
    app.state.services = services
    app.state.stopping = stopping
    return app
