"""`ronda alerts`: the queue of the security team."""

from __future__ import annotations

from typing import Any

import click

from server.cli import safe
from server.cli.alert_text import alert_page
from server.cli.base import (
    MOMENT,
    Group,
    level_option,
    opd_option,
    options,
    pass_context,
    range_options,
)
from server.cli.client import segment
from server.cli.context import Context
from server.cli.output import LEVEL_STYLES, Column, Output, Row, remark, when

STATUSES = ("active", "open", "acknowledged", "closed", "all")

COLUMNS = (
    Column(key="id", heading="ID", right=True),
    Column(key="level", heading="LEVEL"),
    Column(key="status", heading="STATUS"),
    Column(key="count", heading="COUNT", right=True),
    Column(key="last_seen", heading="LAST SEEN", show=when),
    Column(key="host", heading="HOST"),
    Column(key="opd", heading="OPD"),
    Column(key="title", heading="TITLE"),
    Column(key="entity", heading="ENTITY"),
)


@click.group(cls=Group)
def alerts() -> None:
    """Alerts: what the rules found, for people to act on."""


_filters = options(
    click.option("--rule", metavar="ID", help="Only of this rule."),
    opd_option,
    click.option("--host", metavar="NAME", help="Only of this host."),
    level_option,
)


@alerts.command("list")
@click.option(
    "--status",
    type=click.Choice(STATUSES),
    default="active",
    show_default=True,
    help="active means open or acknowledged.",
)
@_filters
@range_options()
@pass_context
def list_alerts(
    context: Context, /, since: int | None, until: int | None, limit: int, **query: Any
) -> None:
    """List alerts, the newest first."""
    answer = context.client().get(
        "/v1/alerts", since=since, until=until, limit=limit, lang=context.language(), **query
    )
    context.out().rows(answer["alerts"], COLUMNS, empty="no alerts")
    if answer["more"]:
        remark(f"only the newest {limit}; see more with --limit, or narrow with --since and --host")


@alerts.command("show")
@click.argument("alert_id", metavar="ID", type=int)
@pass_context
def show(context: Context, alert_id: int) -> None:
    """Show everything about one alert.

    Facts, masked evidence, next steps, history, notifications, linked events.
    """
    alert = context.client().get(f"/v1/alerts/{alert_id}", lang=context.language())
    out = context.out()
    out.record(alert, lambda: alert_page(alert, out))


@alerts.command("watch")
@click.option("--updates", is_flag=True, help="Also when an alert repeats or changes its status.")
@click.option("--since", type=MOMENT, metavar="TIME", help="Begin with alerts from this time on.")
@_filters
@pass_context
def watch(context: Context, /, updates: bool, since: int | None, **query: Any) -> None:
    """Print alerts as they arise, until Ctrl-C."""
    out = context.out()
    found = context.client().stream(
        "/v1/alerts/stream",
        updates=int(updates),
        since=since,
        lang=context.language(),
        **query,
    )
    remark("waiting for alerts; stop with Ctrl-C")
    out.stream(
        found, (Column(key="change", heading="CHANGE"), *COLUMNS), lambda row: _line(row, out)
    )


def _line(row: Row, out: Output) -> str:
    """Return one line of ``watch``."""
    level = out.style(f"{row['level']:<13}", LEVEL_STYLES.get(str(row["level"]), ""))
    place = safe.display(f"{row['host']} ({row['opd']})")
    count = f" x{row['count']}" if row["count"] > 1 else ""
    status = f" [{row['status']}]" if row["status"] != "open" else ""
    begin = f"{when(row['last_seen'])}  {level}  #{row['id']}  {place}{status}{count}"
    return out.two_part(begin, safe.display(str(row["title"])), safe.display(str(row["entity"])))


def _act(context: Context, ids: tuple[int, ...], action: str, note: str, done: str) -> None:
    client = context.client()
    changed = []
    for alert_id in ids:
        changed.append(
            client.post(
                f"/v1/alerts/{segment(alert_id)}/{action}", {"note": note}, lang=context.language()
            )
        )
        remark(f"alert {alert_id} {done}")
    if context.output != "table":
        context.out().rows(changed, COLUMNS)


_ids = click.argument("ids", metavar="ID...", type=int, nargs=-1, required=True)
_note = click.option("--note", "-n", default="", metavar="TEXT", help="Why; stands in the history.")


@alerts.command("ack")
@_ids
@_note
@pass_context
def ack(context: Context, ids: tuple[int, ...], note: str) -> None:
    """Say that you look into alerts: they stop notifying."""
    _act(context, ids, "ack", note, "acknowledged")


@alerts.command("close")
@_ids
@_note
@pass_context
def close(context: Context, ids: tuple[int, ...], note: str) -> None:
    """Close alerts that are dealt with.

    A new sighting opens a new alert.
    """
    _act(context, ids, "close", note, "closed")


@alerts.command("reopen")
@_ids
@_note
@pass_context
def reopen(context: Context, ids: tuple[int, ...], note: str) -> None:
    """Open alerts again that were acknowledged or closed."""
    _act(context, ids, "reopen", note, "opened again")
