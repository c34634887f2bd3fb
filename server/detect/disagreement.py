"""Of which package versions hosts have different files, with or without a verdict."""

from __future__ import annotations

from typing import Any

from server.detect.consensus import verdict
from server.store.state import StateStore

NO_CONSENSUS = "no consensus"
MAX_HOSTS = 10
"""Named for each of the versions' digests; the count is exact."""

_SETS = (
    "SELECT s.id, s.package, s.version, s.files FROM package_set s JOIN"
    " (SELECT package_set FROM package_sum GROUP BY package_set HAVING count(*) > 1) split"
    " ON split.package_set = s.id ORDER BY s.package, s.version, s.id LIMIT ?"
)
_SUMS = (
    "SELECT id, digest, hosts FROM package_sum WHERE package_set = ?"
    " ORDER BY hosts DESC, digest LIMIT 100"
)
_HOSTS = (
    "SELECT a.host FROM package_held h JOIN package_agent a ON a.id = h.agent WHERE h.sum = ?"
    " ORDER BY a.host LIMIT ?"
)


def disagreements(state: StateStore, limit: int) -> list[dict[str, Any]]:
    """Return one row for each digest of the first *limit* versions that have several."""
    (fleet,) = state.query("SELECT count(*) AS agents FROM package_agent")
    return [
        row
        for place in state.query(_SETS, (limit,))
        for row in _rows(state, place, int(fleet["agents"]))
    ]


def _rows(state: StateStore, place: dict[str, Any], fleet: int) -> list[dict[str, Any]]:
    sums = state.query(_SUMS, (place["id"],))
    found = verdict({str(each["digest"]): int(each["hosts"]) for each in sums}, fleet)
    return [
        {
            "package": place["package"],
            "version": place["version"],
            "files": place["files"],
            "consensus": found.consensus if found else NO_CONSENSUS,
            "differs": bool(found and found.digest != each["digest"]),
            "count": each["hosts"],
            "digest": each["digest"],
            "hosts": [row["host"] for row in state.query(_HOSTS, (each["id"], MAX_HOSTS))],
        }
        for each in sums
    ]
