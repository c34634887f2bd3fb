"""The api process: the socket for `ronda`, and the worker that sends notifications."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator

import uvicorn

from server.api import peer
from server.api.app import build
from server.api.services import Services
from server.config import ServerConfig
from server.notify.worker import NotifyWorker
from server.roles import report_ready, reread
from server.store.state import StateStore

log = logging.getLogger(__name__)

GRACE = 3
"""Seconds that requests may take to end when the collector stops."""


class _Server(uvicorn.Server):
    """uvicorn, with the signals left to the role."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do nothing: uvicorn would raise the signal again after its shutdown."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and tell the parent process."""
        await super().startup(sockets)
        report_ready()


def run(config: ServerConfig) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        OSError: the socket cannot be made; ``str()`` says why.
        sqlite3.Error: the state database cannot be opened.
    """
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    state = StateStore.open(config.state_db)
    try:
        listener = peer.bind(str(config.socket))
        try:
            with contextlib.closing(Notices(Services(config=config, state=state))) as notices:
                asyncio.run(serve(notices, listener))
        finally:
            listener.close()
            _remove(str(config.socket))
    finally:
        state.close()


class Notices:
    """The worker that sends notifications, which SIGHUP replaces."""

    def __init__(self, services: Services) -> None:
        """Begin to send."""
        self.services = services
        self._lock = threading.Lock()
        self._worker = NotifyWorker(services.config, services.state)
        self._worker.start()

    def reload(self) -> None:
        """Take the channels in the settings file into force; waits for sends under way."""
        with self._lock:
            new = reread(self.services.config)
            self._worker.stop()
            self.services.config = new
            self._worker = NotifyWorker(new, self.services.state)
            self._worker.start()
        log.info("%d notification channels", len(new.notify.channels))

    def close(self) -> None:
        """Stop sending."""
        with self._lock:
            self._worker.stop()


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)


async def serve(notices: Notices, listener: socket.socket) -> None:
    """Answer requests on *listener* until a signal comes. Only in the main thread."""
    services = notices.services
    stopping = asyncio.Event()
    config = uvicorn.Config(
        build(services, stopping),
        http=peer.PeerProtocol,
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # nothing stands in between
        limit_concurrency=256,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )
    server = _Server(config)

    def stop() -> None:
        stopping.set()
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)

    def reload() -> None:
        loop.run_in_executor(None, notices.reload)

    loop.add_signal_handler(signal.SIGHUP, reload)
    log.info("API on %s", services.config.socket)
    await server.serve(sockets=[listener])
