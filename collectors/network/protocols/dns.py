"""DNS questions and their answers: over UDP (also mDNS, LLMNR, NetBIOS names) and over TCP."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from collectors.network.model import Conn, Dns, Seen
from collectors.network.protocols.dns_message import RESPONSE, Message, parse

PORTS = frozenset((53, 137, 5353, 5355))
"""Servers whose datagrams are read: DNS, NetBIOS names, mDNS, LLMNR."""

_NETBIOS = 137
_LOCAL = frozenset((137, 5353, 5355))
"""Asked by multicast: the answer comes in another conversation, so nothing is waited for."""
_WAIT = 10_000_000_000
"""ns that a question waits for its answer; clients give up after 5 to 10 s."""
_MOST_WAITING = 20_000
_MOST_WAITING_TCP = 256
_TRANSFERS = frozenset((251, 252))
"""IXFR and AXFR: one question, many answers."""


class _Question(NamedTuple):
    conn: Conn
    at: int
    bytes: int
    message: Message


class _Waiting:
    """Questions without an answer yet, the oldest first. Bounded; the oldest goes when full."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._questions: dict[tuple[int, int, str, int], _Question] = {}
        self._latest: dict[tuple[int, int], tuple[int, int, str, int]] = {}
        """By conversation and id, for answers that do not repeat the question."""
        self._by_conn: dict[int, set[tuple[int, int, str, int]]] = {}
        self.evicted = 0

    def ask(self, one: _Question) -> Iterator[Dns]:
        """Take a question; tell the one that has to make room."""
        key = _key(one.conn.key, one.message)
        if key in self._questions:  # asked again: the first time counts
            return
        if len(self._questions) >= self._most:
            self.evicted += 1
            yield self._forget(next(iter(self._questions)))
        self._questions[key] = one
        self._latest[key[:2]] = key
        self._by_conn.setdefault(key[0], set()).add(key)

    def answered(self, conn: int, message: Message) -> _Question | None:
        """Return the question that *message* answers, and forget it."""
        if message.questions and not (message.broken and not message.answers):
            key = _key(conn, message)
        else:
            key = self._latest.get((conn, message.id), (conn, message.id, "", -1))
        return self._take(key) if key in self._questions else None

    def before(self, limit: int) -> Iterator[Dns]:
        """Tell and forget the questions that were asked before *limit*."""
        while self._questions:
            key, one = next(iter(self._questions.items()))
            if one.at >= limit:
                return
            yield self._forget(key)

    def of(self, conn: int) -> Iterator[Dns]:
        """Tell and forget the questions of one conversation."""
        keys = self._by_conn.get(conn, ())
        for key in sorted(keys, key=lambda key: self._questions[key].at):
            yield self._forget(key)

    def _forget(self, key: tuple[int, int, str, int]) -> Dns:
        return _unanswered(self._take(key))

    def _take(self, key: tuple[int, int, str, int]) -> _Question:
        one = self._questions.pop(key)
        if self._latest.get(key[:2]) == key:
            del self._latest[key[:2]]
        same = self._by_conn[key[0]]
        same.discard(key)
        if not same:
            del self._by_conn[key[0]]
        return one


