"""Conversations for the tests of parsers: who says what, and what must hold however cut."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hypothesis import strategies as st

from collectors.network.model import Conn, Content, Conversation, Seen
from collectors.network.protocols.talk import Around

AT = 1_700_000_000_000_000_000
CLIENT, SERVER = True, False

Says = tuple[bool, bytes]
Make = Callable[[Conn, Around], Conversation]


def conn(port: int) -> Conn:
    return Conn(
        key=7,
        proto=6,
        client=bytes((192, 0, 2, 1)),
        client_port=40000,
        server=bytes((192, 0, 2, 2)),
        server_port=port,
    )


class Marker:
    """Stands for the parser of the protocol that two ends went over to."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.got = {CLIENT: b"", SERVER: b""}

    def client(self, data: bytes, at: int) -> Sequence[Seen]:
        self.got[CLIENT] += data
        return ()

    def server(self, data: bytes, at: int) -> Sequence[Seen]:
        self.got[SERVER] += data
        return ()

    def end(self, at: int) -> Sequence[Seen]:
        return ()


class Heard:
    """A parser with what it handed over."""

    def __init__(self, make: Make, port: int = 80) -> None:
        self.content: list[Content] = []
        self.inner: list[Marker] = []
        self.talk = make(conn(port), Around(self._upgrade, self.content.append))
        self.seen: list[Seen] = []

    def _upgrade(self, name: str, conn: Conn) -> Conversation:
        self.inner.append(Marker(name))
        return self.inner[-1]

    def take(self, says: Sequence[Says], size: int = 0) -> None:
        """Have it read *says*, in pieces of at most *size* bytes."""
        for from_client, data in says:
            step = size or len(data) or 1
            for begin in range(0, len(data), step):
                take = self.talk.client if from_client else self.talk.server
                self.seen += take(data[begin : begin + step], AT)

    def end(self) -> Heard:
        self.seen += self.talk.end(AT)
        return self

    def of(self, kind: type[Seen]) -> list[Seen]:
        return [one for one in self.seen if type(one) is kind]


def hear(make: Make, says: Sequence[Says], port: int = 80, size: int = 0) -> Heard:
    heard = Heard(make, port)
    heard.take(says, size)
    return heard.end()


def same_however_cut(make: Make, says: Sequence[Says], port: int = 80) -> None:
    """Where the bytes are cut must not matter."""
    whole = hear(make, says, port)
    for size in (1, 2, 3, 7, 50):
        cut = hear(make, says, port, size)
        assert cut.seen == whole.seen, size
        assert cut.content == whole.content
        assert [one.got for one in cut.inner] == [one.got for one in whole.inner]


def prefix_when_truncated(make: Make, says: Sequence[Says], port: int = 80) -> None:
    """What is told before the end of a conversation is told of its beginning as well."""
    whole = Heard(make, port)
    whole.take(says)
    for index in range(len(says)):
        from_client, data = says[index]
        for stop in {0, 1, len(data) // 2, max(0, len(data) - 1)}:
            part = Heard(make, port)
            part.take([*says[:index], (from_client, data[:stop])])
            assert part.seen == whole.seen[: len(part.seen)]
            part.end()


def mutated(says: Sequence[Says]) -> st.SearchStrategy[list[Says]]:
    """Return conversations with some bytes of them other than they were."""

    def change(places: list[tuple[int, int, bytes]]) -> list[Says]:
        out = list(says)
        for turn, offset, new in places:
            from_client, data = out[turn % len(out)]
            place = offset % (len(data) + 1)
            out[turn % len(out)] = (from_client, data[:place] + new + data[place + len(new) :])
        return out

    place = st.tuples(st.integers(0, 50), st.integers(0, 2000), st.binary(max_size=4))
    return st.lists(place, min_size=1, max_size=6).map(change)


def noise(*words: bytes) -> st.SearchStrategy[list[Says]]:
    """Return anything that two ends may say, with *words* of the protocol in it."""
    some = st.one_of(st.binary(max_size=60), *(st.just(word) for word in words))
    said = st.lists(some, max_size=8).map(b"".join)
    return st.lists(st.tuples(st.booleans(), said), max_size=8)


def holds_for_anything(make: Make, says: Sequence[Says], port: int = 80) -> None:
    """It must not raise, and cutting must not matter, whatever is said."""
    whole = hear(make, says, port)
    cut = hear(make, says, port, 5)
    assert cut.seen == whole.seen
    gone = Heard(make, port)
    gone.take(says)
    for talk in (gone.talk,):
        getattr(talk, "gap", lambda *_: ())(True, 3, AT)
        getattr(talk, "cut", lambda *_: ())(False, AT)
    gone.take(says)
    gone.end()
