"""The phone of the demo: prints and keeps the notifications that come by HTTP on the loopback.

Usage: demo_receiver.py DIRECTORY    (writes DIRECTORY/port, then DIRECTORY/N.json for each one)
"""

from __future__ import annotations

import json
import signal
import sys
import textwrap
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

_LARGEST = 1 << 20
"""Bytes: a notification is a few lines."""


def lines_of(body: bytes) -> list[str]:
    """Return the title and the first line of the message, for a narrow terminal. Pure."""
    try:
        message: Any = json.loads(body)
    except ValueError:
        return ["(not JSON)"]
    if not isinstance(message, dict):
        return ["(not a notification)"]
    text = f"{message.get('title', '')}\n{message.get('message', '')}"
    lines = [line for line in text.splitlines() if line.strip()][:2]
    clean = ["".join(c if c.isprintable() else "?" for c in line) for line in lines]
    return [part for line in clean for part in textwrap.wrap(line, 72, break_long_words=False)][:5]


class Receiver(BaseHTTPRequestHandler):
    """Takes POST requests of any path."""

    directory = Path()
    count = 0

    def do_POST(self) -> None:
        """Keep the body, answer, print."""
        size = int(self.headers.get("content-length", "0"))
        if not 0 <= size <= _LARGEST:
            self.send_error(413)
            return
        body = self.rfile.read(size)
        Receiver.count += 1
        # Renamed into place, so that nobody reads half a body.
        draft = self.directory / "draft"
        draft.write_bytes(body)
        draft.rename(self.directory / f"{Receiver.count}.json")
        self.send_response(204)
        self.end_headers()
        head, *rest = lines_of(body)
        print(f"  [phone] {head}", *rest, sep="\n    ", flush=True)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited name
        """Say nothing: the notification itself is shown."""


def main() -> None:
    """Serve until SIGTERM."""
    Receiver.directory = Path(sys.argv[1])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        (Receiver.directory / "port.new").write_text(str(server.server_port))
        (Receiver.directory / "port.new").rename(Receiver.directory / "port")
        server.serve_forever()


if __name__ == "__main__":
    main()
