"""A server that answers by a table, for real clients to talk to."""

from __future__ import annotations

import re
import socket
import threading

from tests.patience import PATIENCE


class Scripted:
    """Greets, and answers each line with the first pattern that fits it."""

    def __init__(self, greeting: bytes, answers: list[tuple[str, bytes]]) -> None:
        self._greeting = greeting
        self._answers = [
            (re.compile(pattern.encode(), re.DOTALL), text) for pattern, text in answers
        ]
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(10)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Scripted:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(PATIENCE)
        self._listener.close()
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        one, _ = self._listener.accept()
        one.settimeout(10)
        with one, one.makefile("rb") as lines:
            one.sendall(self._greeting)
            for line in lines:
                for pattern, answer in self._answers:
                    found = pattern.match(line)
                    if found:
                        one.sendall(found.expand(answer))
                        break
                if line.upper().startswith((b"QUIT", b"X LOGOUT")) or b"LOGOUT" in line:
                    return
