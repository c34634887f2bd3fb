"""The sensor's thread in the agent: opens interfaces, has the child read them, passes on what it
says. Looks at no packet itself.

The child is asked once a second. Meanwhile, and while the agent is busy with an answer, the kernel
keeps packets in the rings.
"""

from __future__ import annotations

import logging
import os
import time

import msgspec

from collectors.api import Coverage, SensorContext, Unsupported
from collectors.child import BoundedChild, ChildError, Limits
from collectors.kinds import ChildCrashed, Kind
from collectors.network.attendance import Attendance
from collectors.network.captures import Captures
from collectors.network.contents import Contents
from collectors.network.gaps import Gaps
from collectors.network.interfaces import Choice, Interfaces
from collectors.network.learned import Learned
from collectors.network.lists import Lists
from collectors.network.messages import TARGET, Answer, Asked, Owner, Setup, Work
from collectors.network.processes import Processes
from collectors.network.settings import NetworkSettings
from collectors.network.totals import Totals
from collectors.redact import scrub
from collectors.sighting import Sighting

_log = logging.getLogger(__name__)

_SLICE = 1.0
"""Seconds for which the child works before it answers."""
_BUSY, _BUSY_SLICE = 50_000, 0.5
"""Packets in a slice, and the slice from then on: the end must not wait for a whole one and for
what a full ring holds."""
_LAST, _LEAST = 1.0, 0.2
"""Seconds for the last flows and for the last content together, and for the content at least."""
_TIMEOUT = 30.0
_LISTENERS = 60.0
"""Seconds between two looks at listening sockets when no conversation asks."""
_MOST_DEATHS, _DEATHS_WITHIN = 5, 600.0
_MOST_AT_ONCE = 7
"""Interfaces in one call: with the channel `collectors.child_main.MAX_DESCRIPTORS`."""
_MEMORY = 640 << 20
"""Address space of the child without its rings; numpy reserves most of it and uses little."""
_MOST_ASKED = 2048
_SAVE = 600.0
"""Seconds between two savings of what the detectors have learned."""

_answers = msgspec.msgpack.Decoder(Answer)


