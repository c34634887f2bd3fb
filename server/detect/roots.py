"""Does an agent's file baseline still hold the rows that it told of? A pure core and its table.

An agent tells the root of its baseline with every change (``baseline.root``, actions ``changed``
and ``scanned``), and computes it anew from the rows when it starts (``opened``) and once a day
(``verified``). What was computed must be what was kept beside the rows, and what was told last.
Otherwise somebody else wrote the database. The judgement is added to the event as
``ronda.baseline.verdict``, on which a rule alerts:

``altered``: the rows do not fit the root kept beside them.
``replaced``: rows and kept root fit each other, but not what the agent told last.

No judgement where roots may have been lost on the way (the spool was full and dropped events of
the lowest class, or began anew; both are told and have rules of their own), and none for a new
database without rows (the sensor tells ``baseline_lost``, which has a rule, too).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from server.store.events import StoredEvent
from server.store.state import StateStore

VERDICT = "ronda.baseline.verdict"
ALTERED = "altered"
REPLACED = "replaced"

_CLASS = "FLOW"
"""Severity of ``baseline.root``, as ``spool.dropped`` names it."""
_ROOT, _DROPPED = "baseline.root", "spool.dropped"
_COMPUTED = frozenset({"opened", "verified"})
_SAVE = (
    "INSERT OR REPLACE INTO baseline_root (agent, epoch, sequence, root, entries, broken)"
    " VALUES (?, ?, ?, ?, ?, ?)"
)


class Known(NamedTuple):
    """What an agent told last."""

    epoch: int
    sequence: int
    root: str
    entries: int
    broken: bool
    """Roots may have been lost since."""


def judge(
    known: Known | None, epoch: int, sequence: int, event: Mapping[str, Any]
) -> tuple[Known | None, str | None]:
    """Return what is known after a ``baseline.root`` *event*, and the verdict on it. Pure."""
    root = event.get("ronda.baseline.root")
    entries = event.get("ronda.baseline.entries", 0)
    if not isinstance(root, str) or not isinstance(entries, int):
        return known, None  # of another version
    if known is not None and known.epoch == epoch and sequence <= known.sequence:
        return known, None  # told before what we know
    now = Known(epoch, sequence, root, entries, broken=False)
    if event.get("event.action") not in _COMPUTED:
        return now, None
    kept = event.get("ronda.baseline.stored")
    if isinstance(kept, str) and kept != root:
        return now, ALTERED
    if known is None or known.broken or known.epoch != epoch or known.root == root:
        return now, None
    if kept is None and entries == 0:
        return now, None  # a new database
    return now, REPLACED


class Roots:
    """Keeps what agents told last; `judge` before the rules run, `store` with their alerts."""

    def __init__(self, state: StateStore) -> None:
        self._state = state

    def judge(self, events: Iterable[StoredEvent]) -> dict[str, Known]:
        """Add the verdict to each event that tells a root; return what is to be stored."""
        found: dict[str, Known] = {}
        for event in events:
            if event.kind not in (_ROOT, _DROPPED):
                continue
            known = found.get(event.agent) or self._known(event.agent)
            if event.kind == _DROPPED:
                dropped = event.fields.get("ronda.spool.dropped")
                if known is not None and isinstance(dropped, Mapping) and _CLASS in dropped:
                    found[event.agent] = known._replace(broken=True)
                continue
            event.fields.pop(VERDICT, None)  # ours to give
            now, verdict = judge(known, event.epoch, event.sequence, event.fields)
            if verdict is not None:
                event.fields[VERDICT] = verdict
            if now is not None:
                found[event.agent] = now
        return found

    def store(self, found: Mapping[str, Known]) -> None:
        """Keep what `judge` returned; in the transaction of the alerts."""
        for agent, known in found.items():
            self._state.execute(_SAVE, (agent, *known))

    def _known(self, agent: str) -> Known | None:
        query = "SELECT epoch, sequence, root, entries, broken FROM baseline_root WHERE agent = ?"
        rows = self._state.query(query, (agent,))
        if not rows:
            return None
        row = rows[0]
        return Known(
            int(row["epoch"]),
            int(row["sequence"]),
            str(row["root"]),
            int(row["entries"]),
            bool(row["broken"]),
        )
