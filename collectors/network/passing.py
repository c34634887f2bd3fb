"""The capture child's end of the channel to the content child: a `ContentSink` that never waits.

SOCK_SEQPACKET keeps messages whole: one is taken at once or not at all. What the kernel has no room
for waits here, up to `MOST_BYTES`; more is dropped and counted.
"""

from __future__ import annotations

import socket
import time
from collections import deque

import msgspec

from collectors.content.piece import MAX_DATA, Piece
from collectors.network.model import ANONYMOUS, Conn, Content, Login

MOST_BYTES = 2 << 20
_MOST_TEXT = 2048
"""Characters of a path: the content child shows fewer."""
_encode = msgspec.msgpack.Encoder().encode


class Passing:
    """See `collectors.network.model.ContentSink`."""

    def __init__(self, descriptor: int | None = None) -> None:
        """Take over *descriptor*; without one, what comes waits for `attach`."""
        self._socket: socket.socket | None = None
        if descriptor is not None:
            self.attach(descriptor)
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self.most = MOST_BYTES
        """Bytes that may wait."""
        self.passed = 0
        """Pieces that went over, since the start."""
        self.dropped = 0
        """Pieces for which there was no room."""

    def attach(self, descriptor: int) -> None:
        """Take over *descriptor* in the place of the one before, if any."""
        if self._socket is not None:
            self._socket.close()
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(False)

    def content(self, piece: Content) -> None:
        """Pass on the first bytes of one direction."""
        http = piece.http
        one = _piece(piece.conn, piece.at, piece.protocol, from_client=piece.from_client)
        one = msgspec.structs.replace(
            one,
            data=piece.data[:MAX_DATA],
            seen=piece.seen,
            size=piece.size,
            complete=piece.complete and len(piece.data) <= MAX_DATA,
        )
        if http is not None:
            one = msgspec.structs.replace(
                one,
                method=http.method[:128],
                host=http.host[:256],
                path=http.path[:_MOST_TEXT],
                status=http.status,
                type=(http.request_type if piece.from_client else http.response_type)[:256],
                forwarded=http.forwarded_for[:256],
                user=http.user[:256],
            )
        self._pass(one)

    def login(self, login: Login) -> None:
        """Pass on a password that crossed in clear; one that failed is nobody's."""
        if not login.cleartext or not login.secret or login.outcome == "failure":
            return
        if login.protocol == "ftp" and login.user.lower() in ANONYMOUS:
            return
        one = _piece(login.conn, login.at, login.protocol, from_client=True)
        self._pass(
            msgspec.structs.replace(
                one,
                secret=login.secret[:1024],
                user=login.user[:256],
                how=login.method[:32],
                database=login.database[:256],
                outcome=login.outcome,
            )
        )

    def flush(self) -> None:
        """Send what waits, as far as there is room. Call it now and then."""
        while self._waiting and self._send(self._waiting[0]):
            self._bytes -= len(self._waiting.popleft())

    def wait(self, seconds: float) -> None:
        """Have what waits sent, for *seconds* at most: a file has time, an interface has none."""
        deadline = time.monotonic() + seconds
        self.flush()
        while self._waiting and time.monotonic() < deadline:
            time.sleep(0.002)
            self.flush()

    def close(self) -> None:
        """Send what there is room for, and let go of the channel."""
        self.flush()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _pass(self, piece: Piece) -> None:
        try:
            message = _encode(piece)
        except UnicodeEncodeError:  # text from the wire with lone surrogates
            message = _encode(_clean(piece))
        self.flush()
        if not self._waiting and self._send(message):
            return
        if self._bytes + len(message) > self.most:
            self.dropped += 1
            return
        self._waiting.append(message)
        self._bytes += len(message)

    def _send(self, message: bytes) -> bool:
        """Send it, or tell that there is no room now."""
        if self._socket is None:
            return False
        try:
            self._socket.send(message)
        except OSError:  # no room, or nobody reads any more: it waits, and gives way in the end
            return False
        self.passed += 1
        return True


def _piece(conn: Conn, at: int, protocol: str, *, from_client: bool) -> Piece:
    return Piece(
        at=at,
        protocol=protocol,
        client=conn.client,
        client_port=conn.client_port,
        server=conn.server,
        server_port=conn.server_port,
        direction=conn.direction.value,
        from_client=from_client,
    )


def _clean(piece: Piece) -> Piece:
    texts = {
        name: value.encode("utf-8", "backslashreplace").decode()
        for name in Piece.__struct_fields__
        if isinstance(value := getattr(piece, name), str)
    }
    return msgspec.structs.replace(piece, **texts)
