"""SSH, RFC 4253: the two identification lines. All that follows is ciphered, or says nothing."""

from __future__ import annotations

from collectors.network.model import Conn
from collectors.network.protocols.cutting import Lines
from collectors.network.protocols.talk import ALONE, Around, Talk

_MOST_LINES = 64


class SshTalk(Talk):
    """One connection; a server may send other lines before its own, RFC 4253 4.2."""

    protocol = "ssh"
    recorded = False

    def __init__(self, conn: Conn, around: Around = ALONE) -> None:
        super().__init__(conn, around)
        self._lines = {True: Lines(), False: Lines()}
        self._left = _MOST_LINES

    def _take(self, from_client: bool, data: bytes, at: int) -> None:
        lines = self._lines.get(from_client)
        if lines is None:
            return
        for line in lines.feed(data):
            self._left -= 1
            if line.startswith(b"SSH-"):
                self._banner(line, from_client, at)
                del self._lines[from_client]
            if not self._left or not self._lines:
                self.over = self.ciphered = True
            if self.over or from_client not in self._lines:
                return
