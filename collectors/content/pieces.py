"""The content child of the network sensor: looks into what the capture child passes to it."""

from __future__ import annotations

import ipaddress
import os
import socket
import time
from collections.abc import Callable, Sequence

import msgspec

from collectors.content.piece import MAX_MESSAGE, Answer, Heard, Piece, Serve
from collectors.content.result import Init, ScanResult
from collectors.kinds import Scrubbed, Tally
from collectors.redact import Redactor, excerpt

_SHORT = 128
_LONG = 400
"""Characters of a path that are told."""
_SECONDS = 0.8
"""For one piece: a head of 64 KB takes some milliseconds, an archive in it may be a bomb."""
_OUTCOMES = frozenset({"", "success", "failure"})
_PLAIN = frozenset({"clean", "found", "damaged"})
"""Damage is expected: most archives are cut after their first bytes."""
_CONFIDENCE = 0.97
"""Of a password that a protocol names as one."""
_LEAST = 12
"""Bytes: no identifier or credential is shorter."""


def start(init: bytes) -> Callable[[bytes, list[int]], bytes]:
    """Load rules and numpy, and return the handler: one request, channel and registers."""
    # numpy's linear algebra would start a thread, and reserve memory, for each core.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    reader = Pieces(msgspec.msgpack.decode(init, type=Init))
    requests = msgspec.msgpack.Decoder(Serve)

    def handle(request: bytes, descriptors: list[int]) -> bytes:
        channel, *registers = descriptors
        try:
            with socket.socket(fileno=channel) as end:
                return msgspec.msgpack.encode(
                    reader.serve(end, requests.decode(request), registers)
                )
        finally:
            for descriptor in registers:
                os.close(descriptor)

    return handle


class Pieces:
    """Reads pieces and says what stands in them."""

    def __init__(self, init: Init) -> None:
        from collectors.content.scan import Scanner

        self._scanner = Scanner(init)
        self._redactor = Redactor(init.key, init.epoch)
        self._decoder = msgspec.msgpack.Decoder(Piece)

    def serve(self, end: socket.socket, request: Serve, registers: Sequence[int]) -> Answer:
        """Read what waits in *end*, without waiting for more."""
        heard: list[Heard] = []
        pieces = damaged = unread = 0
        deadline = time.monotonic() + request.seconds
        while pieces + damaged < request.most and time.monotonic() < deadline:
            try:
                data, _, flags, _ = end.recvmsg(MAX_MESSAGE, 0, socket.MSG_DONTWAIT)
            except (BlockingIOError, ConnectionError):
                break
            if not data:
                break
            piece = None if flags & socket.MSG_TRUNC else self._decoded(data)
            if piece is None:
                damaged += 1
                continue
            pieces += 1
            result, one = self._look(piece, registers)
            unread += result is not None and result.outcome not in _PLAIN
            heard += [one] if one is not None else []
        return Answer(heard=tuple(heard), pieces=pieces, damaged=damaged, unread=unread)

    def _decoded(self, data: bytes) -> Piece | None:
        try:
            return self._decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None

    def _look(
        self, piece: Piece, registers: Sequence[int]
    ) -> tuple[ScanResult | None, Heard | None]:
        if piece.secret:
            return None, self._told(piece, (self._password(piece.secret),))
        if len(piece.data) < _LEAST:
            return None, None
        name = piece.path.partition("?")[0][-256:]
        found = self._scanner.scan_bytes(piece.data, name, _SECONDS, registers)
        if not (found.tallies or found.canaries or any(one.sure for one in found.people)):
            return found, None
        tallies = found.tallies
        whole = piece.complete or (piece.size and piece.seen >= piece.size)
        if not whole:
            tallies = tuple(_projected(one, piece.seen, piece.size) for one in tallies)
        heard = self._told(piece, tallies)
        return found, msgspec.structs.replace(
            heard,
            canaries=found.canaries,
            people=found.people,
            parts=found.parts[:4],
            format=found.format,
            scanned=found.scanned,
            complete=bool(whole),
        )

    def _password(self, secret: bytes) -> Tally:
        value = secret.decode("utf-8", "surrogateescape")
        return Tally(
            type="password",
            count=1,
            distinct=1,
            confidence=_CONFIDENCE,
            samples=(),  # of a password that is in use even the length helps a guesser
            tokens=self._redactor.sketch("password", [value]),
        )

    def _told(self, piece: Piece, tallies: tuple[Tally, ...]) -> Heard:
        return Heard(
            at=piece.at,
            protocol=excerpt(piece.protocol, 32),
            client=address(piece.client),
            client_port=piece.client_port,
            server=address(piece.server),
            server_port=piece.server_port,
            direction=excerpt(piece.direction, 32),
            from_client=piece.from_client,
            tallies=tallies,
            size=piece.size,
            method=excerpt(piece.method, 32),
            host=excerpt(piece.host, _SHORT),
            path=self._path(piece.path),
            status=piece.status,
            type=excerpt(piece.type, _SHORT),
            forwarded=_forwarded(piece.forwarded),
            account=excerpt(piece.user, _SHORT),
            login=bool(piece.secret),
            how=excerpt(piece.how, 32),
            database=excerpt(piece.database, _SHORT),
            outcome=piece.outcome if piece.outcome in _OUTCOMES else "",
        )

    def _path(self, target: str) -> Scrubbed:
        """Return the path of a request, the names of its parameters without their values."""
        path, mark, query = target.partition("?")
        names = [part.partition("=")[0] for part in query[:4096].split("&")[:20]]
        return excerpt(path + (mark + "&".join(names) if query else ""), _LONG)


def _projected(tally: Tally, seen: int, size: int) -> Tally:
    """Return *tally*, of the first *seen* bytes, with what it makes for all *size* bytes."""
    about = round(tally.count * size / seen) if 0 < seen < size else None
    return msgspec.structs.replace(tally, exact=False, about=about)


def _forwarded(text: str) -> str:
    """Return the first address in ``X-Forwarded-For``: the client, by the proxy's account."""
    try:
        return str(ipaddress.ip_address(text[:256].partition(",")[0].strip()))
    except ValueError:
        return ""


def address(packed: bytes) -> str:
    """Return a packed address as text; empty when it is none. IPv4 in IPv6 becomes IPv4."""
    try:
        found = ipaddress.ip_address(packed)
    except ValueError:
        return ""
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found)
