"""A real collector and a real agent on this host, in a private directory, over real TLS.

Everything runs as processes started from the console scripts, so that they can be killed; a small
TCP relay stands between the two, so that the network path can be cut.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.patience import PATIENCE, until

BIN = Path(sys.executable).parent


def free_port() -> int:
    """Return a TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Relay:
    """Forwards TCP connections to the collector; ``cut`` breaks them and refuses new ones."""

    def __init__(self, target: int) -> None:
        self.up = True
        self._open: set[socket.socket] = set()
        relay = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                if relay.up:
                    relay.forward(self.request, target)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = False
            allow_reuse_address = True

            def handle_error(self, *_: object) -> None:
                """Broken connections are what this is for."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def forward(self, client: socket.socket, target: int) -> None:
        """Copy both ways until one side ends."""
        try:
            upstream = socket.create_connection(("127.0.0.1", target), timeout=PATIENCE)
        except OSError:
            return
        with upstream:
            upstream.settimeout(None)
            pair = {client, upstream}
            self._open |= pair
            back = threading.Thread(target=self._copy, args=(upstream, client))
            back.start()
            self._copy(client, upstream)
            back.join()
            self._open -= pair

    @staticmethod
    def _copy(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """Break all connections and accept no more."""
        self.up = False
        for end in list(self._open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Let connections through again."""
        self.up = True

    def close(self) -> None:
        """Cut and stop."""
        self.cut()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Deployment:
    """One collector and one agent. Use as a context manager."""

    def __init__(
        self,
        root: Path,
        *,
        agent: str = "",
        server: str = "",
        exposure: bool = True,
        opd: str = "Dinas Kependudukan",
    ) -> None:
        self.root = root
        self.web = root / "www"
        self.agent_state = root / "agent"
        self.server_state = root / "server"
        self.socket = root / "api.sock"
        self._opd = opd
        self._agent_port, self._enroll_port = free_port(), free_port()
        self._agent: subprocess.Popen[bytes] | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self.relay: Relay | None = None
        self.web.mkdir(parents=True)
        self._write_configuration(agent, server, exposure=exposure)

    def _write_configuration(self, agent: str, server: str, *, exposure: bool) -> None:
        self.server_toml = self.root / "server.toml"
        self.server_toml.write_text(
            f'state_dir = "{self.server_state}"\nnames = ["127.0.0.1"]\n'
            f'agent_listen = "127.0.0.1:{self._agent_port}"\n'
            f'enroll_listen = "127.0.0.1:{self._enroll_port}"\n'
            f'socket = "{self.socket}"\n{server}\n'
        )
        # This machine's traffic is nobody's business here, unless a test asks for it.
        quiet = "" if "[sensors.network]" in agent else "[sensors.network]\nenabled = false\n"
        self.agent_toml = self.root / "agent.toml"
        self.agent_toml.write_text(
            f'state_dir = "{self.agent_state}"\n{agent}\n{quiet}'
            f'[sensors.files]\npaths = ["{self.web}"]\n'
            # Not the usual folders, /tmp among them: by night a sweep would take this machine's.
            f'[sensors.exposure]\nenabled = {str(exposure).lower()}\npaths = ["{self.web}"]\n'
            f'web_roots = ["{self.web}"]\n'
        )

    @property
    def environment(self) -> dict[str, str]:
        """Of every process: where the collector's socket is."""
        return {
            **os.environ,
            "RONDA_SOCKET": str(self.socket),
            "RONDA_CONFIG": str(self.server_toml),
            "RONDA_AGENT_CONFIG": str(self.agent_toml),
            "NO_COLOR": "1",
        }

    def ronda(self, *words: str, check: bool = True) -> str:
        """Run the collector's command line; return what it printed."""
        return self._command("ronda", words, check=check)

    def ronda_agent(self, *words: str, check: bool = True, text: str | None = None) -> str:
        """Run the agent's command line; return what it printed."""
        return self._command("ronda-agent", words, check=check, text=text)

    def ronda_agent_output(self, *words: str) -> str:
        """Run the agent's command line, whatever it ends with; return both its outputs."""
        done = subprocess.run(
            [BIN / "ronda-agent", *words],
            env=self.environment,
            capture_output=True,
            timeout=120,
            check=False,
        )
        return (done.stdout + done.stderr).decode("utf-8", "surrogateescape")

    def _command(
        self, program: str, words: tuple[str, ...], *, check: bool, text: str | None = None
    ) -> str:
        done = subprocess.run(
            [BIN / program, *words],
            env=self.environment,
            input=text,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(
                f"{program} {words}: {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done.stdout

    def ronda_json(self, *words: str) -> Any:
        """Run the collector's command line; return its JSON."""
        return json.loads(self.ronda("-o", "json", *words, check=False) or "null")

    def install(self, *, relay: bool = False) -> None:
        """Initialise the collector, start it, enrol the agent."""
        self.ronda("server", "init")
        self.start_server()
        token = self.ronda("enroll", "token", "--opd", self._opd).strip()
        self.ronda_agent("enroll", "-", text=token + "\n")
        if relay:
            self.relay = Relay(self._agent_port)
            identity = self.agent_state / "identity" / "identity.json"
            identity.write_text(
                identity.read_text().replace(f":{self._agent_port}", f":{self.relay.port}")
            )

    def start_server(self, *, wait: bool = True) -> None:
        """Start the collector in a process group of its own."""
        self._server = self._spawn("ronda", "server", "run")
        if wait:
            self.wait_server()

    def wait_server(self) -> None:
        """Wait until the command line gets an answer."""
        until(lambda: self.ronda("hosts", "list", "-o", "json", check=False), "collector")

    def start_agent(self) -> None:
        """Start the agent in a process group of its own."""
        self._agent = self._spawn("ronda-agent", "run")

    def _spawn(self, program: str, *words: str) -> subprocess.Popen[bytes]:
        with (self.root / f"{program}.log").open("ab") as log:
            return subprocess.Popen(
                [BIN / program, *words],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def agent_pid(self) -> int:
        """Process id of the running agent."""
        if self._agent is None:
            raise RuntimeError("the agent does not run")
        return self._agent.pid

    def stop_agent(self, sign: signal.Signals = signal.SIGTERM) -> int:
        """Send *sign* to the agent alone; return its exit status."""
        process, self._agent = self._agent, None
        return _end(process, sign, group=False)

    def stop_server(self, sign: signal.Signals = signal.SIGTERM) -> int:
        """Send *sign* to the parent, or for SIGKILL to every process of the collector."""
        process, self._server = self._server, None
        return _end(process, sign, group=sign == signal.SIGKILL)

    def agent_status(self) -> dict[str, Any]:
        """Return what ``ronda-agent status -o json`` says."""
        answer: dict[str, Any] = json.loads(
            self.ronda_agent("status", "-o", "json", check=False) or "{}"
        )
        return answer

    def watching(self) -> bool:
        """Tell whether the files sensor has its baseline: what came before is not told."""
        files = self.agent_status().get("sensors", {}).get("files", {})
        return bool(files.get("coverage", {}).get("state") == "watching")

    def events(self) -> Iterator[Any]:
        """Yield everything the collector holds, in order of arrival."""
        from server.store.events import Cursor, EventStore

        store = EventStore(self.server_state / "events")
        cursor: Cursor | None = None
        try:
            while chunk := store.read(cursor, 5000):
                yield from chunk
                cursor = Cursor(chunk[-1].day, chunk[-1].row)
        finally:
            store.close()

    def __enter__(self) -> Deployment:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop_agent()
        self.stop_server()
        if self.relay is not None:
            self.relay.close()
        if error is not None:
            for log in self.root.glob("*.log"):
                print(f"--- {log.name}\n{log.read_text(errors='replace')[-4000:]}", file=sys.stderr)


def _end(process: subprocess.Popen[bytes] | None, sign: signal.Signals, *, group: bool) -> int:
    if process is None:
        return 0
    with contextlib.suppress(ProcessLookupError):
        if group:
            os.killpg(process.pid, sign)
        else:
            process.send_signal(sign)
    try:
        return process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
