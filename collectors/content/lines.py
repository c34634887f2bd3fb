"""Lines of a configuration as they may be shown and kept: secrets and identifiers masked.

Runs in a bounded child. What leaves it is, for each line, a hash under a key of this host, so that
two versions can be compared, and the masked text.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable

import msgspec

from collectors.content import accounts
from collectors.content.line_forms import (
    BINARY,
    LONGEST,
    MOST_BYTES,
    MOST_LINES,
    TEXT,
    TOO_LARGE,
    UNREADABLE,
    LinesInit,
    LinesRequest,
    LinesResult,
)
from collectors.content.secrets import Span, hidden
from collectors.redact import escape, mask
from signatures.identifiers.hiding import hide

_STARS = "****"
_ACCOUNT = re.compile(rb"([A-Za-z_][A-Za-z0-9_.-]{0,31}\$?):")


def start(init: bytes) -> Callable[[bytes, list[int]], bytes]:
    """Return the handler: one request, one descriptor, one answer."""
    key = msgspec.msgpack.decode(init, type=LinesInit).key
    decoder = msgspec.msgpack.Decoder(LinesRequest)

    def handle(request: bytes, descriptors: list[int]) -> bytes:
        try:
            (descriptor,) = descriptors
            return msgspec.msgpack.encode(look(descriptor, decoder.decode(request), key))
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    return handle


def look(descriptor: int, request: LinesRequest, key: bytes) -> LinesResult:
    """Return the lines of the file behind *descriptor*."""
    try:
        data = _read(descriptor)
    except OSError:
        return LinesResult(outcome=UNREADABLE)
    if len(data) > MOST_BYTES:
        return LinesResult(outcome=TOO_LARGE)
    digest = hashlib.sha256(data).digest()
    if b"\0" in data:
        return LinesResult(outcome=BINARY, sha256=digest)
    raw = split(data)
    if len(raw) > MOST_LINES:
        return LinesResult(outcome=TOO_LARGE, sha256=digest)
    shown = secret_lines(raw) if request.style == "secret" else masked_lines(data, raw, request)
    hashes = (hashlib.blake2b(line, key=key, digest_size=8).digest() for line in raw)
    lines = list(zip(hashes, shown, strict=True))
    notable = accounts.look(raw, request.accounts) if request.accounts else []
    return LinesResult(outcome=TEXT, sha256=digest, lines=lines, notable=notable)


def _read(descriptor: int) -> bytes:
    pieces = []
    offset = 0
    while offset <= MOST_BYTES and (piece := os.pread(descriptor, 1 << 16, offset)):
        pieces.append(piece)
        offset += len(piece)
    return b"".join(pieces)


def split(data: bytes) -> list[bytes]:
    """Return the lines of *data*, without their ends."""
    lines = data.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    return lines


def masked_lines(data: bytes, raw: list[bytes], request: LinesRequest) -> list[str]:
    """Return *raw*, the lines of *data*, with identifiers masked and secrets as stars."""
    spans = [(begin, end, False) for begin, end in hidden(data, names=request.style != "words")]
    spans.sort()
    shown = []
    position = 0
    first = 0
    for line in raw:
        end = position + len(line)
        while first < len(spans) and spans[first][1] <= position:
            first += 1
        touching = [span for span in _until(spans, first, end) if span[1] > position]
        # Line by line: what identifies somebody stands in one.
        touching += [(position + start, position + stop, True) for start, stop in hide(line)]
        shown.append(_mask_line(line, position, touching))
        position = end + 1
    return shown


def _until(
    spans: list[tuple[int, int, bool]], first: int, end: int
) -> Iterable[tuple[int, int, bool]]:
    for index in range(first, len(spans)):
        if spans[index][0] >= end:
            return
        yield spans[index]


def _mask_line(line: bytes, offset: int, spans: list[tuple[int, int, bool]]) -> str:
    """Return *line*, which begins at *offset*, with *spans* of the whole text masked."""
    parts = []
    position = 0
    for begin, end, partly in _merged(spans):
        start, stop = max(begin - offset, position), min(end - offset, len(line))
        if start >= stop:
            continue
        parts.append(_text(line[position:start]))
        whole = partly and begin >= offset and end - offset <= len(line)
        parts.append(mask(_text(line[start:stop])) if whole else _STARS)
        position = stop
    parts.append(_text(line[position:]))
    return _cut(escape("".join(parts).replace("\t", "    ").rstrip("\r")))


def _merged(spans: list[tuple[int, int, bool]]) -> list[tuple[int, int, bool]]:
    """Join what overlaps; a secret that overlaps an identifier hides both."""
    kept: list[tuple[int, int, bool]] = []
    for begin, end, partly in sorted(spans):
        if kept and begin < kept[-1][1]:
            last = kept[-1]
            kept[-1] = (last[0], max(last[1], end), last[2] and partly and end <= last[1])
        else:
            kept.append((begin, end, partly))
    return kept


def secret_lines(raw: list[bytes]) -> list[str]:
    """Return what of a file full of secrets may be shown: who the lines are about."""
    shown = []
    for line in raw:
        account = _ACCOUNT.match(line)
        name = account[1] if account else b""
        if not line.strip():
            shown.append("")
        elif name and not hide(name):
            shown.append(f"{escape(_text(name))}:{_STARS}")
        else:
            shown.append(_STARS)
    return shown


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


__all__ = ["Span", "look", "masked_lines", "secret_lines", "split", "start"]
