"""What the conversations of cleartext protocols share, and going over to another protocol.

A conversation gets the bytes of both directions in order, each once, cut anywhere; what it tells
does not depend on where they were cut. Besides `model.Conversation` those here know two more
things that happen to a stream: `Talk.cut` and `Talk.gap`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Protocol, TypeAlias

import msgspec

from collectors.network.model import Banner, Conn, Content, Conversation, Login, Seen
from collectors.network.protocols.cutting import Frames, Lines

LONGEST_TEXT = 256
MOST_HELD = 16384
"""Bytes of one end that wait for what the other end says."""


class Budgeted(Protocol):
    """Bytes that all conversations may hold together, see `streams.reassembly.Budget`."""

    def take(self, count: int) -> bool:
        """Take *count* bytes, or tell that there are not so many left."""

    def give(self, count: int) -> None:
        """Give back *count* bytes."""


class Around:
    """What surrounds a conversation: where content goes, and who reads another protocol."""

    __slots__ = ("budget", "content", "expect", "upgrade")

    def __init__(
        self,
        upgrade: Callable[[str, Conn], Conversation | None] | None = None,
        content: Callable[[Content], None] | None = None,
        budget: Budgeted | None = None,
        expect: Callable[[bytes, int], None] | None = None,
    ) -> None:
        self.upgrade = upgrade
        """Makes the conversation of a protocol by its name; an empty name: find out."""
        self.content = content
        """Takes decoded bodies; None: nobody wants them."""
        self.budget = budget
        self.expect = expect
        """Takes address and port of a data connection that the ends have agreed on."""


ALONE = Around()
Records: TypeAlias = list[Seen]


class Talk:
    """One connection in one cleartext protocol."""

    protocol: ClassVar[str] = ""
    recorded: ClassVar[bool] = True
    """Whether the stream as it stands is content; False where the parser hands over bodies."""

    def __init__(self, conn: Conn, around: Around = ALONE) -> None:
        self.conn = conn
        self.inner: Conversation | None = None
        """Who reads on, after the ends have agreed upon another protocol."""
        self.over = False
        """Nothing more is to be told here: all was said, it is ciphered, or no such protocol."""
        self.ciphered = False
        """What follows is not clear any more."""
        self._ended = False
        self._around = around
        self._out: Records = []
        self._login: Login | None = None

    def client(self, data: bytes, at: int) -> Sequence[Seen]:
        """Take bytes of the client."""
        if self.inner is not None:
            return self.inner.client(data, at)
        if self.over:
            return ()
        self._take(True, data, at)
        return self._told()

    def server(self, data: bytes, at: int) -> Sequence[Seen]:
        """Take bytes of the server."""
        if self.inner is not None:
            return self.inner.server(data, at)
        if self.over:
            return ()
        self._take(False, data, at)
        return self._told()

    def end(self, at: int) -> Sequence[Seen]:
        """Tell what is left."""
        if self.inner is not None:
            self._out.extend(self.inner.end(at))
        self._stop(at)
        return self._told()

    def cut(self, from_client: bool, at: int) -> Sequence[Seen]:
        """Take note that no more bytes of one end will come; the other end may go on."""
        if self.inner is not None:
            return cut(self.inner, from_client, at)
        if not self.over:
            self._cut(from_client, at)
        return self._told()

    def gap(self, from_client: bool, size: int, at: int) -> Sequence[Seen]:
        """Take note that *size* bytes of one end are missing here."""
        if self.inner is not None:
            return gap(self.inner, from_client, size, at)
        if not self.over:
            self._gap(from_client, size, at)
        return self._told()

    def _take(self, from_client: bool, data: bytes, at: int) -> None:
        raise NotImplementedError

    def _end(self, at: int) -> None:
        """Tell what is left, into `_out`."""

    def _cut(self, from_client: bool, at: int) -> None:
        """See `cut`."""

    def _gap(self, from_client: bool, size: int, at: int) -> None:  # noqa: ARG002 - for overriding
        """See `gap`. What cannot find its way afterwards ends here."""
        self._stop(at)

    def _stop(self, at: int) -> None:
        """Read no more; what is left goes into `_out`."""
        if not self._ended:
            self._ended = self.over = True
            self._end(at)
            self._settle("")

    def _told(self) -> Sequence[Seen]:
        out = self._out
        if not out:
            return ()
        self._out = []
        return out

    def _tried(self, login: Login) -> None:
        """Take note of a login; it is told when its outcome is known, or nothing more comes."""
        self._settle("")
        self._login = login

    def _settle(self, outcome: str) -> None:
        """Tell the login that is open, if there is one."""
        if self._login is not None:
            self._out.append(msgspec.structs.replace(self._login, outcome=outcome))
            self._login = None

    def _banner(self, text: bytes, from_client: bool, at: int) -> None:
        shown = text.decode("utf-8", "replace")[:LONGEST_TEXT].strip()
        if shown:
            self._out.append(
                Banner(
                    conn=self.conn,
                    at=at,
                    protocol=self.protocol,
                    from_client=from_client,
                    text=shown,
                )
            )

    def _go_over(self, protocol: str) -> None:
        """Have the rest read as *protocol*; where nobody can, it is not read."""
        if self._around.upgrade is not None:
            self.inner = self._around.upgrade(protocol, self.conn)
        self.over = True
        self.ciphered = protocol == "tls"


def cut(conversation: Conversation, from_client: bool, at: int) -> Sequence[Seen]:
    """Tell a conversation that no more bytes of one end will come, if it wants to know."""
    return conversation.cut(from_client, at) if isinstance(conversation, Talk) else ()


def gap(conversation: Conversation, from_client: bool, size: int, at: int) -> Sequence[Seen]:
    """Tell a conversation that bytes are missing: one that does not know gaps ends."""
    if isinstance(conversation, Talk):
        return conversation.gap(from_client, size, at)
    return conversation.end(at)


def text(raw: bytes, most: int = LONGEST_TEXT) -> str:
    """Return bytes of the wire as text, at most *most* characters."""
    return raw[: most * 4].decode("utf-8", "replace")[:most]


class CutTalk(Talk):
    """A conversation in lines or frames: commands of the client, replies of the server."""

    def __init__(
        self, conn: Conn, around: Around, commands: Lines | Frames, replies: Lines | Frames
    ) -> None:
        super().__init__(conn, around)
        self._commands = commands
        self._replies = replies
        self._held: bytes | None = None
        """Bytes of the client that wait for the answer of the server; None: nothing waits."""

    def _take(self, from_client: bool, data: bytes, at: int) -> None:
        if not data:  # says nothing, and has nothing that waits looked at in another light
            return
        if not from_client:
            self._server_bytes(data, at)
        elif self._held is not None:
            self._held += data
            if len(self._held) > MOST_HELD:
                self._give_up_waiting(at)
        else:
            self._client_bytes(data, at)

    def _client_bytes(self, data: bytes, at: int) -> None:
        lines = self._commands
        for line in lines.feed(data):
            self._command(line, at)
            if self.over:
                self._hand_on(True, lines, at)
                return
            if self._held is not None:
                self._held = lines.rest()
                # Packets may come out of order between the ends: the answer may be here already.
                self._server_bytes(b"", at)
                return
        if isinstance(lines, Frames) and lines.broken:
            self._stop(at)

    def _server_bytes(self, data: bytes, at: int) -> None:
        lines = self._replies
        for line in lines.feed(data):
            self._reply(line, at)
            if self.over:
                self._hand_on(False, lines, at)
                return
        if isinstance(lines, Frames) and lines.broken:
            self._stop(at)

    def _hand_on(self, from_client: bool, lines: Lines | Frames, at: int) -> None:
        """Give what was held and what follows to who reads on."""
        held, self._held = self._held, None
        if self.inner is None:
            return
        rest = lines.rest()
        for data, is_client in ((held, True), (rest, from_client)):
            if data:
                take = self.inner.client if is_client else self.inner.server
                self._out.extend(take(data, at))

    def _wait(self) -> None:
        """Hold what the client sends until `_go_on`: the server decides what it means."""
        self._held = b""

    def _go_on(self, at: int) -> None:
        held, self._held = self._held, None
        if held:
            self._client_bytes(held, at)

    def _give_up_waiting(self, at: int) -> None:
        """The answer did not come: act as if it had been the likelier one."""
        self._go_on(at)

    def _gap(self, from_client: bool, size: int, at: int) -> None:
        cutter = self._commands if from_client else self._replies
        if isinstance(cutter, Lines):
            cutter.rest()
        else:
            super()._gap(from_client, size, at)

    def _command(self, line: bytes, at: int) -> None:
        raise NotImplementedError

    def _reply(self, line: bytes, at: int) -> None:
        raise NotImplementedError


class LineTalk(CutTalk):
    """A conversation in lines."""

    def __init__(self, conn: Conn, around: Around = ALONE) -> None:
        self._lines, self._answers = Lines(), Lines()
        super().__init__(conn, around, self._lines, self._answers)


def command(line: bytes) -> tuple[str, bytes]:
    """Return the first word of a line in upper case, and what follows the space."""
    word, _, rest = line.strip().partition(b" ")
    return word[:32].decode("ascii", "replace").upper(), rest.strip()
