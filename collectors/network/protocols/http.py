"""HTTP/1 in clear, RFC 9112: one `model.Http` for each request, logins, and bodies as content.

Requests that were sent before their responses came (pipelining) are matched in order. After
CONNECT, and in what another protocol was agreed for, HTTP ends. A head over 32 KB, or what is none,
ends the reading of its direction.
"""

from __future__ import annotations

from collections import deque

from msgspec.structs import replace

from collectors.network.model import Conn, Content, Http, Login
from collectors.network.protocols import http_login
from collectors.network.protocols.claims import Claim
from collectors.network.protocols.http_messages import (
    LONGEST_VALUE,
    METHODS,
    Body,
    Head,
    RequestLine,
    decoded,
    head,
    host_of,
    is_chunked,
    length,
    request_line,
    status_line,
)
from collectors.network.protocols.http_parts import Capture, Heads
from collectors.network.protocols.talk import ALONE, MOST_HELD, Around, Talk

MOST_WAITING = 64
"""Requests that wait for their response; of more the oldest are told without."""

_STARTS = tuple(method + b" " for method in METHODS)


class _Exchange:
    """A request and its response, as far as they are known."""

    __slots__ = ("answered", "claims", "http", "told")

    def __init__(self, http: Http) -> None:
        self.http = http
        self.claims: list[Claim] = []
        self.answered = False
        self.told = False


class _Side:
    """One direction: between messages, in a body, or given up."""

    __slots__ = ("body", "capture", "coding", "exchange", "heads", "lost", "off", "size")

    def __init__(self) -> None:
        self.heads = Heads()
        self.exchange: _Exchange | None = None
        self.body: Body | None = None
        self.capture: Capture | None = None
        self.coding = ""
        self.size = 0
        """Declared length of the body."""
        self.off = False
        """No more of this direction is understood."""
        self.lost = False
        """Bytes are missing; the next message is waited for."""


