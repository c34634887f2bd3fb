"""What the handlers of both applications work with."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
from starlette.responses import Response

from server.fleet.agents import Enrolled
from server.fleet.ca import Authority
from server.ingest.bodies import answer
from server.ingest.bundles import Bundles
from server.ingest.presence import Presence
from server.ingest.writer import WriterThread
from server.store.state import StateStore


class Uplink(msgspec.Struct, frozen=True, kw_only=True):
    """What the handlers work with."""

    authority: Authority
    state: StateStore
    """For reading in the event loop; a writer elsewhere does not block it."""
    writer: WriterThread
    presence: Presence
    pool: ThreadPoolExecutor
    collector_key: bytes
    fleet_key: bytes
    agent_url: str
    bundles: Bundles
    registers: Path
    """Where the files of registers lie."""
    fleet_epoch: int = 1


class _Certificate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    agent: str
    opd: str
    certificate: str
    ca: str
    agent_url: str
    not_before: int
    not_after: int
    fleet_epoch: int
    fleet_key: str | None = None


def certificate(up: Uplink, enrolled: Enrolled, *, with_key: bool) -> Response:
    """Return the answer that carries a certificate; the fleet key only at enrolment."""
    issued = enrolled.issued
    content = _Certificate(
        agent=enrolled.agent,
        opd=enrolled.opd,
        certificate=issued.pem,
        ca=up.authority.pem,
        agent_url=up.agent_url,
        not_before=issued.not_before,
        not_after=issued.not_after,
        fleet_epoch=up.fleet_epoch,
        fleet_key=base64.b64encode(up.fleet_key).decode() if with_key else None,
    )
    return answer(200, content)
