"""What detectors keep over restarts: a struct with the version of its form first. Pure."""

from __future__ import annotations

from typing import TypeVar

import msgspec


class Memory(msgspec.Struct, array_like=True):
    """Base of what one detector keeps."""

    version: int


M = TypeVar("M", bound=Memory)


def recall(data: bytes, form: type[M], version: int, what: str) -> M:
    """Return what was encoded as *form*; *what* names it in errors.

    Raises:
        ValueError: it is something else, or of another *version*.
    """
    try:
        memory = msgspec.msgpack.decode(data, type=form)
    except msgspec.MsgspecError as error:
        raise ValueError(f"{what}: {error}") from None
    if memory.version != version:
        raise ValueError(f"{what} of version {memory.version}")
    return memory
