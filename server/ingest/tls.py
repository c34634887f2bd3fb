"""TLS in front of Starlette: uvicorn with the peer certificate in the ASGI scope.

uvicorn does not pass it on (0.54); the subclass puts it into ``scope["extensions"]["tls"]``.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from asyncio import sslproto
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from server.ingest.listening import BACKLOG, MAX_CONNECTIONS

HANDSHAKE_SECONDS = 10.0
HEAD_SECONDS = 15.0
"""From the first byte of a request, or from the handshake, to the end of its headers."""
MAX_HEAD = 64 << 10
"""Bytes of request line and headers; httptools itself has no bound."""
KEEP_ALIVE_SECONDS = 75
GRACE_SECONDS = 5
MAX_PER_AGENT = 16
"""Connections with one certificate; an agent needs two."""
READ_SIZE = 32 << 10
"""Bytes that asyncio reserves for each TLS connection, from its first byte on."""
# 256 KiB by default: 3,000 connections that never say a word would fill the service's memory.
sslproto.SSLProtocol.max_size = READ_SIZE


class TlsProtocol(HttpToolsProtocol):
    """HTTP/1.1 over TLS, with bounds on what a silent or endless client may hold."""

    _deadline: asyncio.TimerHandle | None = None
    _in_head = True
    _head = 0
    _peer: bytes | None = None
    _held: Counter[bytes] | None = None

    def count_in(self, held: Counter[bytes]) -> None:
        """Count the connection in *held*, by certificate, as long as it lives."""
        self._held = held

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        self._peer = tls.getpeercert(True) if tls is not None else None
        if self._held is not None and self._peer is not None:
            self._held[self._peer] += 1
            if self._held[self._peer] > MAX_PER_AGENT:
                transport.abort()
                return
        self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_clock()
        if self._held is not None and self._peer is not None:
            self._held[self._peer] -= 1
            if self._held[self._peer] <= 0:
                del self._held[self._peer]
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._head += len(data)
        super().data_received(data)
        if self._in_head and self._head > MAX_HEAD:
            self.transport.abort()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {"tls": {"peer": self._peer}}
        self._in_head, self._head = True, 0
        self._start_clock()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stop_clock()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_head, self._head = True, 0

    def _start_clock(self) -> None:
        self._stop_clock()
        self._deadline = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class TlsServer(uvicorn.Server):
    """A server among others in one loop: it leaves signals alone and bounds the handshake."""

    def __init__(self, app: ASGIApp, context: ssl.SSLContext) -> None:
        config = uvicorn.Config(
            app,
            http=TlsProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,  # nothing stands in between, so nobody may claim an address
            server_header=False,
            date_header=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        super().__init__(config)
        self._context = context
        self.listening = asyncio.Event()
        self._held: Counter[bytes] = Counter()

    def reload(self, directory: Path) -> None:
        """Take the server's certificate anew for connections to come.

        Raises:
            OSError: it cannot be read; the one before stays.
        """
        self._context.load_cert_chain(directory / "server.crt", directory / "server.key")

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen on *sockets*."""
        await self.lifespan.startup()
        loop = asyncio.get_running_loop()

        def protocol() -> asyncio.Protocol:
            made = TlsProtocol(self.config, self.server_state, self.lifespan.state, loop)
            made.count_in(self._held)
            return made

        self.servers = [
            await loop.create_server(
                protocol,
                sock=sock,
                ssl=self._context,
                backlog=BACKLOG,
                ssl_handshake_timeout=HANDSHAKE_SECONDS,
                ssl_shutdown_timeout=2.0,
            )
            for sock in sockets or []
        ]
        self.started = True
        self.listening.set()


def agent_context(directory: Path) -> ssl.SSLContext:
    """Return the context of the agent port: nobody gets further than TLS without a certificate."""
    context = enroll_context(directory)
    context.load_verify_locations(directory / "ca.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def enroll_context(directory: Path) -> ssl.SSLContext:
    """Return the context of the enrolment port.

    Raises:
        OSError: certificate or key cannot be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(directory / "server.crt", directory / "server.key")
    context.num_tickets = 0  # a resumed session would pass over the dates of the certificate
    return context


def quiet_noise(loop: asyncio.AbstractEventLoop) -> None:
    """Log failed handshakes in one line instead of a traceback each: scanners make many."""
    log = logging.getLogger("server.ingest.tls")

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, ssl.SSLError | ConnectionError | TimeoutError):
            log.debug("connection ended: %s", type(error).__name__)
        else:
            loop.default_exception_handler(context)

    loop.set_exception_handler(handle)
