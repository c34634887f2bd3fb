"""A TCP connection from its first byte: wait until the protocol is certain, then let it be read.

Of the protocols whose parsers hand over no content themselves (mail, databases, file transfer,
unknown ones) the stream as it stands is content; a `tape.Tape` keeps it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from collectors.network.model import Conn, Conversation, Direction, Seen, Stream
from collectors.network.protocols.http_messages import METHODS
from collectors.network.protocols.talk import ALONE, Around, Talk, cut, gap
from collectors.network.streams.identify import ENOUGH, GREETING, UNKNOWN, identify
from collectors.network.streams.tape import Tape

_SHORT, _LONG = 30_000_000_000, 300_000_000_000
"""ns after which both ends, or one, are shown though they said little."""
_MOST_TURNS = 3
_RESPONSE = b"HTTP/1."
_REQUESTS = tuple(method + b" /" for method in METHODS)
_NO_HEADS = [b"", b""]
"""Shared by all that need them no more, and never written to."""
_DEEPEST = 4
"""Protocols inside of each other: a proxy in a proxy in a proxy."""

Make = Callable[[Conn, Around], Conversation]


class Dialogue(Talk):
    """One connection whose protocol is found out."""

    def __init__(
        self, conn: Conn, around: Around, parsers: dict[str, Make], depth: int = 0
    ) -> None:
        super().__init__(conn, around)
        self.name: str | None = None
        """The protocol; empty where nobody knows it, None before that is decided."""
        self._parsers = parsers
        self._depth = depth
        self._begun: list[tuple[bool, bytes, int]] = []
        self._heads = [b"", b""]
        """First bytes of the server and of the client."""
        self._tapes: dict[bool, Tape] = {}
        self._shown = False
        self._first = 0
        self._turns = 0
        self._spoke: bool | None = None

    def client(self, data: bytes, at: int) -> Sequence[Seen]:
        """Take bytes of the client."""
        inner = self.inner
        if inner is None:
            return self._early(True, data, at)
        if self._tapes:
            self._record(inner, True, data, at)
        return inner.client(data, at)

    def server(self, data: bytes, at: int) -> Sequence[Seen]:
        """Take bytes of the server."""
        inner = self.inner
        if inner is None:
            return self._early(False, data, at)
        if self._tapes:
            self._record(inner, False, data, at)
        return inner.server(data, at)

    def end(self, at: int) -> Sequence[Seen]:
        """Tell what is left."""
        if self.name is None and not self._ended:
            self._decide(at, last=True)
        if self.inner is not None:
            self._out.extend(self.inner.end(at))
        for tape in self._tapes.values():
            tape.hand_over(at, complete=True)
        self._tapes = {}
        self._show(at)
        self._ended = True
        return self._told()

    def cut(self, from_client: bool, at: int) -> Sequence[Seen]:
        """Take note that no more bytes of one end will come."""
        if from_client in self._tapes:
            self._tapes[from_client].hand_over(at)
        if self.inner is not None:
            return cut(self.inner, from_client, at)
        return ()

    def gap(self, from_client: bool, size: int, at: int) -> Sequence[Seen]:
        """Take note that bytes are missing; before the protocol is known it is guessed."""
        if self.name is None:
            self._decide(at, last=True)
            self._out.extend(gap(self.inner, from_client, size, at) if self.inner else ())
            return self._told()
        return gap(self.inner, from_client, size, at) if self.inner is not None else ()

    def tick(self, at: int) -> Sequence[Seen]:
        """Tell what has waited long enough, though nothing more came."""
        if self.name is None and self._begun:
            client, server = self._heads[True], self._heads[False]
            if client or not GREETING.match(server):  # a greeting may wait for its first command
                self._decide(at, last=True)
        if self.name == UNKNOWN and self._enough(at):
            self._show(at)
        for tape in self._tapes.values():
            if tape.paused(at):
                tape.hand_over(at)
        return self._told()

    def preset(self, name: str) -> None:
        """Take note that the protocol is known beforehand, and that nobody parses it."""
        self.name = name
        self._record_from(name)

    def _enough(self, at: int) -> bool:
        """Tell whether the first bytes say what they can: a talk, or nothing for long."""
        if self._heads[True] and self._heads[False]:
            return self._turns >= _MOST_TURNS or at - self._first > _SHORT
        return at - self._first > _LONG

    def _record(self, inner: Conversation, from_client: bool, data: bytes, at: int) -> None:
        if isinstance(inner, Talk) and inner.ciphered:
            for tape in self._tapes.values():
                tape.hand_over(at)
            self._tapes = {}
            return
        self._tapes[from_client].add(data, at)

    def _early(self, from_client: bool, data: bytes, at: int) -> Sequence[Seen]:
        head = self._heads[from_client]
        if len(head) < ENOUGH and self._heads is not _NO_HEADS:
            self._heads[from_client] = head + data[: ENOUGH - len(head)]
        if self._spoke is not from_client:
            self._spoke = from_client
            self._turns += 1
        if self.name is not None:
            if self._tapes:
                self._tapes[from_client].add(data, at)
            if not self._shown and self._both_full():
                self._show(at)
            return self._told()
        if not self._begun:
            self._first = at
        self._begun.append((from_client, data, at))
        self._decide(at)
        return self._told()

    def _both_full(self) -> bool:
        return len(self._heads[True]) >= ENOUGH and len(self._heads[False]) >= ENOUGH

    def _decide(self, at: int, *, last: bool = False) -> None:
        client, server = self._heads[True], self._heads[False]
        flipped = client.startswith(_RESPONSE) or server.startswith(_REQUESTS)
        name = "http" if flipped else identify(client, server, self.conn.server_port, last=last)
        if name is None:
            return
        make = self._parsers.get(name)
        self.name = name = name if make is not None else UNKNOWN
        begun, self._begun = self._begun, []
        if make is not None:
            self.inner = self._made(make, flipped)
            self._heads = _NO_HEADS
        recorded = not isinstance(self.inner, Talk) or self.inner.recorded
        if self._around.content is not None and recorded and name not in _CIPHERED:
            self._tapes = {end: Tape(self.conn, self._around, name, end) for end in (True, False)}
        for from_client, data, when in begun:
            if self.inner is not None:
                self._out.extend((self.client if from_client else self.server)(data, when))
            elif self._tapes:
                self._tapes[from_client].add(data, when)
        if self.inner is None and self._both_full():
            self._show(at)

    def _made(self, make: Make, flipped: bool) -> Conversation:
        if not flipped:
            return make(self.conn, self._around)
        made = make(_other_way(self.conn), self._around)
        return Flipped(made) if isinstance(made, Talk) else made

    def _record_from(self, name: str) -> None:
        if self._around.content is not None:
            self._tapes = {end: Tape(self.conn, self._around, name, end) for end in (True, False)}

    def _show(self, at: int) -> None:
        """Tell the first bytes of a protocol that nobody knows."""
        client, server = self._heads[True], self._heads[False]
        if self.name != UNKNOWN or self._shown or not (client or server):
            return
        self._shown = True
        self._out.append(Stream(conn=self.conn, at=self._first or at, client=client, server=server))
        self._heads = _NO_HEADS


class Flipped(Talk):
    """A conversation whose beginning was not seen, and whose ends were taken for each other."""

    recorded = False

    def __init__(self, inner: Talk) -> None:
        super().__init__(inner.conn)
        self._other = inner

    def client(self, data: bytes, at: int) -> Sequence[Seen]:
        """Take bytes of who is the server."""
        return self._other.server(data, at)

    def server(self, data: bytes, at: int) -> Sequence[Seen]:
        """Take bytes of who is the client."""
        return self._other.client(data, at)

    def end(self, at: int) -> Sequence[Seen]:
        """See `Talk.end`."""
        return self._other.end(at)

    def cut(self, from_client: bool, at: int) -> Sequence[Seen]:
        """See `Talk.cut`."""
        return self._other.cut(not from_client, at)

    def gap(self, from_client: bool, size: int, at: int) -> Sequence[Seen]:
        """See `Talk.gap`."""
        return self._other.gap(not from_client, size, at)


def _other_way(conn: Conn) -> Conn:
    ways = {Direction.INBOUND: Direction.OUTBOUND, Direction.OUTBOUND: Direction.INBOUND}
    return replace(
        conn,
        client=conn.server,
        client_port=conn.server_port,
        server=conn.client,
        server_port=conn.client_port,
        direction=ways.get(conn.direction, conn.direction),
    )


_CIPHERED = frozenset(("tls", "ssh", "dns"))
"""Nothing of them is content."""


def opener(parsers: dict[str, Make], around: Around) -> Callable[[Conn], Dialogue]:
    """Return what makes a `Dialogue`; its parsers can go over to another one of *parsers*."""
    return _opener(parsers, around, 0)


def _opener(parsers: dict[str, Make], around: Around, depth: int) -> Callable[[Conn], Dialogue]:
    """Return what makes a `Dialogue` inside of *depth* others."""
    inner = _opener(parsers, around, depth + 1) if depth < _DEEPEST else None

    def upgrade(name: str, conn: Conn) -> Conversation | None:
        if inner is None:
            return None
        if not name:
            return inner(conn)
        make = parsers.get(name)
        return make(conn, ALONE) if make is not None else None

    own = Around(upgrade, around.content, around.budget, around.expect)
    return lambda conn: Dialogue(conn, own, parsers, depth)
