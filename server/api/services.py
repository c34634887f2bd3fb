"""What the endpoints work with."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from server.config import ServerConfig
from server.ledger import Stored
from server.store.events import EventStore
from server.store.state import StateStore


@dataclass(kw_only=True)
class Services:
    """Settings and stores; one for the life of the process."""

    config: ServerConfig
    """As of the last SIGHUP."""
    state: StateStore
    started: int = field(default_factory=time.time_ns)
    """ns."""

    @contextmanager
    def events(self) -> Iterator[EventStore]:
        """Open the day files for one request, so that a long search holds up no other."""
        store = EventStore(self.config.events_dir)
        try:
            yield store
        finally:
            store.close()

    def ranges(self) -> list[Stored]:
        """Return the rows of which the ledger is made."""
        with self.events() as store:
            return store.ranges()

    def audit(self, actor: str, action: str, subject: str, detail: str = "") -> None:
        """Add to the append-only log."""
        self.state.execute(
            "INSERT INTO audit (at, actor, action, subject, detail) VALUES (?, ?, ?, ?, ?)",
            (time.time_ns(), actor, action, subject, detail),
        )
