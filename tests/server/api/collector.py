"""The real api role in a process of its own, over stores that the real writers filled."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from collectors.kinds import Severity
from server.alerts.model import Channel, NewAlert
from server.alerts.raising import raise_alert
from server.cli.client import Client
from server.config import ServerConfig, load
from server.fleet.init import initialise
from server.store.events import EventWriter, NewBatch, NewEvent, NewSkip
from server.store.state import StateStore
from tests.patience import PATIENCE, until

RONDA = Path(sys.executable).parent / "ronda"
ROLE = (
    "import sys; from pathlib import Path; from server.config import load;"
    "from server.api.role import run; run(load(Path(sys.argv[1])))"
)
T0 = 1_795_500_000 * 10**9
"""2026-11-24 06:00:00 UTC."""
AGENT = "11111111-1111-4111-8111-111111111111"
OTHER = "22222222-2222-4222-8222-222222222222"


class Collector:
    """A state directory, its stores and, between `start` and `stop`, the api role."""

    def __init__(self, root: Path, settings: str = "") -> None:
        self.root = root
        self.socket = root / "api.sock"
        self.toml = root / "server.toml"
        self.toml.write_text(
            f'state_dir = "{root / "state"}"\nnames = ["127.0.0.1"]\nsocket = "{self.socket}"\n'
            f'agent_listen = "127.0.0.1:1"\nenroll_listen = "127.0.0.1:2"\nlanguage = "en"\n'
            + settings
        )
        self.config: ServerConfig = load(self.toml)
        initialise(self.config)
        self.state = StateStore.open(self.config.state_db)
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process is not None:
            self.stop()
        self.state.close()

    def start(self) -> Self:
        """Start the role and wait for its first answer."""
        self.process = subprocess.Popen([sys.executable, "-c", ROLE, str(self.toml)])
        until(lambda: self.socket.exists() and self.call("hosts", "list").returncode == 0, "API")
        return self

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> int:
        """Stop the role and return its exit status."""
        process, self.process = self.process, None
        assert process is not None
        process.send_signal(sign)
        return process.wait(PATIENCE)

    @property
    def client(self) -> Client:
        """A client in this process."""
        return Client(str(self.socket))

    @property
    def environment(self) -> dict[str, str]:
        """For the command line."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("LC_")}
        return {
            **kept,
            "RONDA_SOCKET": str(self.socket),
            "RONDA_CONFIG": str(self.toml),
            "TZ": "Asia/Jakarta",
            "LANG": "C.UTF-8",
        }

    def call(self, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run ``ronda`` in a process of its own."""
        return subprocess.run(
            [RONDA, *words],
            env=self.environment,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
            **more,
        )

    def json(self, *words: str) -> Any:
        """Return the JSON that ``ronda -o json`` prints."""
        return json.loads(self.call("-o", "json", *words).stdout)

    def write(self, *batches: NewBatch) -> None:
        """Store events as the ingest role does."""
        with closing(EventWriter(self.config.events_dir)) as writer:
            writer.write(batches, time.time_ns())

    def raise_alert(self, **changes: Any) -> int:
        """Raise an alert as the detect role does; return its number."""
        channels = [Channel(item.name, item.min_level) for item in self.config.notify.channels]
        with self.state.transaction():
            raised = raise_alert(self.state, new_alert(**changes), channels, time.time_ns())
        return raised.alert

    def add_agent(self, agent: str = AGENT, **columns: Any) -> None:
        """Register an agent."""
        values: dict[str, Any] = {
            "id": agent,
            "host": "web1",
            "opd": "Dinas Kesehatan",
            "enrolled": T0,
            "last_seen": time.time_ns(),
            "version": "0.1.0",
            "address": "192.0.2.10",
            **columns,
        }
        marks = ", ".join("?" * len(values))
        self.state.execute(
            f"INSERT INTO agent ({', '.join(values)}) VALUES ({marks})", tuple(values.values())
        )


def event(sequence: int, kind: str = "file.change", observed: int = T0, **fields: Any) -> NewEvent:
    """Return an event as the ingest role passes it on; ``__`` in names stands for a dot."""
    severity = int(fields.pop("severity", Severity.LOW))
    named = {name.replace("__", "."): value for name, value in fields.items()}
    record = {
        "ronda.kind": kind,
        "event.sequence": sequence,
        "event.severity": severity,
        "@timestamp": observed,
        "event.created": observed,
        "event.module": "files",
        **named,
    }
    return NewEvent(sequence, observed, kind, severity, json.dumps(record))


def batch(
    *events: NewEvent, agent: str = AGENT, epoch: int = 1, skipped: tuple[NewSkip, ...] = ()
) -> NewBatch:
    """Return a batch of host web1."""
    return NewBatch(agent, epoch, "Dinas Kesehatan", "web1", time.time_ns(), events, skipped)


def new_alert(**changes: Any) -> NewAlert:
    """Return a detection of a dump in a web root."""
    values: dict[str, Any] = {
        "rule": "e90ed6dd-28b2-527e-b65b-82224a0b2dc3",
        "title": "Many citizens' identity numbers in a web root",
        "level": "critical",
        "stage": "stable",
        "opd": "Dinas Kesehatan",
        "agent": AGENT,
        "host": "web1",
        "entity_field": "file.path",
        "entity": "/var/www/dump.sql",
        "observed": T0,
        "event": f"{AGENT}.1.1",
        "fields": {
            "facts": {
                "path": "/var/www/dump.sql",
                "counts": [["nik", 120, True]],
                "samples": ["3273**********02"],
            },
            "summary": "{path} on {host} ({opd}) holds {counts}.",
            "explanation": "Identity numbers are used for fraud.",
            "next_steps": ["Move the file out of the web root.", "Read the access log."],
        },
        "tags": ("attack.t1567",),
        **changes,
    }
    return NewAlert(**values)
