"""The ledger for people: what is held, what is missing, and why, in plain words. Pure core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from server.ledger import EpochReport, Gap

SEVERITIES = ("flow", "low", "medium", "high", "critical")
_SENTENCES = {
    "spool_full": "dropped by the agent because its spool was full",
    "quarantined": "set aside by the agent because the collector refused them",
    "waiting": "still on the host, on their way",
    "lost": "unexplained: the agent began a new epoch and these never came",
}


def explain(gap: Gap, now_waiting: str) -> dict[str, Any]:
    """Return one gap with its cause in words; *now_waiting* is added to what is under way."""
    sentence = _SENTENCES.get(gap.cause, gap.cause)
    if gap.cause == "spool_full":
        sentence += f" (severity {SEVERITIES[gap.severity]})"
    if gap.cause == "waiting" and now_waiting:
        sentence += f"; {now_waiting}"
    return {
        "first": gap.first,
        "last": gap.last,
        "count": gap.count,
        "cause": gap.cause,
        "severity": SEVERITIES[gap.severity],
        "explained": gap.cause != "lost",
        "explanation": sentence,
    }


def epoch_view(report: EpochReport, agent: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what the command shows of *report*; *agent* is its registry row, None if unknown."""
    waiting = ""
    if agent and agent["silent_since"] is not None:
        waiting = "the agent is silent"
    return {
        "agent": report.agent,
        "host": agent["host"] if agent else "",
        "opd": agent["opd"] if agent else "",
        "epoch": report.epoch,
        "ended": report.ended,
        "held": [{"first": part.first, "last": part.last} for part in report.held],
        "received": report.received,
        "acknowledged": report.acknowledged,
        "assigned": report.assigned,
        "pending": report.waiting,
        "dropped": report.dropped,
        "lost": report.lost,
        "dropped_by_severity": _by_severity(report.gaps),
        "gaps": [explain(gap, waiting) for gap in report.gaps],
        "verdict": _verdict(report),
    }


def _by_severity(gaps: Sequence[Gap]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for gap in gaps:
        if gap.cause not in {"waiting", "lost"}:
            name = SEVERITIES[gap.severity]
            totals[name] = totals.get(name, 0) + gap.count
    return totals


def _verdict(report: EpochReport) -> str:
    if report.lost:
        return "unexplained gaps"
    if report.dropped:
        return "complete but for what the agent dropped"
    return "waiting for the rest" if report.waiting else "complete"
