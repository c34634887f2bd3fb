"""`ronda delivery`: did everything arrive?"""

from __future__ import annotations

import click

from server.cli import safe
from server.cli.base import Command, pass_context
from server.cli.context import Context
from server.cli.output import Column, Output, Row, remark

COLUMNS = (
    Column(key="host", heading="HOST"),
    Column(key="opd", heading="OPD"),
    Column(key="agent", heading="AGENT"),
    Column(key="epoch", heading="EPOCH", right=True),
    Column(key="received", heading="RECEIVED", right=True),
    Column(key="acknowledged", heading="ACKNOWLEDGED", right=True),
    Column(key="assigned", heading="ASSIGNED", right=True),
    Column(key="pending", heading="PENDING", right=True),
    Column(key="dropped", heading="DROPPED", right=True),
    Column(key="lost", heading="LOST", right=True),
    Column(key="verdict", heading="VERDICT"),
)
_MAX_RANGES = 8
"""Ranges and gaps shown for an epoch; json has all."""


@click.command(cls=Command)
@click.argument("host", required=False)
@pass_context
def delivery(context: Context, host: str | None) -> int:
    """Show what was received, what is missing, and why.

    One account for each agent and epoch. Exit 1 if something is missing that nobody can explain.
    HOST is a host name or an agent id.
    """
    answer = context.client().get("/v1/delivery", host=host)
    out = context.out()
    epochs = answer["epochs"]
    if out.form == "table":
        if not epochs:
            remark("nothing was delivered yet")
        else:
            click.echo("\n".join(epoch_page(epoch, out) for epoch in epochs))
    elif out.form == "json":
        out.record(answer, str)
    else:
        out.rows(epochs, COLUMNS)
    return 0 if answer["explained"] else 1


def epoch_page(epoch: Row, out: Output) -> str:
    """Return the account of one epoch for a terminal."""
    state = "ended" if epoch["ended"] else "running"
    head = f"{_name(epoch)}, epoch {epoch['epoch']} ({state})"
    rows = (
        ("Held", _ranges(epoch)),
        ("Acknowledged", f"up to {epoch['acknowledged']} of {epoch['assigned']}"),
        ("Pending", str(epoch["pending"])),
        ("Dropped", _dropped(epoch)),
        ("Lost", str(epoch["lost"])),
    )
    lines = [out.style(safe.display(head), "bold")]
    lines += [f"  {label:<14}{safe.display(text)}" for label, text in rows]
    lines += [f"  {'Gap':<14}{safe.display(text)}" for text in _gaps(epoch)]
    style = "bold red" if epoch["lost"] else ""
    lines.append(f"  {'Verdict':<14}{out.style(safe.display(epoch['verdict']), style)}")
    return "\n".join(lines) + "\n"


def _name(epoch: Row) -> str:
    if epoch["agent"] == "collector":
        return "the collector itself"
    place = f"{epoch['host']} ({epoch['opd']})" if epoch["host"] else "unknown host"
    return f"{place}, agent {epoch['agent']}"


def _place(part: Row) -> str:
    first, last = part["first"], part["last"]
    return str(first) if first == last else f"{first}-{last}"


def _events(number: int) -> str:
    return "1 event" if number == 1 else f"{number} events"


def _ranges(epoch: Row) -> str:
    shown = [_place(part) for part in epoch["held"][:_MAX_RANGES]]
    more = len(epoch["held"]) - len(shown)
    text = ", ".join(shown) + (f" and {more} more ranges" if more else "")
    return f"{_events(epoch['received'])}: {text}" if shown else "no events"


def _dropped(epoch: Row) -> str:
    by_severity = epoch["dropped_by_severity"]
    if not by_severity:
        return "0"
    parts = ", ".join(f"{name} {count}" for name, count in by_severity.items())
    return f"{epoch['dropped']} ({parts})"


def _gaps(epoch: Row) -> list[str]:
    lines = [
        f"{_place(gap)} ({_events(gap['count'])}): {gap['explanation']}"
        for gap in epoch["gaps"][:_MAX_RANGES]
    ]
    more = len(epoch["gaps"]) - len(lines)
    return [*lines, f"... and {more} more (-o json has all)"] if more else lines
