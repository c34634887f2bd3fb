"""All conversations at once: segments and datagrams in, records out, bounded in every respect.

This is the `model.Streams` of the sensor. Content and passwords go to a `model.ContentSink`, where
one is given. What is forgotten for want of room is counted, never silent.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence

import msgspec

from collectors.network.model import ACK, FIN, RST, SYN, Conn, ContentSink, Login, Seen
from collectors.network.protocols import Datagrams
from collectors.network.protocols.talk import Around
from collectors.network.streams.datagrams import Unknown
from collectors.network.streams.dialogue import Dialogue, opener
from collectors.network.streams.parsers import datagram_parsers, is_dns, is_quic, parsers
from collectors.network.streams.reassembly import HEAD, Budget, Half

MOST_TALKS = 10_000
MOST_EXPECTED = 1024
"""Data connections that are agreed on and not open yet."""
MOST_TOLD = 100_000
"""Records that wait to be drained."""
TOTAL_HELD = 8 << 20
"""Bytes that all connections together hold for order."""
TOTAL_CONTENT = 8 << 20
"""Bytes that all connections together keep as content."""
_SECOND = 1_000_000_000
_SPARE = 2
"""So many times the connections that are kept may wait to be looked at."""
_FIRST_TICK = 5 * _SECOND
_TICK = 30 * _SECOND
_CONTROL = SYN | FIN | RST
_MASK = 0xFFFFFFFF


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much is kept."""

    head: int = HEAD
    """Bytes of each direction that are read."""
    talks: int = MOST_TALKS
    held: int = TOTAL_HELD
    content: int = TOTAL_CONTENT


class Stats(msgspec.Struct, kw_only=True):
    """What was done since the start."""

    segments: int = 0
    datagrams: int = 0
    talks: int = 0
    evicted: int = 0
    """Conversations forgotten for want of room."""
    gaps: int = 0
    lost: int = 0
    """Bytes that were never seen though later ones were."""
    dropped: int = 0
    """Records that nobody took."""
    faults: int = 0
    """Errors of parsers; each one is a bug."""
    protocols: dict[str, int] = {}
    """Connections by protocol, told when they end."""


class _Talk:
    """One TCP connection."""

    __slots__ = ("client", "conn", "dialogue", "name", "over", "server")

    def __init__(self, conn: Conn, client: Half, server: Half) -> None:
        self.conn = conn
        self.client = client
        self.server = server
        self.name = ""
        """The protocol, where it is known beforehand."""
        self.dialogue: Dialogue | None = None
        """None before the first byte and after the last one: most tries bring none."""
        self.over = False
        """All that is to be read was read."""


