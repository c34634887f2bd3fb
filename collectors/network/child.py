"""What the bounded child of the network sensor runs. See `collectors.network.messages`."""

from __future__ import annotations

import os
from collections.abc import Callable

import msgspec

from collectors.network.messages import Setup


def start(init: bytes) -> Callable[[bytes, list[int]], bytes]:
    """Load numpy and all parts, and return the handler."""
    # numpy's linear algebra would start a thread, and reserve memory, for each core.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    from collectors.network import memory
    from collectors.network.watch import Watch

    memory.keep()
    handler = Watch(msgspec.msgpack.decode(init, type=Setup)).handle
    memory.settle()
    return handler
