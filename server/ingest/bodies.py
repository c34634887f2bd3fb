"""Request bodies within bounds, and the answers that both applications give."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from collectors.wire import Rejection
from server.ingest.batch import Refusal
from server.ingest.writer import Overloaded

BODY_SECONDS = 60.0
MAX_SMALL = 256 << 10
"""Bytes of a heartbeat or a certificate request."""
MAX_BUFFERED = 128 << 20
"""Bytes of request bodies in memory at once."""
_DRAINED = 16 << 20
"""Bytes of a body that is too large which are still read, so that the sender reads the answer."""


class Bodies:
    """Reads request bodies within bounds of size, time and memory."""

    def __init__(self, limit: int = MAX_BUFFERED) -> None:
        self._limit = limit
        self._held = 0

    @asynccontextmanager
    async def read(self, request: Request, most: int) -> AsyncIterator[bytes]:
        """Give the body; it counts as in memory until the block ends.

        Raises:
            Refusal: over *most* bytes (413), or not there in time (408).
            Overloaded: too many bytes of bodies are in memory.
        """
        held = 0
        chunks: list[bytes] = []
        try:
            async with asyncio.timeout(BODY_SECONDS):
                size = 0
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > most + _DRAINED:
                        break
                    if size > most:
                        continue
                    if self._held + len(chunk) > self._limit:
                        raise Overloaded("the collector has too many requests in memory", 5)
                    self._held += len(chunk)
                    held += len(chunk)
                    chunks.append(chunk)
            if size > most:
                raise Refusal(413, f"the body has over {most} bytes; send fewer events at once")
            yield b"".join(chunks)
        except TimeoutError as error:
            raise Refusal(408, f"the request took over {BODY_SECONDS:g} s") from error
        finally:
            self._held -= held


def answer(status: int, content: msgspec.Struct, headers: dict[str, str] | None = None) -> Response:
    """Return *content* as JSON."""
    body = msgspec.json.encode(content)
    return Response(body, status, headers, media_type="application/json")


def reject(status: int, reason: str, sequences: list[int] | None = None) -> Response:
    """Return a refusal; the connection ends when its body was not read to the end."""
    headers = {"connection": "close"} if status in {408, 413} else None
    return answer(status, Rejection(reason=reason, sequences=sequences or []), headers)


def busy(reason: str, retry_after: int) -> Response:
    """Return 503: come again in *retry_after* seconds."""
    return answer(503, Rejection(reason=reason), {"retry-after": str(retry_after)})


def address_of(request: Request) -> str:
    """Return the sender's address."""
    return request.client.host if request.client else ""