class Worker:
    """One run of the sensor."""

    def __init__(
        self,
        settings: NetworkSettings,
        context: SensorContext,
        coverage: Coverage,
        *,
        interfaces: Interfaces | None = None,
        processes: Processes | None = None,
    ) -> None:
        """*coverage* is kept up to date for the sensor."""
        self._settings = settings
        self._context = context
        self._coverage = coverage
        choice = Choice(wanted=settings.interfaces, unwanted=settings.exclude_interfaces)
        self._interfaces = interfaces or Interfaces(choice)
        self._processes = (processes or Processes()) if settings.processes else None
        self._gaps = Gaps()
        self._captures = Captures(settings, self._interfaces, self._gaps)
        self._totals = Totals()
        self._local_told: frozenset[bytes] | None = None
        self._asked: dict[int, Asked] = {}
        self._owners: dict[int, Owner] = {}
        self._listeners: dict[str, Owner] | None = None
        self._slice = _SLICE
        self._packets = 0
        self._deaths: list[float] = []
        self._restarts = 0
        self._answered = context.now()
        """When the last answer came, ns since 1970."""
        self._next_listeners = 0.0
        self._attendance = Attendance(context.state_dir / "attendance")
        self._memory = Learned(context.state_dir / "learned")
        self._next_save = time.monotonic() + _SAVE
        self._contents = self._new_contents() if settings.content else None
        self._channel_told = False
        self._lists = Lists(settings.indicators, context.state_dir)
        self._child = self._new_child()

    @property
    def child_pid(self) -> int | None:
        """Process id of the child, if it runs."""
        return self._child.pid

    @property
    def content_pid(self) -> int | None:
        """Process id of the content child, if it runs."""
        return self._contents.child_pid if self._contents is not None else None

    def run(self) -> None:
        """Watch until the agent stops.

        Raises:
            Unsupported: packet sockets do not work here any more.
            ChildError: the child died too often.
        """
        over = time.monotonic()
        try:
            if self._contents is not None:
                self._contents.start()
            while not self._context.stopping.is_set():
                self._look()
                self._ask(self._slice)
                if self._contents is not None:
                    self._contents.check()
                self._context.beat()
                self._look_up()
            over = time.monotonic()
            self._end()
        finally:
            self._child.close()
            if self._contents is not None:
                # What was told takes its time from what is left to look into.
                self._contents.stop(max(_LEAST, _LAST - (time.monotonic() - over)))
            self._captures.close()

    def _end(self) -> None:
        """Have what is still held told, what matters most first: time is short."""
        self._attendance.ends(self._context.now())
        for gap in self._gaps.rest():
            self._tell(gap)
        try:
            # What came in just now lies in a block that the kernel has not handed over yet.
            self._ask(min(0.5, 2 * self._settings.ring_timeout), last=True)
        except ChildError:
            _log.warning("network: the last minute's flows are lost, the child died")
        for gap in self._gaps.rest():
            self._tell(gap)

    def _new_child(self) -> BoundedChild:
        keys = self._context.keys
        init = Setup(
            key=keys.fleet,
            epoch=keys.fleet_epoch,
            # The content child looks for them, not this one.
            settings=msgspec.structs.replace(self._settings, identifiers=()),
            memory=self._memory.read(),
        )
        memory = _MEMORY + 16 * self._settings.ring
        # Flows and what detectors know live in it: it is not replaced after so many calls.
        limits = Limits(memory=memory, cpu=int(_TIMEOUT), descriptors=128, requests=1 << 62)
        return BoundedChild(TARGET, limits=limits, init=msgspec.msgpack.encode(init))

    def _new_contents(self) -> Contents:
        # <state>/sensors/network: what the agent was given to look for is two levels up.
        agent_dir = self._context.state_dir.parent.parent
        identifiers = self._settings.identifiers
        return Contents(self._context.keys, agent_dir, self._emit, identifiers=identifiers)

    def _emit(self, record: Kind, observed: int, severity: int | None) -> None:
        self._context.emit(
            Sighting(record=record, observed=observed, module="network", severity=severity)
        )

    def _look(self) -> None:
        """See which interfaces came and went."""
        for gap in self._captures.look(self._context.now()):
            self._tell(gap)
        self._totals.watched(self._captures.names)

    def _ask(self, seconds: float, *, last: bool = False) -> None:
        """Have the child work, and pass on what it says."""
        captures = self._captures
        opened, closed, renamed = captures.pending(_MOST_AT_ONCE)
        channel = []
        if self._contents is not None and not self._channel_told:
            channel = [self._contents.channel]
        local = None if captures.local == self._local_told else tuple(sorted(captures.local))
        work = Work(
            seconds=0.0 if captures.waiting > len(opened) else seconds,
            opened=tuple(one.ring for one in opened),
            closed=closed,
            renamed=renamed,
            local=local,
            owners=self._owners,
            listeners=self._listeners,
            learned=time.monotonic() >= self._next_save,
            content=bool(channel),
            last=last,
        )
        table = [] if opened else self._lists.fresh()
        if table:
            work = msgspec.structs.replace(work, indicators=True)
        request = msgspec.msgpack.encode(work)
        try:
            data = self._child.call(
                request, [*(one.fileno() for one in opened), *table, *channel], _TIMEOUT
            )
            answer = _answers.decode(data)
        except (ChildError, msgspec.MsgspecError) as error:
            self._died(error)
            return
        finally:
            for descriptor in table:
                os.close(descriptor)
        captures.knows(opened)
        self._totals.renamed(renamed)
        self._gaps.renamed(renamed)
        self._channel_told = True
        self._local_told = captures.local
        self._owners, self._listeners = {}, None
        self._take(answer)

    def _take(self, answer: Answer) -> None:
        begin, self._answered = self._answered, self._context.now()
        for gap in self._attendance.back(begin):
            self._tell(gap)
        self._attendance.here(self._answered)
        for sighting in answer.sightings:
            self._context.emit(sighting)
        self._totals.add(answer.counts)
        for gap in self._gaps.counted(answer.counts, begin, self._answered):
            self._tell(gap)
        for problem in answer.problems:
            _log.warning("network: %s: %s", scrub(problem.interface), scrub(problem.reason))
        for fault in answer.faults:
            _log.error("network: detection failed: %s", scrub(fault))
        if answer.memory:
            self._next_save = time.monotonic() + _SAVE
            self._memory.write(answer.memory)
        packets, self._packets = answer.packets - self._packets, answer.packets
        self._slice = _BUSY_SLICE if packets >= _BUSY * self._slice else _SLICE
        for one in answer.asked[: _MOST_ASKED - len(self._asked)]:
            self._asked[one.key] = one
        self._report(answer)

    def _report(self, answer: Answer) -> None:
        told: Coverage = {
            "interfaces": ", ".join(self._captures.names) or "none",
            "packets": answer.packets,
            "flows": answer.flows,
            "evicted": sum(answer.evicted.values()),
            "child_restarts": self._restarts,
        }
        told.update(self._totals.words(self._captures.down, self._captures.refused))
        if self._contents is not None:
            told.update(self._contents.coverage())
            told["content_dropped"] = answer.unpassed
        if self._interfaces.unnamed:
            told["interfaces_without_printable_name"] = self._interfaces.unnamed
        if self._interfaces.beyond:
            told["interfaces_beyond"] = self._interfaces.beyond
        if self._lists.reason:
            told["indicators"] = f"not read: {self._lists.reason}"
        if answer.missing:
            told["missing"] = ", ".join(answer.missing)
        if self._processes is not None:
            told["processes"] = self._processes.words()
            told["owners_found"] = self._processes.found
        self._coverage.clear()
        self._coverage.update(told)

    def _look_up(self) -> None:
        """Answer who holds the sockets that the child asked about."""
        processes, moment = self._processes, time.monotonic()
        if processes is None or not processes.due():
            return
        if self._asked or moment >= self._next_listeners:
            self._owners, self._listeners = processes.answer(self._asked.values())
            self._asked.clear()
            self._next_listeners = moment + _LISTENERS

    def _died(self, error: ChildError | msgspec.MsgspecError) -> None:
        """Tell that the child died, and begin anew with fresh sockets.

        What killed it may still be in the rings: they are not read again.
        """
        begin = self._answered
        cause = getattr(error, "cause", "protocol")
        detail = getattr(error, "detail", "")
        self._child.close()
        self._restarts += 1
        record = ChildCrashed(
            target="network", cause=cause, detail=scrub(detail) if detail else None
        )
        self._tell(record)
        moment = time.monotonic()
        self._deaths = [at for at in self._deaths if moment - at < _DEATHS_WITHIN]
        self._deaths.append(moment)
        if len(self._deaths) > _MOST_DEATHS and isinstance(error, ChildError):
            self._tell(self._gaps.given_up(cause, begin))
            raise error
        self._reopen()
        end = self._context.now()
        self._answered = end
        self._tell(self._gaps.died(cause, begin, end))

    def _reopen(self) -> None:
        self._channel_told = False
        self._lists.again()
        self._child = self._new_child()
        self._captures.reopen()
        self._local_told = None
        self._asked.clear()
        self._owners, self._listeners = {}, None
        self._next_listeners = 0.0
        self._look()

    def _tell(self, record: Kind) -> None:
        self._context.emit(Sighting(record=record, observed=self._context.now(), module="network"))


def supported() -> None:
    """See whether the sensor can work here.

    Raises:
        Unsupported: it cannot; the sentence says why.
    """
    from collectors.network.sockets import probe

    try:
        probe()
    except OSError as error:
        raise Unsupported(f"packet sockets do not work here: {error.strerror}") from error
