"""Scans bytes as the child does, in this process."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable

import msgspec

from collectors.content.result import CustomIdentifier, Init, Request, ScanResult
from collectors.content.worker import start

KEY = b"f" * 32


@functools.cache
def handler(custom: tuple[CustomIdentifier, ...] = ()) -> Callable[[bytes, list[int]], bytes]:
    """Return the child's handler; *custom*: what the operator defined."""
    return start(msgspec.msgpack.encode(Init(key=KEY, epoch=1, custom=custom)))


def answer(
    data: bytes,
    name: str = "",
    seconds: float = 25.0,
    custom: tuple[CustomIdentifier, ...] = (),
) -> bytes:
    """Return the raw answer for a file that holds *data*."""
    descriptor = os.memfd_create("scanned")
    with open(os.dup(descriptor), "wb") as file:
        file.write(data)
    request = msgspec.msgpack.encode(Request(name=name, size=len(data), seconds=seconds))
    return handler(custom)(request, [descriptor])


def scan(
    data: bytes,
    name: str = "",
    seconds: float = 25.0,
    custom: tuple[CustomIdentifier, ...] = (),
) -> ScanResult:
    """Return the decoded answer."""
    return msgspec.msgpack.decode(answer(data, name, seconds, custom), type=ScanResult)


def found(data: bytes, name: str = "") -> dict[str, int]:
    """Return type to count."""
    return {tally.type: tally.count for tally in scan(data, name).tallies}
