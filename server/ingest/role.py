"""The ingest role: two TLS ports, one writer of day files."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from collectors.kinds import CollectorState
from server.config import ServerConfig
from server.fleet.ca import Authority
from server.fleet.init import disk_percent
from server.ingest import tls
from server.ingest.app import AgentApi
from server.ingest.bundles import Bundles
from server.ingest.enroll import EnrollApi
from server.ingest.listening import Listening, bind
from server.ingest.presence import Presence
from server.ingest.uplink import Uplink
from server.ingest.writer import WriterThread
from server.roles import RoleFailed, report_ready, require_initialised
from server.store.state import StateStore
from server.store.writer import EventWriter

log = logging.getLogger(__name__)
_TICK_SECONDS = 1.0
_DECODERS = 2
"""Threads: decoding holds the interpreter most of the time, so more would not help."""


def run(config: ServerConfig, *, disk: Callable[[], float] | None = None) -> None:
    """Serve agents until SIGTERM or SIGINT.

    Args:
        config: the settings.
        disk: how full the disk is, 0 to 100; None looks at the file system of the day files.

    Raises:
        OSError: a port or file cannot be used.
        ValueError: a key or certificate is damaged.
        RoleFailed: nothing is initialised, or a part of the role has died.
    """
    logging.getLogger("uvicorn").setLevel(logging.ERROR)  # a line for each scanner says nothing
    require_initialised(config)
    measure = disk or functools.partial(disk_percent, config.events_dir)
    with contextlib.ExitStack() as stack:
        # Ports first: a second collector must not touch the day files of the first.
        sockets = [bind(config.agent_listen), bind(config.enroll_listen)]
        for sock in sockets:
            stack.callback(sock.close)
        uplink = stack.enter_context(_uplink(config, measure))
        with asyncio.Runner() as runner:
            runner.run(_serve(config, uplink, sockets))


@contextlib.contextmanager
def _uplink(config: ServerConfig, disk: Callable[[], float]) -> Iterator[Uplink]:
    with contextlib.ExitStack() as stack:
        state = StateStore.open(config.state_db)
        stack.callback(state.close)
        reader = StateStore.open(config.state_db)
        stack.callback(reader.close)
        began = time.monotonic()
        writer = WriterThread(EventWriter(config.events_dir), config.store, disk=disk)
        log.info("ledger loaded in %.0f ms", (time.monotonic() - began) * 1000)
        writer.start()
        stack.callback(writer.stop)
        presence = Presence(state, writer.report, after=config.silence.after_ns)
        pool = stack.enter_context(ThreadPoolExecutor(_DECODERS, "ingest"))
        authority = Authority.load(config.ca_dir)
        fleet_key = (config.state_dir / "fleet.key").read_bytes()
        bundles = Bundles(state, authority, config.ca_dir, fleet_key)
        bundles.tick()
        yield Uplink(
            authority=authority,
            state=reader,
            writer=writer,
            presence=presence,
            pool=pool,
            collector_key=(config.state_dir / "collector.key").read_bytes(),
            fleet_key=fleet_key,
            agent_url=config.agent_url,
            bundles=bundles,
            registers=config.registers_dir,
        )


async def _serve(config: ServerConfig, uplink: Uplink, sockets: list[Listening]) -> None:
    loop = asyncio.get_running_loop()
    tls.quiet_noise(loop)
    servers = [
        tls.TlsServer(AgentApi(uplink).app(), tls.agent_context(config.ca_dir)),
        tls.TlsServer(EnrollApi(uplink).app(), tls.enroll_context(config.ca_dir)),
    ]
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    loop.add_signal_handler(signal.SIGHUP, functools.partial(_renew, config, servers))
    tasks = [
        asyncio.create_task(server.serve([sock]))
        for server, sock in zip(servers, sockets, strict=True)
    ]
    tasks.append(asyncio.create_task(_tick(uplink, stopping)))
    uplink.writer.report(CollectorState(action="started"))
    announcing = asyncio.create_task(_announce(servers))
    try:
        await _until(stopping, tasks)
    finally:
        for server in servers:
            server.should_exit = True
        stopping.set()
        announcing.cancel()
        await asyncio.gather(*tasks)
        uplink.writer.report(CollectorState(action="stopping"))


def _renew(config: ServerConfig, servers: list[tls.TlsServer]) -> None:
    """Show the certificate that is on disk now to whoever connects from here on."""
    for server in servers:
        try:
            server.reload(config.ca_dir)
        except OSError as error:
            log.error("certificate not reloaded: %s", error)  # noqa: TRY400 - one line is enough


async def _announce(servers: list[tls.TlsServer]) -> None:
    for server in servers:
        await server.listening.wait()
    report_ready()


async def _until(stopping: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
    """Wait for the signal, or for a part to fail."""
    waiting = asyncio.create_task(stopping.wait())
    pending: set[asyncio.Task[object]] = {waiting, *tasks}
    try:
        while not stopping.is_set():
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
    finally:
        waiting.cancel()


async def _tick(uplink: Uplink, stopping: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    while not stopping.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), _TICK_SECONDS)
        if not uplink.writer.alive:
            raise RoleFailed("the writer has died")
        try:
            await loop.run_in_executor(uplink.pool, uplink.presence.tick)
            await loop.run_in_executor(uplink.pool, uplink.bundles.tick)
        except (sqlite3.Error, OSError, TimeoutError) as error:
            log.warning("signs of life cannot be recorded: %s", error)
