"""Packages: where hosts with one version have different files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from server.api.services import Services
from server.api.web import JSON, in_thread, integer
from server.detect.disagreement import disagreements

MAX_VERSIONS = 1000


async def compare(request: Request) -> Response:
    """GET /v1/packages/compare"""
    return JSON(await in_thread(_compare, request.app.state.services, dict(request.query_params)))


def _compare(services: Services, query: Mapping[str, str]) -> dict[str, Any]:
    limit = integer(query, "limit", 200, 1, MAX_VERSIONS)
    return {"digests": disagreements(services.state, limit)}
