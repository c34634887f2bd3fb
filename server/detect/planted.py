"""Whose canary it is that was found, and where it was planted: agents do not know it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.store.state import StateStore

_MOST = 8


def planted(state: StateStore, fields: Mapping[str, Any]) -> dict[str, str]:
    """Return what to add to the *fields* of a finding: OPD and places of its canaries."""
    ids = fields.get("ronda.data.canaries")
    if not isinstance(ids, (list, tuple)) or not ids:
        return {}
    opds: list[str] = []
    places: list[str] = []
    for one in [one for one in ids if isinstance(one, str)][:_MOST]:
        for row in state.query("SELECT opd, note FROM canary WHERE id = ?", (one,)):
            opds.append(row["opd"])
            places += [row["note"]] if row["note"] else []
        for row in state.query("SELECT host, path FROM canary_place WHERE canary = ?", (one,)):
            places.append(f"{row['host']}:{row['path']}")
    return {
        "ronda.canary.opd": ", ".join(dict.fromkeys(opds)) or "?",
        "ronda.canary.place": ", ".join(dict.fromkeys(places)) or "?",
    }
