"""The HTTP application for hosts that have no certificate yet."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time

import msgspec
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from collectors.wire import Rejection
from server.fleet import agents
from server.fleet.agents import Enrolled, safe_host, safe_word
from server.fleet.ca import BadRequest
from server.fleet.tokens import TokenRefused
from server.ingest.batch import Refusal
from server.ingest.bodies import MAX_SMALL, Bodies, address_of, answer, busy, reject
from server.ingest.throttle import Throttle
from server.ingest.uplink import Uplink, certificate
from server.ingest.writer import Overloaded

log = logging.getLogger(__name__)

BAD_SECRET_SECONDS = 1.0
_FAILURES = 10
"""Bad secrets a minute from one address."""
_AT_ONCE = 8
"""Enrolments looked at together; more wait."""


class _EnrollRequest(msgspec.Struct, frozen=True, kw_only=True):
    secret: str
    csr: str
    host: str
    host_id: str
    boot_id: str
    agent_version: str


class EnrollApi:
    """Endpoints for hosts that have no certificate yet: the secret is all that counts."""

    def __init__(self, uplink: Uplink) -> None:
        self._up = uplink
        self._bodies = Bodies(8 << 20)
        self._throttle = Throttle(_FAILURES, 60.0)
        self._slots = asyncio.Semaphore(_AT_ONCE)

    def app(self) -> Starlette:
        """Return the application."""
        return Starlette(
            routes=[
                Route("/v1/ca", self.ca, methods=["GET"]),
                Route("/v1/enroll", self.enroll, methods=["POST"]),
            ]
        )

    async def ca(self, _request: Request) -> Response:
        """Return the CA's certificate; the sysadmin's string has its fingerprint."""
        return PlainTextResponse(self._up.authority.pem, media_type="application/x-pem-file")

    async def enroll(self, request: Request) -> Response:
        """Trade a secret and a key for an identity."""
        address = address_of(request)
        if not self._throttle.allows(address, time.monotonic()):
            headers = {"retry-after": "60"}
            return answer(429, Rejection(reason="too many attempts; wait a minute"), headers)
        try:
            async with self._bodies.read(request, MAX_SMALL) as body:
                asked = msgspec.json.decode(body, type=_EnrollRequest)
            return await self._enroll(asked, address)
        except (msgspec.MsgspecError, UnicodeDecodeError, BadRequest) as error:
            return reject(400, str(error))
        except Refusal as refusal:
            return reject(refusal.status, refusal.reason)
        except Overloaded as error:
            return busy(error.reason, error.retry_after)
        except (sqlite3.Error, OSError) as error:
            log.warning("enrolment cannot be served: %s", error)
            return busy("the collector cannot enrol at the moment", 15)
        except ClientDisconnect:
            return Response(status_code=499)

    async def _enroll(self, asked: _EnrollRequest, address: str) -> Response:
        up = self._up

        def work() -> Enrolled:
            return agents.enroll(
                up.presence.state,
                up.authority,
                secret=asked.secret,
                csr=asked.csr,
                host=safe_host(asked.host),
                host_id=safe_word(asked.host_id),
                boot_id=safe_word(asked.boot_id),
                version=safe_word(asked.agent_version),
                address=address,
                now=time.time_ns(),
            )

        try:
            async with self._slots:  # not while a bad secret waits below: others may enrol
                enrolled = await asyncio.get_running_loop().run_in_executor(up.pool, work)
        except TokenRefused as error:
            log.warning("enrolment from %s refused: %s", address, error)
            self._throttle.fail(address, time.monotonic())
            await asyncio.sleep(BAD_SECRET_SECONDS)
            reason = "the enrolment string is not valid (unknown, used, expired or for another host"
            return reject(403, reason + "); get a new one with: ronda enroll token")
        log.info("agent %s enrolled from %s", enrolled.agent, address)
        return certificate(up, enrolled, with_key=True)
