"""`ronda events`: what the agents saw."""

from __future__ import annotations

import re
from typing import Any

import click

from server.cli import safe
from server.cli.base import Group, pass_context, range_options
from server.cli.client import segment
from server.cli.context import Context
from server.cli.output import Column, Output, Row, diff_lines, plain, remark, when

SEVERITIES = ("flow", "low", "medium", "high", "critical")
_MAX_ITEMS = 3
"""Items shown of a list inside a list."""
_SUMMARY = (
    "event.action",
    "event.reason",
    "file.path",
    "ronda.data.count",
    "ronda.data.types",
    "ronda.visibility.cause",
    "ronda.sensor.name",
    "ronda.window.paths",
    "ronda.file.role",
    "ronda.subject.host",
    "ronda.scan.outcome",
    "process.name",
    "error.message",
)
"""Fields that say in a few words what happened, in the order of a sentence."""


def severity(value: object) -> str:
    """Return the name of an event severity; another value as it is."""
    return SEVERITIES[value] if isinstance(value, int) and 0 <= value < 5 else plain(value)


def summary(event: Row) -> str:
    """Return what happened, in one line. Pure; not yet escaped."""
    parts = [plain(event[name]) for name in _SUMMARY if event.get(name) not in (None, "", [], ())]
    return " ".join(parts)


COLUMNS = (
    Column(key="@timestamp", heading="TIME", show=when),
    Column(key="event.severity", heading="SEVERITY", show=severity),
    Column(key="ronda.kind", heading="KIND"),
    Column(key="host.name", heading="HOST"),
    Column(key="organization.name", heading="OPD"),
    Column(key="summary", heading="WHAT"),
    Column(key="event.id", heading="ID"),
)


def _with_summary(event: dict[str, Any]) -> dict[str, Any]:
    return {**event, "summary": summary(event)}


def _rows(events: list[dict[str, Any]], form: str) -> list[dict[str, Any]]:
    """Return *events* for output: the summary is for people, json stays as stored."""
    return events if form in {"json", "jsonl"} else [_with_summary(event) for event in events]


@click.group(cls=Group)
def events() -> None:
    """Events: everything that the agents saw, as stored."""


@events.command("search")
@click.argument("query", nargs=-1)
@range_options(default_since="24h", limit=100)
@pass_context
def search(
    context: Context, query: tuple[str, ...], since: int | None, until: int | None, limit: int
) -> None:
    """Search events, the newest first.

    QUERY is words and conditions, all of which must hold:

    \b
      file.path=*dump*            equal, * for any text
      kind=file.change            short names: kind, host, opd, agent, severity
      severity>=3                 compare numbers
      backup                      a word anywhere
    """
    out = context.out()
    answer = context.client().get(
        "/v1/events", q=" ".join(query), since=since, until=until, limit=limit
    )
    out.rows(_rows(answer["events"], out.form), COLUMNS, empty="no events in this range")
    if not answer["events"]:
        remark(*unknown_kinds(" ".join(query)))
    if answer["more"]:
        remark(f"only the newest {limit}; see more with --limit, or narrow the query or --since")


def unknown_kinds(query: str) -> list[str]:
    """Return a sentence for each kind in *query* that this version does not know. Pure."""
    import difflib

    from collectors.kinds import KINDS

    lines = []
    for kind in re.findall(r"(?:^|\s)(?:ronda\.)?kind=([\w.]+)(?=\s|$)", query):
        if kind not in KINDS:
            close = difflib.get_close_matches(kind, KINDS, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(KINDS)}"
            lines.append(f"no kind of event is called {kind!r}; {hint}")
    return lines


@events.command("tail")
@click.argument("query", nargs=-1)
@pass_context
def tail(context: Context, query: tuple[str, ...]) -> None:
    """Print events as they arrive, until Ctrl-C.

    QUERY is as in search.
    """
    out = context.out()
    found = context.client().stream("/v1/events/stream", q=" ".join(query))
    rows = found if out.form in {"json", "jsonl"} else map(_with_summary, found)
    remark("waiting for events; stop with Ctrl-C")
    out.stream(rows, COLUMNS, lambda row: _line(row, out))


def _line(event: Row, out: Output) -> str:
    name = severity(event.get("event.severity"))
    shown = out.style(f"{name:<8}", {"critical": "bold red", "high": "red"}.get(name, ""))
    host = safe.display(f"{event.get('host.name', '')} ({event.get('organization.name', '')})")
    begin = f"{when(event.get('@timestamp'))}  {shown}  {host}"
    return out.two_part(
        begin, safe.display(str(event.get("ronda.kind"))), safe.display(event["summary"])
    )


@events.command("show")
@click.argument("event_id", metavar="ID")
@pass_context
def show(context: Context, event_id: str) -> None:
    """Show all fields of one event.

    ID is AGENT.EPOCH.SEQUENCE, as search prints it.
    """
    event = context.client().get(f"/v1/events/{segment(event_id)}")
    context.out().record(event, lambda: event_page(event))


def event_page(event: Row) -> str:
    """Return all fields of *event*, one a line, for a terminal."""
    width = max(map(len, event), default=0)
    return "".join(
        f"{safe.display(name):<{width}}  {line}\n"
        for name, value in event.items()
        for line in field_lines(name, value)
    )


def _short(item: Row) -> dict[str, Any]:
    """Return *item* with the first of its long lists only: 64 tokens tell a reader no more."""
    return {
        key: [*value[:_MAX_ITEMS], f"... {len(value) - _MAX_ITEMS} more (-o json has all)"]
        if isinstance(value, list) and len(value) > _MAX_ITEMS
        else value
        for key, value in item.items()
    }


def field_lines(name: str, value: object) -> list[str]:
    """Return the lines that show *value* of field *name*; a list of objects takes one line each."""
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return [safe.display(plain(_short(item))) for item in value]
    if name == "ronda.file.diff":
        return diff_lines(value)
    if name == "event.severity":
        return [f"{plain(value)} ({severity(value)})"]
    if isinstance(value, str) and value.endswith("Z") and when(value) != value:
        return [f"{safe.display(value)} ({safe.display(when(value))} local)"]
    return [safe.display(plain(value))]
