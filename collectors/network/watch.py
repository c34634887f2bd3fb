"""The child's work: reads rings or a capture file, has all parts look, answers.

One thread, one request at a time. Nothing is parsed anywhere else.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Iterator

import msgspec

from collectors import child_memory
from collectors.network import memory, pcap
from collectors.network.acked import Acked
from collectors.network.block import Block
from collectors.network.detect.ioc import Indicators
from collectors.network.detect.loss import CaptureStats
from collectors.network.engine import Engine
from collectors.network.limits import Limits as EngineLimits
from collectors.network.messages import Answer, Count, Problem, Ring, Setup, Work
from collectors.network.passing import Passing
from collectors.network.records import Records
from collectors.network.ring import RingReader
from collectors.network.streams.streams import Limits, StreamReader

_PAUSE = 0.03
"""Seconds of rest after a small harvest, at most: many small ones cost more than few large ones.
In the rest of a ring of 16 MiB there is room for a burst of 4 Gbit/s meanwhile."""
_SMALL = 0.1
"""Share of a ring."""
_EARLIEST = 0.1
"""Seconds after which something urgent ends a request before its time."""
_SET_BACK = 5_000_000_000
"""ns by which the clock may lag behind the packets; more, and somebody has set it back."""
_PATIENCE = 20.0
"""Seconds for which a capture file waits for the content child, after each block."""
_MOST_WAITING = 64 << 20
"""Bytes of content from one block of a capture file."""


class Watch:
    """All that the child holds."""

    def __init__(self, setup: Setup) -> None:
        """Load everything: after this the child may open no file."""
        settings = setup.settings
        self._records = Records(settings, setup.memory)
        self._content = Passing() if settings.content else None
        self._streams = StreamReader(self._content, Limits(head=settings.stream_bytes))
        bounds = EngineLimits(flows=settings.max_flows, head=settings.stream_bytes)
        self._engine = Engine(self._streams, limits=bounds, acknowledged=True)
        self._readers: dict[str, RingReader] = {}
        self._parted: dict[str, tuple[int, int]] = {}
        """What was counted last on interfaces that are gone."""
        self._problems: list[Problem] = []
        self._capture: Iterator[Block] | None = None
        self._capture_descriptor = -1
        self._damage = ""
        self._done = False
        self._packets = 0
        self._tidy = memory.Tidy()
        self._now = 0
        """Time of the newest packet, ns since 1970; of the clock, where nothing comes."""
        self._poll = select.poll()
        self._decode = msgspec.msgpack.Decoder(Work).decode
        self._encode = msgspec.msgpack.Encoder().encode

    def handle(self, request: bytes, descriptors: list[int]) -> bytes:
        """Answer one request. Owns *descriptors*."""
        work = self._decode(request)
        self._prepare(work, descriptors)
        deadline = time.monotonic() + work.seconds
        if self._capture is not None:
            self._read_capture(deadline)
        else:
            self._read_rings(deadline, work.seconds)
            self._pass_time(time.time_ns())
            if self._tidy.due(self._packets, self._engine.stats().flows, time.monotonic()):
                child_memory.trim()
        counts = self._count()
        if work.last or self._done:
            self._end()
        return self._encode(self._answer(work, counts))

    def _prepare(self, work: Work, descriptors: list[int]) -> None:
        for name in work.closed:
            self._drain(name)
            self._forget(name)
        self._rename(work.renamed)
        if work.content:
            self._attach(descriptors.pop())
        if work.indicators:
            self._indicators(descriptors.pop())
        if work.file and self._content is not None:
            self._content.most = _MOST_WAITING
        if work.file:
            memory.enlarge()
            self._capture_descriptor = descriptors[0]
            self._capture = _blocks(descriptors[0])
        else:
            for ring, descriptor in zip(work.opened, descriptors, strict=True):
                self._open(ring, descriptor)
        if work.local is not None:
            self._engine.set_local(frozenset(work.local))
        self._records.own(work.owners, work.listeners)

    def _attach(self, descriptor: int) -> None:
        if self._content is None:
            os.close(descriptor)
        else:
            self._content.attach(descriptor)

    def _indicators(self, descriptor: int) -> None:
        """Take a new table; a damaged one leaves the old one in place."""
        try:
            self._records.indicate(Indicators(descriptor))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self._problems.append(Problem(interface="indicators", reason=str(reason)))
        finally:
            os.close(descriptor)

    def _open(self, ring: Ring, descriptor: int) -> None:
        self._forget(ring.interface)
        try:
            reader = RingReader(descriptor, ring)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else type(error).__name__
            self._problems.append(Problem(interface=ring.interface, reason=str(reason)))
            return
        self._readers[ring.interface] = reader
        self._poll.register(reader, select.POLLIN | select.POLLERR)

    def _drain(self, name: str) -> None:
        """Take in what is left in the ring of an interface that is gone."""
        reader = self._readers.get(name)
        if reader is None:
            return
        for _ in range(reader.ring.blocks):
            if not self._harvest(reader):
                break
        self._parted[name] = reader.counts()

    def _rename(self, names: dict[str, str]) -> None:
        moved = {new: self._readers.pop(old) for old, new in names.items() if old in self._readers}
        for name, reader in moved.items():
            reader.ring = msgspec.structs.replace(reader.ring, interface=name)
            self._forget(name)
            self._readers[name] = reader
        self._engine.rename(names)

    def _forget(self, name: str) -> None:
        reader = self._readers.pop(name, None)
        if reader is not None:
            self._poll.unregister(reader)
            reader.close()

    def _read_rings(self, deadline: float, seconds: float) -> None:
        """Read until *deadline*, or until something urgent has been found."""
        earliest = deadline - max(0.0, seconds - _EARLIEST)
        while True:
            fill = max((self._harvest(reader) for reader in self._readers.values()), default=0.0)
            if fill:
                self._look()
            left = deadline - time.monotonic()
            if left <= 0 or (self._records.urgent and time.monotonic() >= earliest):
                return
            if fill < _SMALL:
                if fill:
                    time.sleep(min(_PAUSE, left))
                self._wait(deadline - time.monotonic())

    def _harvest(self, reader: RingReader) -> float:
        """Take in what one ring has; return which share of it that was."""
        block = reader.gather()
        if block is None:
            return 0.0
        fill = reader.fill
        try:
            self._feed(block)
        finally:
            reader.release()
        return fill

    def _wait(self, seconds: float) -> None:
        """Sleep until a ring has something, at most *seconds*."""
        if seconds <= 0:
            return
        for descriptor, event in self._poll.poll(seconds * 1000):
            if event & (select.POLLERR | select.POLLNVAL):
                self._trouble(descriptor)

    def _trouble(self, descriptor: int) -> None:
        for name, reader in self._readers.items():
            if reader.fileno() == descriptor:
                reason = reader.error()
                if reason:
                    self._problems.append(Problem(interface=name, reason=reason))

    def _feed(self, block: Block) -> None:
        self._packets += len(block)
        self._now = max(self._now, int(block.time[-1]))
        self._engine.feed(block)

    def _look(self) -> None:
        """Have what was read looked at."""
        self._records.began(self._engine.began())
        self._records.take(self._engine.drain())
        self._records.time(self._now)
        if self._content is not None:
            self._content.flush()

    def _pass_time(self, now: int) -> None:
        """Let conversations end that are silent."""
        if now < self._now - _SET_BACK:
            # What goes on would wait until the old time is reached again: it is told now.
            self._engine.finish()
            self._now = now
        self._now = max(self._now, now)
        self._streams.tick(self._now)
        self._engine.tick(self._now)
        self._look()

    def _read_capture(self, deadline: float) -> None:
        """Read on in the capture file."""
        capture = self._capture
        if capture is None:
            return
        try:
            for block in capture:
                self._feed(block)
                self._look()
                if self._content is not None:
                    self._content.wait(_PATIENCE)
                if time.monotonic() >= deadline:
                    return
        except pcap.CaptureError as error:
            self._damage = str(error)
        except OSError as error:
            self._damage = error.strerror or type(error).__name__
        self._done = True

    def _end(self) -> None:
        """Have everything told that is still held."""
        self._engine.finish()
        self._look()
        self._records.time(self._now, last=True)
        if self._capture is not None:
            with contextlib.suppress(OSError):
                os.close(self._capture_descriptor)
            self._capture = None

    def _count(self) -> tuple[Count, ...]:
        """Read what the kernel counted, and what was acknowledged."""
        counts, acked = [], self._engine.acked()
        parted, self._parted = self._parted, {}
        for name in self._readers.keys() | parted.keys() | acked.keys():
            reader, sums = self._readers.get(name), acked.get(name, Acked())
            received, dropped = parted.get(name, (0, 0))
            if reader is not None:
                since = reader.counts()
                received, dropped = received + since[0], dropped + since[1]
            stats = CaptureStats(
                at=self._now,
                interface=name,
                packets=max(0, received - dropped),
                dropped=dropped,
                acked=sums.bytes,
                unseen=sums.unseen,
                holes=sums.holes,
            )
            self._records.lost(stats)
            if reader is not None or received:
                count = Count(
                    interface=name,
                    received=received,
                    dropped=dropped,
                    acked=sums.bytes,
                    unseen=sums.unseen,
                )
                counts.append(count)
        return tuple(counts)

    def _answer(self, work: Work, counts: tuple[Count, ...]) -> Answer:
        problems, self._problems = tuple(self._problems), []
        stats = self._engine.stats()
        return Answer(
            sightings=self._records.told(),
            counts=counts,
            problems=problems,
            asked=self._records.asked(),
            passed=self._content.passed if self._content is not None else 0,
            unpassed=self._content.dropped if self._content is not None else 0,
            packets=self._packets,
            flows=stats.flows,
            evicted={
                **self._records.evicted(),
                "flows": stats.evicted,
                "streams": self._streams.evicted(),
            },
            memory=self._records.learned() if work.learned or work.last else b"",
            faults=self._records.faults(),
            done=self._done,
            damage=self._damage,
        )


def _blocks(descriptor: int) -> Iterator[Block]:
    """Read a capture file; what is wrong with its beginning is raised at the first step, too."""
    yield from pcap.read(descriptor)
