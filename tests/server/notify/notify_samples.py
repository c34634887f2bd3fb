"""A local receiver of apprise's json:// messages, and a collector's settings that use it."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from server.config import ServerConfig, parse


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Receiver:
    """Keeps every message; ``before_answer`` runs before it answers, ``status`` is its answer."""

    def __init__(self, port: int = 0) -> None:
        self.messages: list[dict[str, Any]] = []
        self.status = 200
        self.before_answer: Callable[[], None] = lambda: None
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.messages.append(json.loads(body))
                receiver.before_answer()
                try:
                    self.send_response(receiver.status)
                    self.end_headers()
                except OSError:
                    return  # the sender was cut off

            def log_message(self, *args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def url(self, name: str = "hook") -> str:
        return f"json://127.0.0.1:{self.port}/{name}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def settings(root: Path, **urls: str) -> ServerConfig:
    """Return settings with one channel for each of *urls*, in English."""
    text = f'names = ["localhost"]\nstate_dir = "{root}"\nlanguage = "en"\n'
    for name, url in urls.items():
        text += f'[[notify.channels]]\nname = "{name}"\nurl = "{url}"\n'
    return parse(text, root / "server.toml")
