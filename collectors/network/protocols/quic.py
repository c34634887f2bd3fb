"""The ClientHello of QUIC connections, from Initial packets: one `model.Tls` for each.

Keys are worked out from what the first packet says (`quic_packets`), so nothing is broken into.
"""

from __future__ import annotations

from typing import Final

from collectors.network.model import Conn, Seen
from collectors.network.protocols import quic_google, quic_packets, tls, tls_messages
from collectors.network.protocols.quic_packets import Keys, Packet

PORTS = frozenset((443, 784, 853, 8443, 8853))
"""Where QUIC is looked for; on other ports, too, a first packet is known by `looks_like`."""

_SMALLEST = 1200
"""Bytes of a datagram with which a client begins, RFC 9000 14.1."""
_MOST_CONNECTIONS = 2000
_MOST_BYTES = 16 << 10
"""Of a ClientHello; with a post-quantum key share it has about 2 KB."""
_MOST_PIECES = 64
_WAIT = 30_000_000_000
"""ns after which a connection is forgotten that went no further."""
_PER_SECOND = 200
"""Packets decrypted in a second, of about 0.3 ms each: a flood costs a part of a core, no more."""
_NS: Final = 1_000_000_000


def looks_like(datagram: bytes) -> bool:
    """Tell whether a client may begin a QUIC connection with this."""
    return len(datagram) >= _SMALLEST and (
        next(quic_packets.packets(datagram), None) is not None or quic_google.looks_like(datagram)
    )


class _Connection:
    """What is known of one connection until its ClientHello is whole."""

    __slots__ = ("at", "bytes", "done", "keys", "pieces", "retried")

    def __init__(self, at: int) -> None:
        self.at = at
        self.keys: Keys | None = None
        self.pieces: dict[int, bytes] = {}
        """By their offset."""
        self.bytes = 0
        self.done = False
        self.retried = False
        """The server sent a Retry: the next packet has other keys."""

    def add(self, pieces: list[tuple[int, bytes]]) -> bytes | None:
        """Take pieces of the handshake; return the body of the ClientHello when it is whole."""
        for offset, data in pieces:
            known = self.pieces.get(offset, b"")
            if len(data) <= len(known) or offset + len(data) > _MOST_BYTES:
                continue
            if len(self.pieces) >= _MOST_PIECES or self.bytes + len(data) > _MOST_BYTES:
                continue
            self.pieces[offset] = data
            self.bytes += len(data) - len(known)
        whole = b""
        for offset in sorted(self.pieces):
            if offset > len(whole):
                break
            whole += self.pieces[offset][len(whole) - offset :]
        if len(whole) < 4 or whole[0] != tls_messages.CLIENT_HELLO:
            return None
        end = 4 + int.from_bytes(whole[1:4], "big")
        return whole[4:end] if end <= len(whole) else None

    def finish(self) -> None:
        """Give the memory back, and look at nothing more."""
        self.done = True
        self.keys = None
        self.pieces = {}


class QuicDatagrams:
    """All QUIC over UDP; `protocols.Datagrams`."""

    def __init__(self, *, most: int = _MOST_CONNECTIONS, per_second: int = _PER_SECOND) -> None:
        self._most = most
        self._connections: dict[int, _Connection] = {}
        """By `Conn.key`, the oldest first."""
        self._per_second = per_second
        self._second = 0
        self._left = per_second
        self.evicted = 0
        """Connections forgotten for want of room."""
        self.passed_over = 0
        """Packets that were not decrypted because there were too many in that second."""

    def datagram(self, conn: Conn, from_client: bool, payload: bytes, at: int) -> list[Seen]:
        """Take one datagram; return the handshake when its ClientHello is whole."""
        if not payload:
            return []
        if not payload[0] & 0x80:
            return self._google(conn, payload, at) if from_client else []
        one = self._connections.get(conn.key)
        if one is not None and one.done:
            return []
        found = False
        for packet in quic_packets.packets(payload):
            found = True
            if not from_client:
                if packet.retry and one is not None:
                    one.retried = True
                continue
            if packet.retry:
                continue
            if one is None:
                one = self._new(conn.key, at)
            body = self._open(one, payload, packet, at)
            if body is None:
                continue
            one.finish()
            hello = tls_messages.client_hello(body)
            return [tls.record(conn, one.at, hello, None, quic=True)] if hello else []
        return [] if found or not from_client else self._google(conn, payload, at)

    def expire(self, now: int) -> list[Seen]:
        """Forget connections that have been known for half a minute."""
        limit = now - _WAIT
        while self._connections:
            key, one = next(iter(self._connections.items()))
            if one.at > limit:
                break
            del self._connections[key]
        return []

    def end(self, key: int, at: int) -> list[Seen]:  # noqa: ARG002 - part of the contract
        """Forget a connection."""
        self._connections.pop(key, None)
        return []

    def _new(self, key: int, at: int) -> _Connection:
        if len(self._connections) >= self._most:
            self.evicted += 1
            del self._connections[next(iter(self._connections))]
        one = self._connections[key] = _Connection(at)
        return one

    def _open(self, one: _Connection, payload: bytes, packet: Packet, at: int) -> bytes | None:
        """Return the body of the ClientHello if *packet* makes it whole."""
        if one.keys is not None and not one.retried:
            if not self._may_work(at):
                return None
            pieces = quic_packets.crypto(quic_packets.plain(payload, packet, one.keys))
            if pieces is not None:
                return one.add(pieces)
        # The first packet, or the first after a Retry that may itself have been missed.
        if not self._may_work(at):
            return None
        other = quic_packets.keys(packet.version, packet.destination)
        pieces = quic_packets.crypto(quic_packets.plain(payload, packet, other))
        if pieces is None:
            return None
        if one.retried or one.keys is not None:
            one.pieces, one.bytes = {}, 0
        one.keys, one.retried = other, False
        return one.add(pieces)

    def _may_work(self, at: int) -> bool:
        second = at // _NS
        if second != self._second:
            self._second, self._left = second, self._per_second
        if self._left <= 0:
            self.passed_over += 1
            return False
        self._left -= 1
        return True

    def _google(self, conn: Conn, payload: bytes, at: int) -> list[Seen]:
        one = self._connections.get(conn.key)
        if one is not None and one.done:
            return []
        hello = quic_google.hello(payload)
        if hello is None:
            return []
        (one or self._new(conn.key, at)).finish()
        return [tls.record(conn, at, hello, None, quic=True)]