class HttpTalk(Talk):
    """One connection of HTTP/1."""

    protocol = "http"
    recorded = False

    def __init__(self, conn: Conn, around: Around = ALONE) -> None:
        super().__init__(conn, around)
        self._client = _Side()
        self._server = _Side()
        self._waiting: deque[_Exchange] = deque()
        self._held: bytes | None = None
        self._last: tuple[str, bytes, str] | None = None

    def _take(self, from_client: bool, data: bytes, at: int) -> None:
        side = self._client if from_client else self._server
        if from_client and self._held is not None:
            self._held = (self._held + data)[:MOST_HELD]
            return
        if side.lost and not self._found_again(side, from_client, data):
            return
        position = 0
        while position < len(data) and not side.off:
            if not from_client and side.body is None:
                self._old_response()
            if side.body is not None:
                pieces, position = side.body.take(data, position)
                self._add(side, pieces, at)
                continue
            raw, position = side.heads.take(data, position)
            if raw is None:
                side.off = side.heads.too_long()
                break
            if from_client:
                self._request(head(raw), at)
            else:
                self._response(head(raw), at)
            if self.over or self._held is not None:
                self._hand_on(from_client, data[position:], at)
                return
        if self._client.off and self._server.off:
            self._stop(at)

    def _hand_on(self, from_client: bool, rest: bytes, at: int) -> None:
        if self._held is not None and from_client:
            self._held = rest[:MOST_HELD]
        if self.inner is None:
            return
        held, self._held = self._held, None
        if held:
            self._out.extend(self.inner.client(held, at))
        if rest:
            take = self.inner.client if from_client else self.inner.server
            self._out.extend(take(rest, at))

    def _found_again(self, side: _Side, from_client: bool, data: bytes) -> bool:
        """Take note of a message that begins at the beginning of a segment."""
        side.lost = not data.startswith(_STARTS if from_client else b"HTTP/1.")
        return not side.lost

    def _request(self, message: Head, at: int) -> None:
        line = request_line(message.first)
        if line is None:
            self._client.off = True
            return
        fields = message.fields
        shown = fields.get(b"authorization") or fields.get(b"proxy-authorization", b"")
        who = http_login.authorization(shown)
        size = _size(message)
        exchange = _Exchange(
            Http(
                conn=self.conn,
                at=at,
                method=line.method,
                host=_host(line, message),
                path=line.target,
                version=line.version or "0.9",
                user_agent=message.get(b"user-agent"),
                referrer=message.get(b"referer"),
                request_type=message.get(b"content-type"),
                request_bytes=max(0, size or 0),
                authorization=who.method if who else "",
                user=who.user if who else "",
                forwarded_for=message.get(b"x-forwarded-for"),
                upgrade=message.get(b"upgrade"),
            )
        )
        if line.version.startswith("2"):  # the preface of HTTP/2, RFC 9113 3.4
            self._tell(exchange)
            self.over = True
            return
        found = http_login.query(line.target)
        exchange.claims = [
            claim for claim in (who, found) if claim and (claim.user or claim.secret)
        ]
        self._expect(exchange)
        if size:
            self._begin(self._client, exchange, message, size)
        elif line.method == "CONNECT":
            self._held = b""

    def _expect(self, exchange: _Exchange) -> None:
        self._waiting.append(exchange)
        if len(self._waiting) > MOST_WAITING or self._server.off:
            self._unanswered(self._waiting.popleft())

    def _response(self, message: Head, at: int) -> None:
        side = self._server
        status = status_line(message.first)
        if status is None:
            side.off = True
            return
        if 100 <= status < 200 and status != 101:
            return
        empty = Http(conn=self.conn, at=at, method="")
        exchange = self._waiting.popleft() if self._waiting else _Exchange(empty)
        request = exchange.http
        size = _size(message)
        if request.method == "HEAD" or status in {101, 204, 304}:
            size = 0
        elif size is None:
            size = Body.UNTIL_CLOSE
        exchange.answered = True
        exchange.http = replace(
            request,
            status=status,
            version=request.version or message.first[5:8].decode("ascii", "replace"),
            response_type=message.get(b"content-type"),
            response_bytes=max(0, size),
            location=message.get(b"location", LONGEST_VALUE * 2),
            server=message.get(b"server"),
            upgrade=message.get(b"upgrade") or request.upgrade,
        )
        if status == 101 or (request.method == "CONNECT" and status < 300):
            self._switch(exchange)
            return
        if size >= 0:
            self._tell(exchange)
        self._logins(exchange, None)
        if request.method == "CONNECT":
            self._refused(at)
        if size:
            self._begin(side, exchange, message, size)

    def _switch(self, exchange: _Exchange) -> None:
        self._tell(exchange)
        self._logins(exchange, b"")
        if exchange.http.status == 101:
            self.over = True
        else:
            self._go_over("")

    def _refused(self, at: int) -> None:
        held, self._held = self._held, None
        if held:
            self._take(True, held, at)

    def _old_response(self) -> None:
        """A response of HTTP/0.9 is its body."""
        if self._waiting and self._waiting[0].http.version == "0.9":
            exchange = self._waiting.popleft()
            exchange.answered = True
            self._logins(exchange, b"")
            self._begin(self._server, exchange, Head(b"", {}), Body.UNTIL_CLOSE)

    def _begin(self, side: _Side, exchange: _Exchange, message: Head, size: int) -> None:
        side.exchange = exchange
        side.body = Body(size)
        side.size = max(0, size)
        side.coding = message.get(b"content-encoding")
        if self._around.content is not None or self._may_tell_login(side, exchange):
            side.capture = Capture(self._around)

    def _may_tell_login(self, side: _Side, exchange: _Exchange) -> bool:
        if side is self._server:
            return bool(exchange.claims)
        kind = exchange.http.request_type
        return not kind or "json" in kind or "urlencoded" in kind

    def _add(self, side: _Side, pieces: list[bytes], at: int) -> None:
        if side.capture is not None:
            side.capture.add(pieces)
            if side.capture.full:
                self._captured(side, at, complete=False)
        if side.body is not None and side.body.done:
            self._finish(side, at, complete=True)

    def _captured(self, side: _Side, at: int, *, complete: bool) -> None:
        """Hand over what was kept of a body, and look for a login in it."""
        capture, exchange, body = side.capture, side.exchange, side.body
        side.capture = None
        if capture is None or exchange is None or body is None:
            return
        whole, raw = capture.whole, capture.take()
        data = decoded(raw, side.coding)
        if side is self._client:
            claim = http_login.form(data or b"", exchange.http.request_type)
            if claim is not None:
                exchange.claims.append(claim)
                if exchange.answered:
                    self._logins(exchange, b"")
        else:
            self._logins(exchange, data or b"")
        if data and self._around.content is not None:
            self._around.content(
                Content(
                    conn=self.conn,
                    at=at,
                    protocol="http",
                    from_client=side is self._client,
                    data=data,
                    seen=len(raw),
                    size=side.size or (body.wire if complete else 0),
                    complete=complete and whole,
                    http=exchange.http,
                )
            )

    def _finish(self, side: _Side, at: int, *, complete: bool) -> None:
        exchange, body = side.exchange, side.body
        self._captured(side, at, complete=complete)
        side.exchange = side.body = None
        if exchange is None or body is None:
            return
        if side is self._client:
            if body.left < 0 and not exchange.told:
                exchange.http = replace(exchange.http, request_bytes=body.wire)
        else:
            if body.left < 0:
                exchange.http = replace(exchange.http, response_bytes=body.wire)
            self._logins(exchange, b"")
            self._tell(exchange)

    def _logins(self, exchange: _Exchange, body: bytes | None) -> None:
        """Tell the logins of an exchange whose outcome is known; all, where *body* is known."""
        http = exchange.http
        left = []
        for claim in exchange.claims:
            outcome = http_login.outcome(claim.method, http.status, http.location, body)
            undecided = not outcome and body is None and 200 <= http.status < 300
            if undecided and claim.method in {"form", "query"}:
                left.append(claim)
            else:
                self._tell_login(claim, outcome, http.at)
        exchange.claims = left

    def _tell_login(self, claim: Claim, outcome: str, at: int) -> None:
        key = (claim.user, claim.secret, outcome)
        if claim.method not in {"form", "query"}:  # the same comes with each request
            if key == self._last:
                return
            self._last = key
        self._out.append(
            Login(
                conn=self.conn,
                at=at,
                protocol="http",
                user=claim.user,
                secret=claim.secret,
                cleartext=claim.cleartext,
                method=claim.method,
                outcome=outcome,
            )
        )

    def _tell(self, exchange: _Exchange) -> None:
        if not exchange.told:
            exchange.told = True
            self._out.append(exchange.http)

    def _unanswered(self, exchange: _Exchange) -> None:
        self._tell(exchange)
        self._logins(exchange, b"")

    def _cut(self, from_client: bool, at: int) -> None:
        side = self._client if from_client else self._server
        self._finish(side, at, complete=False)
        side.off = True
        side.heads.clear()
        if not from_client:
            self._forget_waiting()

    def _gap(self, from_client: bool, size: int, at: int) -> None:
        side = self._client if from_client else self._server
        if side.body is not None:
            size = side.body.pass_over(size)
            if side.capture is not None:
                side.capture.whole = False
            if not size:
                if side.body.done:
                    self._finish(side, at, complete=False)
                return
            self._finish(side, at, complete=False)
        side.heads.clear()
        side.lost = True
        if not from_client:
            self._forget_waiting()

    def _forget_waiting(self) -> None:
        while self._waiting:
            self._unanswered(self._waiting.popleft())

    def _end(self, at: int) -> None:
        for side in (self._client, self._server):
            body = side.body
            to_the_end = body is not None and body.left == Body.UNTIL_CLOSE
            self._finish(side, at, complete=to_the_end)
        self._forget_waiting()


def _host(line: RequestLine, message: Head) -> str:
    """Return whom a request is for: the target's host goes before the field, RFC 9112 3.2.2."""
    if line.method == "CONNECT":
        return line.target.partition(" ")[0].rpartition(":")[0] or message.get(b"host")
    return host_of(line.target) or message.get(b"host")


def _size(message: Head) -> int | None:
    """Return the length of the body that a head declares, None where it does not."""
    coding = message.get(b"transfer-encoding")
    if coding and is_chunked(coding):
        return Body.CHUNKED
    return length(message.fields.get(b"content-length", b""))
