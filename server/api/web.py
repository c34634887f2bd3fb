"""Small things that every endpoint uses: errors, parameters, bodies, times, streams."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

POLL = 0.2
"""Seconds between two looks at the store by a stream."""
KEEP_ALIVE = 10.0
"""Seconds of silence after which a stream sends an empty line."""
MAX_BODY = 64 << 10
"""Bytes of a request body; all of ours are a few words."""


class ApiError(Exception):
    """An answer that is not what was asked for; ``str()`` is a sentence for the user."""

    status = 400


class NoSuchThing(ApiError):  # noqa: N818 - named for what it is
    """Nothing with that id or name."""

    status = 404


class Conflict(ApiError):  # noqa: N818
    """The thing is not in a state for this."""

    status = 409


class TooSlow(ApiError):  # noqa: N818
    """It would take too long."""

    status = 408


class Ambiguous(Conflict):
    """A name fits more than one thing."""


class JSON(JSONResponse):
    """Compact JSON; what the store holds is JSON already, or text."""

    def render(self, content: Any) -> bytes:
        """Return the body. Lone surrogates stay as escapes, for UTF-8 has no form for them."""
        return encode(content)


def encode(content: Any) -> bytes:
    """Return *content* as ASCII JSON."""
    return json.dumps(content, separators=(",", ":")).encode("ascii")


async def in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run blocking *function* (SQLite) off the event loop."""
    return await anyio.to_thread.run_sync(function, *arguments)


def integer(query: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    """Return parameter *name* within *low* .. *high*.

    Raises:
        ApiError: it is no such number.
    """
    text = query.get(name)
    if text is None:
        return default
    try:
        value = int(text)
    except ValueError:
        raise ApiError(f"{name} must be a whole number, not {text[:40]!r}") from None
    if not low <= value <= high:
        raise ApiError(f"{name} must be from {low} to {high}")
    return value


def moment(query: Mapping[str, str], name: str) -> int | None:
    """Return parameter *name* as ns since 1970, None when it is absent."""
    return integer(query, name, 0, 0, 2**63 - 1) if name in query else None


def one_of(query: Mapping[str, str], name: str, choices: Sequence[str], default: str) -> str:
    """Return parameter *name*, which must be one of *choices*."""
    value = query.get(name, default)
    if value not in choices:
        raise ApiError(f"{name} must be one of {', '.join(choices)}")
    return value


async def body(request: Request) -> dict[str, Any]:
    """Return the JSON object in the request; empty when there is no body.

    Raises:
        ApiError: it is something else, or too long.
    """
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_BODY:
            raise ApiError(f"the request is longer than {MAX_BODY} bytes")
    try:
        value = json.loads(data or b"{}")
    except (ValueError, RecursionError):
        raise ApiError("the request is not JSON") from None
    if not isinstance(value, dict):
        raise ApiError("the request must be a JSON object")
    return value


def text(values: Mapping[str, Any], name: str, default: str | None = None, most: int = 2000) -> str:
    """Return the text *name* of a request body.

    Raises:
        ApiError: it is missing, not text, or longer than *most* characters.
    """
    value = values.get(name)
    if value in (None, "") and default is not None:
        return default
    if not isinstance(value, str) or not value.strip():
        raise ApiError(f"{name} is missing")
    if len(value) > most:
        raise ApiError(f"{name} is longer than {most} characters")
    return value.strip()


def iso(nanoseconds: int | None) -> str | None:
    """Return ns since 1970 as ISO 8601 in UTC with microseconds; None for None or out of range."""
    if nanoseconds is None:
        return None
    seconds, rest = divmod(int(nanoseconds), 10**9)
    try:
        whole = datetime.fromtimestamp(seconds, tz=timezone.utc)
    except (ValueError, OverflowError, OSError):
        return None
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}Z"


def lines(
    request: Request, poll: Callable[[], Iterable[Any]], close: Callable[[], None] = lambda: None
) -> StreamingResponse:
    """Return a stream of newline-delimited JSON: what *poll* finds, until one side leaves.

    *poll* runs in a thread and returns what is new since its last call; *close* is called at the
    end. The stream ends when the collector stops; when the client leaves, starlette cancels it.
    """
    stopping: asyncio.Event = request.app.state.stopping
    return _Lines(_lines(stopping, poll), close)


class _Lines(StreamingResponse):
    def __init__(self, content: AsyncIterator[bytes], close: Callable[[], None]) -> None:
        super().__init__(content, media_type="application/x-ndjson")
        self._close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Not in the generator: one that was never begun runs no finally.
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._close()


async def _lines(
    stopping: asyncio.Event, poll: Callable[[], Iterable[Any]]
) -> AsyncIterator[bytes]:
    clock = asyncio.get_running_loop().time
    # At once, so that the client knows it is watching before anything happens.
    yield b"\n"
    spoken = clock()
    while not stopping.is_set():
        found = b"".join(encode(item) + b"\n" for item in await in_thread(poll))
        if found or clock() - spoken > KEEP_ALIVE:
            yield found or b"\n"
            spoken = clock()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(stopping.wait(), POLL)