class DnsDatagrams:
    """All DNS over UDP; `protocols.Datagrams`."""

    def __init__(self, *, most: int = _MOST_WAITING, wait: int = _WAIT) -> None:
        self._waiting = _Waiting(most)
        self._wait = wait

    @property
    def evicted(self) -> int:
        """How many questions were told as unanswered for want of room."""
        return self._waiting.evicted

    def datagram(
        self,
        conn: Conn,
        from_client: bool,  # noqa: ARG002 - the message itself tells who answers
        payload: bytes,
        at: int,
    ) -> list[Seen]:
        """Take one datagram; return questions with their answers.

        An answer whose question was not seen is told too, with no ``request_bytes``.
        """
        message = parse(payload, netbios=_NETBIOS in {conn.server_port, conn.client_port})
        if message is None or not (message.questions or message.response):
            return []
        if message.response:
            question = self._waiting.answered(conn.key, message)
            told = _answered(conn, at, question, message, len(payload))
            return [told] if told else []
        asked = _Question(conn, at, len(payload), message)
        if conn.server_port in _LOCAL:
            return [_unanswered(asked, index) for index in range(len(message.questions))]
        return list(self._waiting.ask(asked))

    def expire(self, now: int) -> list[Seen]:
        """Return the questions that nobody answered in 10 s."""
        return list(self._waiting.before(now - self._wait))

    def end(self, key: int, at: int) -> list[Seen]:  # noqa: ARG002 - part of the contract
        """Return the questions of one conversation that nobody answered."""
        return list(self._waiting.of(key))


class DnsConversation:
    """DNS over one TCP connection (RFC 7766): messages behind their length, many under way."""

    def __init__(self, conn: Conn) -> None:
        self._conn = conn
        self._waiting = _Waiting(_MOST_WAITING_TCP)
        self._halves = (bytearray(), bytearray())
        self._transfer = -1
        """Id of a zone transfer whose first answer was told; the others are passed over."""
        self.done = False
        """What came is no DNS; more bytes need not be handed in."""

    def client(self, data: bytes, at: int) -> Sequence[Seen]:
        """Take bytes that the client sent."""
        return self._take(self._halves[0], data, at)

    def server(self, data: bytes, at: int) -> Sequence[Seen]:
        """Take bytes that the server sent."""
        return self._take(self._halves[1], data, at)

    def end(self, at: int) -> Sequence[Seen]:  # noqa: ARG002 - part of the contract
        """Tell the questions that were never answered."""
        for half in self._halves:
            half.clear()
        return list(self._waiting.of(self._conn.key))

    def _take(self, half: bytearray, data: bytes, at: int) -> Sequence[Seen]:
        if self.done:
            return ()
        half += data
        told: list[Seen] = []
        begin = 0
        while len(half) - begin >= 2:
            end = begin + 2 + (half[begin] << 8 | half[begin + 1])
            if end > len(half):
                break
            message = parse(bytes(half[begin + 2 : end]))
            if message is None:
                self.done = True
                begin = len(half)
                break
            told.extend(self._message(message, end - begin - 2, at))
            begin = end
        del half[:begin]
        return told

    def _message(self, message: Message, size: int, at: int) -> Iterator[Dns]:
        if not message.response:
            if message.questions:
                yield from self._waiting.ask(_Question(self._conn, at, size, message))
            return
        question = self._waiting.answered(self._conn.key, message)
        if question is None and message.id == self._transfer:
            return
        told = _answered(self._conn, at, question, message, size)
        if told:
            self._transfer = message.id if told.type in _TRANSFERS else -1
            yield told


def _key(conn: int, message: Message) -> tuple[int, int, str, int]:
    name, kind = message.questions[0]
    return conn, message.id, name, kind


def _unanswered(one: _Question, index: int = 0) -> Dns:
    name, kind = one.message.questions[index]
    return Dns(
        conn=one.conn,
        at=one.at,
        name=name,
        type=kind,
        request_bytes=one.bytes,
        id=one.message.id,
        flags=one.message.flags,
    )


def _answered(
    conn: Conn, at: int, question: _Question | None, message: Message, size: int
) -> Dns | None:
    if question is None and not message.questions:
        return None
    name, kind = question.message.questions[0] if question else message.questions[0]
    return Dns(
        conn=conn,
        at=question.at if question else at,
        name=name,
        type=kind,
        answered=True,
        rcode=message.rcode,
        answers=message.answers,
        answer_types=message.types,
        ttl=message.ttl,
        request_bytes=question.bytes if question else 0,
        response_bytes=size,
        id=message.id,
        flags=message.flags | RESPONSE,
    )
