"""`ronda status`: is the collector healthy?"""

from __future__ import annotations

import click

from server.cli import safe
from server.cli.base import Command, pass_context
from server.cli.context import Context
from server.cli.output import Output, Row, when
from server.cli.times import span


@click.command(cls=Command)
@pass_context
def status(context: Context) -> int:
    """Tell whether everything works; exit 0 only if it does.

    Everything means: all parts of the collector run, no agent is silent or unwell, detection keeps
    up, notifications get out, the disk has room.
    """
    answer = context.client().get("/v1/status")
    out = context.out()
    out.record(answer, lambda: status_page(answer, out))
    return 0 if answer["healthy"] else 1


def status_page(status: Row, out: Output) -> str:
    """Return the state of the collector for a terminal."""
    agents, alerts, disk = status["agents"], status["alerts"], status["disk"]
    roles = ", ".join(f"{name} {state}" for name, state in status["roles"].items())
    counted = ", ".join(f"{number} {state}" for state, number in agents.items() if number)
    active = ", ".join(f"{number} {level}" for level, number in alerts.items() if number)
    rows = (
        ("Collector", f"ronda {status['version']}, up since {when(status['started'])}"),
        ("Roles", roles),
        ("Agents", counted or "none enrolled"),
        ("Active alerts", active or "none"),
        ("Detection", _detection(status["detection"])),
        ("Notifications", _outbox(status["outbox"])),
        ("Disk", f"{disk['percent']:.0f} % used, {disk['free_bytes'] / 2**30:.1f} GiB free"),
    )
    lines = [f"{name:<15}{safe.display(text)}" for name, text in rows]
    if status["healthy"]:
        return "\n".join([*lines, "", out.style("healthy", "bold"), ""])
    reasons = [f"  - {safe.display(text)}" for text in status["problems"]]
    return "\n".join([*lines, "", out.style("NOT HEALTHY:", "bold red"), *reasons, ""])


def _detection(detection: Row) -> str:
    if not detection["events_behind"]:
        return "up to date"
    return f"{span(detection['lag_seconds'])} behind ({detection['events_behind']} events)"


def _outbox(outbox: Row) -> str:
    if not outbox["channels"]:
        return "no channel is configured: nobody is told; add [[notify.channels]] to server.toml"
    noun = "channel" if outbox["channels"] == 1 else "channels"
    text = f"{outbox['channels']} {noun}, {outbox['pending']} waiting"
    return f"{text}, {outbox['failed']} failed" if outbox["failed"] else text
