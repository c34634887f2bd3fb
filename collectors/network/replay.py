"""Looks at a capture file, or at an interface for a while, through the sensor's own child.

For people at a terminal, for forensics and for tests: nothing is sent, nothing is kept.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import msgspec

from collectors.child import BoundedChild, Limits
from collectors.network.contents import Contents
from collectors.network.interfaces import Choice, Interfaces
from collectors.network.messages import TARGET, Answer, Setup, Work
from collectors.network.settings import NetworkSettings
from collectors.network.sockets import Shape, open_capture

_SLICE = 2.0
_TIMEOUT = 120.0
_answers = msgspec.msgpack.Decoder(Answer)


def _child(key: bytes, settings: NetworkSettings, contents: Contents | None) -> BoundedChild:
    # Nobody is there to be asked who holds a socket.
    wanted = settings.content and contents is not None
    settings = msgspec.structs.replace(settings, processes=False, content=wanted, identifiers=())
    init = msgspec.msgpack.encode(Setup(key=key, settings=settings))
    limits = Limits(memory=(1 << 30) + 4 * settings.ring, cpu=120, requests=1 << 62)
    return BoundedChild(TARGET, limits=limits, init=init)


def _ask(child: BoundedChild, work: Work, descriptors: tuple[int, ...] = ()) -> Answer:
    return _answers.decode(child.call(msgspec.msgpack.encode(work), descriptors, _TIMEOUT))


def _beside(contents: Contents | None, indicators: int | None) -> tuple[tuple[int, ...], Work]:
    """Return the descriptors behind those of the packets, and a request that says so."""
    table = () if indicators is None else (indicators,)
    channel = () if contents is None else (contents.channel,)
    return (*table, *channel), Work(indicators=bool(table), content=bool(channel))


def read_file(
    descriptor: int,
    key: bytes,
    settings: NetworkSettings,
    local: tuple[bytes, ...] = (),
    *,
    contents: Contents | None = None,
    indicators: int | None = None,
) -> Iterator[Answer]:
    """Read a capture file from where *descriptor* stands; yield answers, the last one ``done``.

    *local*: addresses of the host that the capture is about, for directions. *contents*, started,
    looks into cleartext; without it nobody does. *indicators*: descriptor of a table of bad values.

    Raises:
        ChildError: the child died of the file, or took too long.
    """
    more, said = _beside(contents, indicators)
    with _child(key, settings, contents) as child:
        work = msgspec.structs.replace(said, seconds=_SLICE, file=True, local=local)
        answer = _ask(child, work, (descriptor, *more))
        yield answer
        while not answer.done:
            answer = _ask(child, Work(seconds=_SLICE))
            yield answer


def read_interface(
    name: str,
    seconds: float,
    key: bytes,
    settings: NetworkSettings,
    *,
    contents: Contents | None = None,
    indicators: int | None = None,
) -> Iterator[Answer]:
    """Watch one interface for *seconds*; yield answers. The rest is as for `read_file`.

    Raises:
        Unsupported: packet sockets do not work here.
        OSError: there is no such interface.
        ChildError: the child died.
    """
    interfaces = Interfaces(Choice(wanted=(name,)))
    found = interfaces.up().get(name)
    if found is None:
        raise OSError(f"no interface {name} that is up")
    shape = Shape(ring=settings.ring, snap=settings.snap, without=settings.endpoints())
    capture = open_capture(name, found.index, shape, loopback=found.loopback)
    try:
        more, said = _beside(contents, indicators)
        with _child(key, settings, contents) as child:
            local = tuple(sorted(interfaces.addresses()))
            work = msgspec.structs.replace(said, seconds=0.0, opened=(capture.ring,), local=local)
            yield _ask(child, work, (capture.fileno(), *more))
            deadline = time.monotonic() + seconds
            while (left := deadline - time.monotonic()) > 0:
                yield _ask(child, Work(seconds=min(_SLICE, left)))
            yield _ask(child, Work(seconds=2 * shape.retire / 1000, last=True))
    finally:
        capture.close()
