"""The HTTP application behind mutual TLS: batches, heartbeats, renewal."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeAlias

import msgspec
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from collectors import knowledge
from collectors.wire import (
    MAX_COMPRESSED,
    Acknowledgement,
    Batch,
    Heartbeat,
    UnsupportedVersion,
    check_version,
)
from server.fleet import agents
from server.fleet.agents import Health, Refused, Sign, Standing, safe_word
from server.fleet.ca import BadRequest, peer_of
from server.ingest.batch import Opened, Refusal, open_batch
from server.ingest.bodies import MAX_SMALL, Bodies, address_of, answer, busy, reject
from server.ingest.uplink import Uplink, certificate
from server.ingest.writer import Overloaded
from server.store.writer import StoreFull

log = logging.getLogger(__name__)

MAX_AT_ONCE = 4
"""Batches of one agent; it sends one after the other."""
MAX_COVERAGE = 32 << 10
"""Bytes of a heartbeat up to which its coverage is kept: it is shown, not searched."""

Handler: TypeAlias = Callable[[Request, Standing], Awaitable[Response]]


class _RenewRequest(msgspec.Struct, frozen=True, kw_only=True):
    csr: str


class AgentApi:
    """Endpoints behind mutual TLS."""

    def __init__(self, uplink: Uplink) -> None:
        self._up = uplink
        self._bodies = Bodies()
        self._under_way: Counter[str] = Counter()

    def app(self) -> Starlette:
        """Return the application."""
        return Starlette(
            routes=[
                Route("/v1/batch", self._guarded(self.batch), methods=["POST"]),
                Route("/v1/heartbeat", self._guarded(self.heartbeat), methods=["POST"]),
                Route("/v1/renew", self._guarded(self.renew), methods=["POST"]),
                Route("/v1/bundle", self._guarded(self.bundle), methods=["GET"]),
                Route("/v1/register/{sha256}", self._guarded(self.register), methods=["GET"]),
            ]
        )

    def _guarded(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """Let only agents in good standing reach *handler* and turn refusals into answers."""

        async def guarded(request: Request) -> Response:
            try:
                standing = self._standing(request)
                try:
                    return await handler(request, standing)
                except Refusal as refusal:
                    # A header that lies is worth a report too, so this is after the standing.
                    self._up.presence.refused(standing.agent, standing.opd, refusal.reason)
                    return reject(refusal.status, refusal.reason, refusal.sequences)
            except Refused as error:
                return reject(403, str(error))
            except Overloaded as error:
                return busy(error.reason, error.retry_after)
            except StoreFull:
                return busy("the collector's disk is full; events stay with the agents", 60)
            except (sqlite3.Error, OSError) as error:
                log.warning("request cannot be served: %s", error)
                return busy("the collector cannot store events at the moment", 15)
            except ClientDisconnect:
                return Response(status_code=499)

        return guarded

    def _standing(self, request: Request) -> Standing:
        der = request.scope["extensions"]["tls"]["peer"]
        try:
            peer = peer_of(der or b"")
        except ValueError as error:
            raise Refused("the certificate names no agent; re-enrol this agent") from error
        return agents.check(self._up.state, peer, time.time_ns())

    async def batch(self, request: Request, standing: Standing) -> Response:
        """Store a batch and acknowledge it after the commit."""
        up = self._up
        up.writer.check()
        with self._turn(standing.agent):
            return await self._batch(request, standing)

    @contextlib.contextmanager
    def _turn(self, agent: str) -> Iterator[None]:
        """Let no agent fill the queue in front of the decoders, where the others wait, too."""
        if self._under_way[agent] >= MAX_AT_ONCE:
            raise Overloaded("too many batches of this agent at once", 1)
        self._under_way[agent] += 1
        try:
            yield
        finally:
            self._under_way[agent] -= 1
            if not self._under_way[agent]:
                del self._under_way[agent]

    async def _batch(self, request: Request, standing: Standing) -> Response:
        up = self._up
        async with self._bodies.read(request, MAX_COMPRESSED) as body:
            received = time.time_ns()
            opened = await asyncio.get_running_loop().run_in_executor(
                up.pool, open_batch, body, standing, up.collector_key, received
            )
        self._check_order(opened)
        written = await asyncio.wrap_future(up.writer.submit(opened.new, opened.size))
        header = opened.header
        up.presence.heard(_sign(header, header.last, request, received), standing.opd)
        return self._acknowledge(header.epoch, written.acknowledged)

    def _check_order(self, opened: Opened) -> None:
        """Take only what closes gaps from an agent that has left thousands of them."""
        header, new = opened.header, opened.new
        if not self._up.writer.is_scattered(new.agent, new.epoch):
            return
        covered = {event.sequence for event in new.events}
        settled = len(covered) + sum(skip.last - skip.first + 1 for skip in new.skipped)
        next_one = self._up.writer.acknowledged(new.agent, new.epoch) + 1
        if header.first > next_one or settled < header.last - header.first + 1:
            raise Overloaded("too many gaps before these events; send the oldest first", 5)

    async def heartbeat(self, request: Request, standing: Standing) -> Response:
        """Take a sign of life; works while the disk is full."""
        async with self._bodies.read(request, MAX_SMALL) as body:
            beat = _open_heartbeat(body, standing)
        sign = _sign(beat, beat.last, request, time.time_ns())
        health = Health(
            pending=beat.pending,
            healthy=beat.healthy,
            problems=[text[:300] for text in beat.problems[:20]],
            coverage=beat.coverage if len(body) <= MAX_COVERAGE else {},
        )
        self._up.presence.heard(msgspec.structs.replace(sign, health=health), standing.opd)
        return self._acknowledge(
            beat.epoch, self._up.writer.acknowledged(standing.agent, beat.epoch)
        )

    async def renew(self, request: Request, standing: Standing) -> Response:
        """Give a new certificate to an agent that has a good one."""
        try:
            async with self._bodies.read(request, MAX_SMALL) as body:
                asked = msgspec.json.decode(body, type=_RenewRequest)
            enrolled = await asyncio.get_running_loop().run_in_executor(
                self._up.pool,
                agents.renew,
                self._up.presence.state,
                self._up.authority,
                standing.agent,
                asked.csr,
                time.time_ns(),
            )
        except (msgspec.MsgspecError, UnicodeDecodeError, BadRequest) as error:
            raise Refusal(400, str(error)) from error
        return certificate(self._up, enrolled, with_key=False)

    async def bundle(self, _request: Request, _standing: Standing) -> Response:
        """Give out what agents are to look for; its signature stands for itself."""
        signed = self._up.bundles.signed
        if signed is None:
            return reject(404, "there is no bundle yet")
        return Response(signed, media_type=knowledge.CONTENT_TYPE)

    async def register(self, request: Request, _standing: Standing) -> Response:
        """Give out the filter of a register."""
        up = self._up
        path = await asyncio.get_running_loop().run_in_executor(
            up.pool, up.bundles.register, up.registers, request.path_params["sha256"]
        )
        if path is None:
            return reject(404, "there is no such register")
        return FileResponse(path, media_type="application/octet-stream")

    def _acknowledge(self, epoch: int, acknowledged: int) -> Response:
        return answer(
            200,
            Acknowledgement(
                epoch=epoch,
                acknowledged=acknowledged,
                now=time.time_ns(),
                bundle=self._up.bundles.version,
            ),
        )


def _open_heartbeat(body: bytes, standing: Standing) -> Heartbeat:
    try:
        beat = msgspec.msgpack.decode(body, type=Heartbeat)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(400, f"not a heartbeat: {error}") from error
    try:
        check_version(beat.version)
    except UnsupportedVersion as error:
        raise Refusal(426, str(error)) from error
    if beat.agent != standing.agent:
        raise Refusal(403, "the heartbeat names another agent than its certificate: re-enrol")
    if not (0 <= beat.epoch < 2**63 and 0 <= beat.last < 2**63 and 0 <= beat.pending < 2**63):
        raise Refusal(400, "a number is out of range")
    return beat


def _sign(source: Heartbeat | Batch, last: int, request: Request, now: int) -> Sign:
    return Sign(
        agent=source.agent,
        at=now,
        sent=source.sent,
        address=address_of(request),
        host=source.host,
        host_id=safe_word(source.host_id),
        boot_id=safe_word(source.boot_id),
        version=safe_word(source.agent_version),
        epoch=source.epoch,
        last=last,
    )
