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
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from collectors.api import Coverage, Keys, Stopped
from collectors.child import BoundedChild, ChildError, Limits
from collectors.content.piece import TARGET, Answer, Serve
from collectors.content.result import CustomIdentifier, Init
from collectors.given import Knowledge
from collectors.kinds import ChildCrashed, Kind, Scrubbed, Severity
from collectors.network.ledger import Ledger, Told

_IDLE = 10.0
"""Seconds without a piece after which the child ends: it takes 0.3 s to start another."""
_TICK = 10.0
_TIMEOUT = 20.0
_PAUSE, _LONGEST_PAUSE = 1.0, 300.0
"""Seconds after a child died, doubled each time: a peer that kills it with each piece must not keep
a core busy, nor fill the spool with its deaths."""
_BUSY = 0.25
"""Seconds of one call after which the thread rests as long as it took: who sends more than can be
looked into must not take the time that the capture needs. The channel drops what is too much."""
_LAST = 1.0
"""Seconds for what is left when the agent stops."""
_BUFFER = 1 << 20
_answers = msgspec.msgpack.Decoder(Answer)

Emit = Callable[[Kind, int, int | None], None]
"""Takes a record, when it was observed (ns since 1970) and its severity."""


class Contents:
    """Owns the channel, the content child and the thread that asks it."""

    def __init__(
        self,
        keys: Keys,
        agent_dir: Path,
        emit: Emit,
        *,
        identifiers: tuple[CustomIdentifier, ...] = (),
        live: bool = True,
    ) -> None:
        """*agent_dir* is the agent's state directory, which holds what it was given to look for.

        Not *live*, the pieces are of a capture file, whose time is not ours: sums are told at the
        end.
        """
        self._keys = keys
        self._emit = emit
        self._identifiers = identifiers
        self._live = live
        folder = os.fsencode(agent_dir) + b"/knowledge"
        host = os.uname().nodename
        self._knowledge = Knowledge(folder, keys.fleet, keys.fleet_epoch, host)
        self._knowledge.refresh()
        self._ledger = Ledger()
        self._writing, self._reading = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with contextlib.suppress(OSError):
            self._writing.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        self._child = self._new_child()
        self._pause, self._resume = _PAUSE, 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="network-content")
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

    def start(self) -> None:
        """Begin to look into pieces, on a thread of its own."""
        self._thread.start()

    def check(self) -> None:
        """See whether the thread is still at work.

        Raises:
            RuntimeError: it has ended by an error, which is in the log.
        """
        if not self._thread.is_alive():
            raise RuntimeError("the thread that looks into content has ended")

    def stop(self, patience: float = _LAST) -> None:
        """Look into what is there, end thread and child, and let go of everything.

        *patience*: seconds for what is there, when it is live.
        """
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join(patience if self._live else _TIMEOUT)
            if self._thread.is_alive():  # the agent stops and does not wait for a slow piece
                self._interrupt()
                self._thread.join()
        self._child.close()
        self._knowledge.close()
        self._writing.close()
        self._reading.close()

    def _run(self) -> None:
        used = ticked = time.monotonic()
        with contextlib.suppress(Stopped):  # the agent takes nothing any more
            while not self._over.is_set():
                waits = self._waits(0.5)
                moment = time.monotonic()
                if waits:
                    used = moment
                    self._serve()
                    took = time.monotonic() - moment
                    if self._live and took >= _BUSY:
                        self._over.wait(min(took, _PAUSE))
                elif self._child.running and moment - used >= _IDLE:
                    self._child.close()
                if self._live and moment - ticked >= _TICK:
                    ticked = moment
                    self._tell(self._ledger.tick(time.time_ns()))
            while self._waits(0.0):
                self._serve()
            self._tell(self._ledger.end(time.time_ns()))

    def _waits(self, seconds: float) -> bool:
        """Tell whether a piece is there; its bytes stay in the channel."""
        if time.monotonic() < self._resume:
            self._over.wait(seconds)
            return False
        return bool(select.select([self._reading], [], [], seconds)[0])

    def _interrupt(self) -> None:
        pid = self._child.pid
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

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

    def _serve(self) -> None:
        if self._knowledge.refresh():
            self._child.close()
            self._child = self._new_child()
        request = msgspec.msgpack.encode(Serve())
        descriptors = [self._reading.fileno(), *self._knowledge.registers]
        try:
            answer = _answers.decode(self._child.call(request, descriptors, _TIMEOUT))
        except ChildError as error:
            if not self._over.is_set():
                self._crashed(error)
            return
        self._pause = _PAUSE
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
        self._resume = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def _tell(self, told: Iterable[Told]) -> None:
        for one in told:
            self._emit(one.record, one.record.end, int(one.severity))