class StreamReader:
    """Puts segments in order and has them read."""

    def __init__(self, sink: ContentSink | None = None, limits: Limits | None = None) -> None:
        self.stats = Stats()
        self._limits = limits or Limits()
        self._sink = sink
        self._held = Budget(self._limits.held)
        self._content = Budget(self._limits.content)
        content = sink.content if sink is not None else None
        around = Around(None, content, self._content, self._expect)
        self._open = opener(parsers(), around)
        self._talks: OrderedDict[int, _Talk] = OrderedDict()
        self._expected: OrderedDict[tuple[bytes, int], None] = OrderedDict()
        self._due: deque[tuple[int, int]] = deque()
        """When connections that brought something are looked at next, by key."""
        self._dns, self._quic = datagram_parsers()
        self._unknown = Unknown(self._limits.talks)
        self._stopped = Half(self._held, self._limits.head)
        self._stopped.stop()
        self._seen: list[Seen] = []
        self._now = 0
        self._next_tick = 0

    def segment(  # noqa: PLR0917 - the header of a segment
        self, conn: Conn, from_client: bool, seq: int, flags: int, payload: bytes, at: int
    ) -> None:
        """Take one TCP segment."""
        control = flags & _CONTROL
        if not payload and not control:
            return
        self.stats.segments += 1
        self._now = at
        talk = self._talks.get(conn.key)
        if talk is None:
            if flags & RST or not (payload or flags & SYN):
                return
            talk = self._begin(conn, at)
        elif control & SYN and self._is_new(talk, from_client, seq, flags):
            self.end(conn.key, at)
            talk = self._begin(conn, at)
        if talk.over:
            return
        half = talk.client if from_client else talk.server
        if seq == half.next and not control and not half.held:
            size = len(payload)
            if half.position + size < half.end:  # in order, as nearly all of them
                half.position += size
                half.next = (seq + size) & _MASK
                self._deliver(talk, from_client, payload, at)
                return
        self._segment(talk, from_client, seq, flags, payload, at)

    def datagram(self, conn: Conn, from_client: bool, payload: bytes, at: int) -> None:
        """Take one UDP datagram."""
        if not payload:
            return
        self.stats.datagrams += 1
        self._now = at
        reader: Datagrams
        if self._dns is not None and is_dns(conn, payload):
            reader = self._dns
        elif self._quic is not None and is_quic(conn, from_client, payload):
            reader = self._quic
            self._unknown.silence(conn, at)  # later packets do not show what they are
        else:
            reader = self._unknown
        self._tell(reader.datagram(conn, from_client, payload, at))

    def end(self, key: int, at: int) -> None:
        """Forget a conversation; what is half read is told."""
        talk = self._talks.pop(key, None)
        if talk is not None:
            self._finish(talk, at)
            return
        for reader in (self._dns, self._quic, self._unknown):
            if reader is not None:
                self._tell(reader.end(key, at))

    def tick(self, now: int) -> None:
        """Let time pass up to *now*, where no packet comes."""
        self._now = max(self._now, now)

    def drain(self) -> list[Seen]:
        """Return what was read since the last call."""
        self._tick()
        seen, self._seen = self._seen, []
        return seen

    def refused(self) -> int:
        """Return how often a budget was used up."""
        return self._held.refused + self._content.refused

    def evicted(self) -> int:
        """Return how many conversations were forgotten for want of room."""
        return self.stats.evicted + self._unknown.evicted()

    def __len__(self) -> int:
        """Return how many TCP conversations are kept."""
        return len(self._talks)

    def held(self) -> int:
        """Return how many bytes wait for order or are kept as content."""
        return self._held.size - self._held.left + self._content.size - self._content.left

    def _begin(self, conn: Conn, at: int) -> _Talk:
        while len(self._talks) >= self._limits.talks:
            _, oldest = self._talks.popitem(last=False)
            self.stats.evicted += 1
            self._finish(oldest, at)
        self.stats.talks += 1
        head = self._limits.head
        talk = _Talk(conn, Half(self._held, head), Half(self._held, head))
        self._talks[conn.key] = talk
        end = (conn.server, conn.server_port)
        if end in self._expected:
            del self._expected[end]
            talk.name = "ftp-data"
        return talk

    def _expect(self, address: bytes, port: int) -> None:
        """Take note that a data connection will be opened."""
        self._expected[address, port] = None
        if len(self._expected) > MOST_EXPECTED:
            self._expected.popitem(last=False)

    @staticmethod
    def _is_new(talk: _Talk, from_client: bool, seq: int, flags: int) -> bool:
        """Tell whether a SYN opens another connection between the same ends and ports."""
        if flags & ACK or not from_client:
            return False
        first = talk.client.first
        return first >= 0 and (seq + 1) & _MASK != first

    def _segment(  # noqa: PLR0917
        self, talk: _Talk, from_client: bool, seq: int, flags: int, payload: bytes, at: int
    ) -> None:
        """Take what is not simply the next one."""
        half = talk.client if from_client else talk.server
        if flags & RST:
            if half.first < 0 or half.near(seq):
                self._finish(talk, at)
            return
        was_done = half.done
        for piece in half.take(seq, flags, payload, at):
            self._pass(talk, from_client, piece, at)
        self._after(talk, half, from_client, was_done, at)

    def _after(self, talk: _Talk, half: Half, from_client: bool, was_done: bool, at: int) -> None:
        if talk.client.done and talk.server.done:
            self._finish(talk, at)
        elif half.done and not was_done and not half.ended and talk.dialogue is not None:
            self._tell(talk.dialogue.cut(from_client, at))

    def _pass(self, talk: _Talk, from_client: bool, piece: bytes | int, at: int) -> None:
        if not isinstance(piece, int):
            self._deliver(talk, from_client, piece, at)
            return
        self.stats.gaps += 1
        self.stats.lost += piece
        if talk.dialogue is not None:
            self._tell(talk.dialogue.gap(from_client, piece, at))

    def _deliver(self, talk: _Talk, from_client: bool, data: bytes, at: int) -> None:
        dialogue = talk.dialogue
        if dialogue is None:
            if talk.over:
                return
            dialogue = talk.dialogue = self._open(talk.conn)
            self._due.append((at + _FIRST_TICK, talk.conn.key))
            if talk.name:
                dialogue.preset(talk.name)
        try:
            seen = dialogue.client(data, at) if from_client else dialogue.server(data, at)
        except Exception:  # noqa: BLE001 - a parser's bug costs one conversation, not the sensor
            self.stats.faults += 1
            self._drop(talk)
            return
        if seen:
            self._tell(seen)

    def _finish(self, talk: _Talk, at: int) -> None:
        """Read no more of a connection; it stays known, so that late segments begin nothing."""
        if talk.over:
            return
        for from_client, half in ((True, talk.client), (False, talk.server)):
            for piece in half.flush():
                self._pass(talk, from_client, piece, at)
        dialogue = talk.dialogue
        self._drop(talk)
        if dialogue is not None:
            name = dialogue.name or "unknown"
            self.stats.protocols[name] = self.stats.protocols.get(name, 0) + 1
            self._tell(dialogue.end(at))

    def _drop(self, talk: _Talk) -> None:
        talk.dialogue = None
        talk.over = True
        talk.client.stop()
        talk.server.stop()
        talk.server = self._stopped  # of the client it is asked still where it began

    def _tell(self, seen: Sequence[Seen]) -> None:
        if not seen:
            return
        if self._sink is not None:
            for record in seen:
                if isinstance(record, Login) and record.secret and record.cleartext:
                    self._sink.login(record)
        if len(self._seen) + len(seen) > MOST_TOLD:
            self.stats.dropped += len(seen)
            return
        self._seen.extend(seen)

    def _tick(self) -> None:
        """Tell what has waited long enough."""
        now = self._now
        if self._due and self._due[0][0] > now + 2 * _TICK:
            # The clock was set back: nobody may wait, and pile up, until the old time is reached.
            self._due = deque((now, key) for _, key in self._due)
            self._next_tick = 0
        while self._due and self._due[0][0] <= now:
            _, key = self._due.popleft()
            talk = self._talks.get(key)
            if talk is not None and talk.dialogue is not None:
                self._tell(talk.dialogue.tick(now))
                self._due.append((now + _TICK, key))
        if len(self._due) > _SPARE * self._limits.talks:  # most of them are forgotten already
            self._due = deque(one for one in self._due if self._waits(one[1]))
        if now >= self._next_tick:
            self._next_tick = now + _SECOND
            for reader in self._readers():
                self._tell(reader.expire(now))

    def _waits(self, key: int) -> bool:
        talk = self._talks.get(key)
        return talk is not None and talk.dialogue is not None

    def _readers(self) -> Iterable[Datagrams]:
        return [one for one in (self._dns, self._quic, self._unknown) if one is not None]
