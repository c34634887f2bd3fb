"""Looks into cleartext by a second bounded child; the agent's own process never sees a byte of it.

The agent makes a pair of sockets and hands one end to each child: the capture child writes pieces,
the content child reads them when the agent, which sees only that something waits, asks it to. A
child that dies of a piece loses that piece; the channel and the capture stay.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from collectors.api import Coverage, Keys
from collectors.child import BoundedChild, ChildError, Limits
from collectors.content.piece import TARGET, Answer, Serve
from collectors.content.result import CustomIdentifier, Init
from collectors.given import Knowledge
from collectors.kinds import ChildCrashed, Kind, Scrubbed, Severity
from collectors.network.ledger import Ledger, Told

_IDLE = 60.0
"""Seconds without a piece after which the child ends: it takes 0.3 s to start another."""
_TICK = 10.0
_TIMEOUT = 20.0
_PAUSE = 2.0
"""Seconds after a child died: a peer that kills it with each piece must not keep a core busy."""
_BUFFER = 1 << 20
_answers = msgspec.msgpack.Decoder(Answer)

Emit = Callable[[Kind, int, int | None], None]
"""Takes a record, when it was observed (ns since 1970) and its severity."""


class Contents:
    """Owns the channel and the content child. `run` on a thread of its own; `close` after it."""

    def __init__(
        self,
        keys: Keys,
        agent_dir: Path,
        emit: Emit,
        *,
        identifiers: tuple[CustomIdentifier, ...] = (),
    ) -> None:
        """*agent_dir* is the agent's state directory, which holds what it was given to look for."""
        self._keys = keys
        self._emit = emit
        self._identifiers = identifiers
        folder = os.fsencode(agent_dir) + b"/knowledge"
        host = os.uname().nodename
        self._knowledge = Knowledge(folder, keys.fleet, keys.fleet_epoch, host)
        self._knowledge.refresh()
        self._ledger = Ledger()
        self._writing, self._reading = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with contextlib.suppress(OSError):
            self._writing.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        self._child = self._new_child()
        self._counts = dict.fromkeys(("pieces", "found", "damaged", "unread", "crashes"), 0)

    @property
    def channel(self) -> int:
        """Return the end for the capture child; it stays open here, for the next one."""
        return self._writing.fileno()

    @property
    def child_pid(self) -> int | None:
        """Process id of the content child, if it runs."""
        return self._child.pid

    def coverage(self) -> Coverage:
        """Return what was looked into since the start."""
        found: Coverage = {f"content_{name}": count for name, count in self._counts.items()}
        found["content_evicted"] = self._ledger.evicted
        return found

    def run(self, stopping: Callable[[], bool], now: Callable[[], int] = time.time_ns) -> None:
        """Look into pieces until *stopping*; asked every half second."""
        used = ticked = time.monotonic()
        while not stopping():
            ready, _, _ = select.select([self._reading], [], [], 0.5)
            moment = time.monotonic()
            if ready:
                used = moment
                self._serve(stopping)
            elif self._child.running and moment - used >= _IDLE:
                self._child.close()
            if moment - ticked >= _TICK:
                ticked = moment
                self._tell(self._ledger.tick(now()))
        self._tell(self._ledger.end(now()))

    def interrupt(self) -> None:
        """Kill the child, from any thread: the agent stops and does not wait for a slow piece."""
        pid = self._child.pid
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        """End the child and let go of the channel and the registers."""
        self._child.close()
        self._knowledge.close()
        self._writing.close()
        self._reading.close()

    def _new_child(self) -> BoundedChild:
        keys, known = self._keys, self._knowledge
        self._ledger.registers = known.register_names
        init = Init(
            key=keys.fleet,
            epoch=keys.fleet_epoch,
            custom=self._identifiers,
            canaries=known.canaries,
        )
        limits = Limits(cpu=int(_TIMEOUT), requests=20_000)
        return BoundedChild(TARGET, limits=limits, init=msgspec.msgpack.encode(init))

    def _serve(self, stopping: Callable[[], bool]) -> None:
        if self._knowledge.refresh():
            self._child.close()
            self._child = self._new_child()
        request = msgspec.msgpack.encode(Serve())
        descriptors = [self._reading.fileno(), *self._knowledge.registers]
        try:
            answer = _answers.decode(self._child.call(request, descriptors, _TIMEOUT))
        except ChildError as error:
            if stopping():
                return
            self._crashed(error)
            return
        self._counts["pieces"] += answer.pieces
        self._counts["damaged"] += answer.damaged
        self._counts["unread"] += answer.unread
        self._counts["found"] += len(answer.heard)
        for heard in answer.heard:
            self._tell(self._ledger.add(heard))

    def _crashed(self, error: ChildError) -> None:
        self._counts["crashes"] += 1
        detail = Scrubbed(error.detail) if error.detail else None
        record = ChildCrashed(target="network content scan", cause=error.cause, detail=detail)
        self._emit(record, time.time_ns(), int(Severity.MEDIUM))
        time.sleep(_PAUSE)

    def _tell(self, told: Iterable[Told]) -> None:
        for one in told:
            self._emit(one.record, one.record.end, int(one.severity))
