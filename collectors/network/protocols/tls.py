"""TLS over TCP: one `model.Tls` for each handshake, from the bytes that both ends send in clear."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from collectors.network.model import Conn, Tls
from collectors.network.protocols import tls_fingerprint, tls_messages
from collectors.network.protocols.tls_messages import ClientHello, OldServerHello, ServerHello
from collectors.network.protocols.x509 import Certificate, certificate

MOST = 64 << 10
"""Bytes looked at in each direction; nothing in clear is longer, but for huge chains."""

_CHANGE_CIPHER, _ALERT, _HANDSHAKE, _APPLICATION, _HEARTBEAT = 20, 21, 22, 23, 24
_LONGEST_RECORD = (1 << 14) + 2048
_FATAL = 2
_NAMES = {0x0002: "ssl2", 0x0300: "ssl3", 0x0301: "1.0", 0x0302: "1.1", 0x0303: "1.2"}
_NAMES[tls_messages.TLS13] = "1.3"
_MOST_CHARACTERS = 255
_KEPT = 256
"""Certificates whose facts are kept, of at most 4 KB each."""
_LONGEST_KEPT = 4096
_NO_CERTIFICATE = Certificate(sha256="")


def version_name(version: int) -> str:
    """Return ``1.0`` ... ``1.3``, ``ssl2`` or ``ssl3``; drafts of 1.3 are 1.3; unknown is empty."""
    if version >> 8 in {0x7F, 0xFB}:  # drafts of the IETF and of Facebook
        return "1.3"
    return _NAMES.get(version, "")


def looks_like(data: bytes) -> bool:
    """Tell whether the first bytes of a client begin a TLS or SSL handshake; 6 are enough."""
    if len(data) < 6:
        return False
    if data[0] == _HANDSHAKE:
        return data[1] == 3 and data[5] == tls_messages.CLIENT_HELLO
    return bool(data[0] & 0x80 and data[2] == 1 and data[3:5] in {b"\0\2", b"\3\0", b"\3\1"})


class _Half:
    """The bytes of one direction, taken apart into records and handshake messages."""

    __slots__ = ("_bytes", "_messages", "_need", "_room", "closed", "first", "old")

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._messages = bytearray()
        self._need = 5
        self._room = MOST
        self.first = True
        self.old = False
        """The first message had the form of SSL 2.0."""
        self.closed = False
        """Nothing more is to be had: no TLS, or too much of it."""

    def take(self, data: bytes, tell: Callable[[int, bytes], bool]) -> None:
        """Call *tell* with the type and content of each record that is whole, until it says stop.

        Handshake messages come one by one, however they are spread over records.
        """
        if self.closed:
            return
        self._bytes += data[: self._room]
        self._room -= len(data)
        at, size = 0, len(self._bytes)
        while size - at >= self._need and not self.closed:
            end = self._end(at)
            if end > size:
                self._need = end - at
                break
            if end and self._record(at, end, tell):
                self.close()
                return
            at = end
            self._need = 5
        del self._bytes[:at]
        if self._room <= 0:
            self.closed = True

    def rest(self) -> bytes:
        """Return the handshake message that was begun and never ended, and give up."""
        rest = bytes(self._messages)
        self.close()
        return rest

    def close(self) -> None:
        """Give the memory back."""
        self.closed = True
        self._bytes = bytearray()
        self._messages = bytearray()

    def _end(self, at: int) -> int:
        """Return where the record at *at* ends; 0 and closed, where none begins."""
        head = self._bytes
        if self.first and head[at] & 0x80 and head[at + 2] in {1, 4}:
            self.old = True
            return at + 2 + ((head[at] & 0x7F) << 8 | head[at + 1])
        size = head[at + 3] << 8 | head[at + 4]
        sound = head[at + 1] in {3, 0x7F} and size <= _LONGEST_RECORD
        if sound and _CHANGE_CIPHER <= head[at] <= _HEARTBEAT:
            return at + 5 + size
        self.closed = True
        return 0

    def _record(self, at: int, end: int, tell: Callable[[int, bytes], bool]) -> bool:
        old = self.old and self.first
        self.first = False
        if old:
            return tell(0, bytes(self._bytes[at + 2 : end]))
        kind = self._bytes[at]
        if kind != _HANDSHAKE:
            return tell(kind, bytes(self._bytes[at + 5 : end]))
        messages = self._messages
        messages += self._bytes[at + 5 : end]
        begin = 0
        while len(messages) - begin >= 4:
            stop = begin + 4 + int.from_bytes(messages[begin + 1 : begin + 4], "big")
            if stop > len(messages):
                break
            if tell(_HANDSHAKE, bytes(messages[begin:stop])):
                return True
            begin = stop
        del messages[:begin]
        return False


class TlsConversation:
    """One TCP connection that speaks TLS, a `model.Conversation`.

    Holds at most 64 KB for each direction, and nothing once the handshake was told: with the
    ServerHello in 1.3, where all that follows is encrypted, else when the ciphers are changed.
    """

    __slots__ = (
        "_alert",
        "_begin",
        "_certificate",
        "_client",
        "_complete",
        "_conn",
        "_from_client",
        "_from_server",
        "_old",
        "_server",
        "_warning",
        "done",
    )

    def __init__(self, conn: Conn) -> None:
        self._conn = conn
        self._from_client = _Half()
        self._from_server = _Half()
        self._begin: int | None = None
        self._client: ClientHello | None = None
        self._server: ServerHello | None = None
        self._old: OldServerHello | None = None
        self._certificate = b""
        self._warning = -1
        self._alert = -1
        self._complete = False
        self.done = False
        """Everything was told; more bytes need not be handed in."""

    def client(self, data: bytes, at: int) -> Sequence[Tls]:
        """Take bytes that the client sent."""
        return self._take(self._from_client, self._client_record, data, at)

    def server(self, data: bytes, at: int) -> Sequence[Tls]:
        """Take bytes that the server sent."""
        return self._take(self._from_server, self._server_record, data, at)

    def end(self, at: int) -> Sequence[Tls]:  # noqa: ARG002 - the record tells when it began
        """Tell what was seen, if anything was and it was not told."""
        if self.done:
            return ()
        rest = self._from_server.rest()
        if not self._certificate and rest[:1] == bytes((tls_messages.CERTIFICATE,)):
            self._certificate = tls_messages.first_certificate(rest[4:])
        if self._alert < 0 and not self._complete:
            self._alert = self._warning
        return self._tell()

    def _take(
        self, half: _Half, tell: Callable[[int, bytes], bool], data: bytes, at: int
    ) -> Sequence[Tls]:
        if self.done:
            return ()
        if self._begin is None:
            self._begin = at
        half.take(data, tell)
        if self._complete:
            return self._tell()
        if self._from_client.closed and self._from_server.closed:
            return self.end(at)
        return ()

    def _client_record(self, kind: int, content: bytes) -> bool:
        if kind == _HANDSHAKE or not kind:
            read = tls_messages.client_hello if kind else tls_messages.old_client_hello
            if self._client is None and (not kind or content[0] == tls_messages.CLIENT_HELLO):
                self._client = read(content[4:] if kind else content)
            return False
        return self._other_record(kind, content)

    def _server_record(self, kind: int, content: bytes) -> bool:
        if kind == _HANDSHAKE:
            return self._server_message(content[0], content[4:])
        if not kind:
            if found := tls_messages.old_server_hello(content):
                self._old, self._certificate = found, found.certificate
                self._complete = True
            return self._complete
        return self._other_record(kind, content)

    def _server_message(self, kind: int, body: bytes) -> bool:
        if kind == tls_messages.SERVER_HELLO and (self._server is None or self._server.retry):
            self._server = tls_messages.server_hello(body) or self._server
            self._complete = self._is_13() and not (self._server and self._server.retry)
        elif kind == tls_messages.CERTIFICATE and not self._certificate:
            self._certificate = tls_messages.first_certificate(body)
        return self._complete

    def _other_record(self, kind: int, content: bytes) -> bool:
        """Take note of an alert, or that what follows is encrypted."""
        if kind == _ALERT:
            return self._take_alert(content)
        # Middleboxes are shown a change of cipher in 1.3 as well; there it means nothing.
        self._complete = self._server is not None and not self._is_13()
        return self._complete

    def _take_alert(self, content: bytes) -> bool:
        if len(content) != 2:  # encrypted
            return False
        level, description = content
        if level == _FATAL or not description:
            self._alert = description
            self._complete = True
        else:
            self._warning = description
        return self._complete

    def _is_13(self) -> bool:
        return self._server is not None and version_name(self._server.version) == "1.3"

    def _tell(self) -> Sequence[Tls]:
        """Put together what was seen, and keep nothing: the connection may last for days."""
        self.done = True
        client, server, raw = self._client, self._server, self._certificate
        self._client = self._server = None
        self._certificate = b""
        self._from_client.close()
        self._from_server.close()
        old = self._old
        if client is None and server is None and old is None:
            return ()
        shown = _facts_of(raw) if raw else None
        return (
            record(
                self._conn,
                self._begin or 0,
                client,
                server,
                shown,
                old=old,
                alert=self._alert,
            ),
        )


def record(
    conn: Conn,
    at: int,
    client: ClientHello | None,
    server: ServerHello | None,
    shown: Certificate | None = None,
    *,
    old: OldServerHello | None = None,
    alert: int = -1,
    quic: bool = False,
) -> Tls:
    """Put together what was seen of a handshake."""
    modern = client if client and not client.old else None
    text = tls_fingerprint.ja3_text(modern) if modern else ""
    facts = shown or _NO_CERTIFICATE
    return Tls(
        conn=conn,
        at=at,
        version=version_name(_version(client, server, old)),
        sni=_text(client.server_name).lower() if client else "",
        alpn=tuple(map(_text, client.protocols)) if client else (),
        alpn_chosen=_text(server.protocol) if server else "",
        ja3=tls_fingerprint.md5(text) if text else "",
        ja3_text=text,
        ja3s=tls_fingerprint.md5(tls_fingerprint.ja3s_text(server)) if server else "",
        ja4=tls_fingerprint.ja4(modern, "q" if quic else "t") if modern else "",
        cipher=server.cipher if server else old.cipher if old else 0,
        resumed=_resumed(client, server, shown),
        alert=alert,
        quic=quic,
        certificate_sha256=facts.sha256,
        subject=facts.subject,
        issuer=facts.issuer,
        names=facts.names,
        not_before=facts.not_before,
        not_after=facts.not_after,
        self_signed=facts.self_signed,
        key_bits=facts.key_bits,
        signature=facts.signature,
    )


def _facts_of(raw: bytes) -> Certificate:
    """Read a certificate; those of a server come again and again."""
    return _kept_certificate(raw) if len(raw) <= _LONGEST_KEPT else certificate(raw)


_kept_certificate = lru_cache(_KEPT)(certificate)


def _version(
    client: ClientHello | None, server: ServerHello | None, old: OldServerHello | None
) -> int:
    """Return the version that was chosen, else the highest that was offered."""
    if server is not None or old is not None:
        return server.version if server is not None else old.version if old is not None else 0
    if client is None:
        return 0
    offered = tls_messages.numbers(client.versions)
    known = [value for value in offered if value not in tls_messages.GREASE]
    return max(known, default=client.version)


def _resumed(
    client: ClientHello | None, server: ServerHello | None, shown: Certificate | None
) -> bool:
    """Tell whether an old session goes on: the server repeats its id, or takes a shared key."""
    if server is None or server.resumed or client is None:
        return server is not None and server.resumed
    same = bool(server.session) and server.session == client.session
    return same and shown is None and version_name(server.version) != "1.3"


def _text(raw: bytes) -> str:
    return raw[:_MOST_CHARACTERS].decode("ascii", "backslashreplace")
