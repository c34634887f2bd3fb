"""What the bounded child runs. See `collectors.content.result` for request and answer."""

from __future__ import annotations

import os
from collections.abc import Callable

import msgspec

from collectors.content.result import Init, Request


def start(init: bytes) -> Callable[[bytes, list[int]], bytes]:
    """Load rules and numpy, and return the handler: one request, one descriptor, one answer."""
    # numpy's linear algebra would start a thread, and reserve memory, for each core.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    from collectors.content.scan import Scanner

    scanner = Scanner(msgspec.msgpack.decode(init, type=Init))
    decoder = msgspec.msgpack.Decoder(Request)

    def handle(request: bytes, descriptors: list[int]) -> bytes:
        try:
            descriptor, *registers = descriptors
            return msgspec.msgpack.encode(
                scanner.scan(descriptor, decoder.decode(request), registers)
            )
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    return handle
