"""A relay between a real client and a real server that notes who said what, in order."""

from __future__ import annotations

import select
import socket
import threading

from tests.patience import PATIENCE


class Overheard:
    """Listens on `port`, connects on, and keeps what was said."""

    def __init__(self, server_port: int) -> None:
        self.said: list[tuple[bool, bytes]] = []
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._relay)

    def __enter__(self) -> Overheard:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(PATIENCE)
        self._listener.close()
        assert not self._thread.is_alive()

    def _relay(self) -> None:
        self._listener.settimeout(10)
        client, _ = self._listener.accept()
        with client, socket.create_connection(("127.0.0.1", self._server_port), 10) as server:
            other = {client: server, server: client}
            while True:
                ready, _, _ = select.select(list(other), [], [], 10)
                if not ready:
                    return
                for one in ready:
                    data = one.recv(65536)
                    if not data:
                        return
                    self.said.append((one is client, data))
                    other[one].sendall(data)
