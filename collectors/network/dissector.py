"""Asks the dissecting child about a capture file; does without where scapy is not installed."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator

import msgspec

from collectors.child import BoundedChild, ChildError, Limits
from collectors.network.dissect.forms import CATEGORIES, NOTHING, TARGET, Ask, Dissected

_TIMEOUT = 60.0
_STEP = 500
"""Packets in one request: what is passed over when the child dies of one of them."""
_MOST_DEATHS = 5
_answers = msgspec.msgpack.Decoder(Dissected)


def available() -> bool:
    """Tell whether scapy is installed. It is not imported here."""
    return importlib.util.find_spec("scapy") is not None


def dissect(
    descriptor: int,
    *,
    most: int = 100,
    categories: tuple[str, ...] = CATEGORIES,
    frames: str = NOTHING,
) -> Iterator[Dissected]:
    """Yield what is worth telling of the capture file behind *descriptor*, which stays open.

    Packets of which the child dies are passed over and told as damage of that answer.

    Raises:
        ChildError: it died too often.
    """
    limits = Limits(memory=768 << 20, cpu=int(_TIMEOUT), requests=1 << 30)
    left, position, deaths = most, 0, 0
    child = BoundedChild(TARGET, limits=limits)
    with child:
        opened = False
        while left > 0:
            ask = Ask(skip=position, packets=_STEP, most=left, categories=categories, frames=frames)
            if not opened:
                os.lseek(descriptor, 0, os.SEEK_SET)
            try:
                request = msgspec.msgpack.encode(ask)
                answer = _answers.decode(
                    child.call(request, [] if opened else [descriptor], _TIMEOUT)
                )
            except ChildError as error:
                deaths += 1
                if deaths > _MOST_DEATHS:
                    raise
                opened, position = False, position + _STEP
                yield Dissected(read=position, damage=f"{_STEP} packets left out: {error}")
                continue
            opened, position = True, answer.read
            left -= len(answer.explained)
            yield answer
            if answer.done:
                return
