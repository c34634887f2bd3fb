"""`ronda files`: what happened to a file, and where else its content lies."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click

from server.cli import safe
from server.cli.base import Command, Group, limit_option, pass_context, range_options
from server.cli.client import segment
from server.cli.context import Context
from server.cli.errors import NotFound
from server.cli.output import Column, diff_lines, plain, remark, short, when


def ending(row: Mapping[str, Any]) -> str:
    """Return whether a content is still there, and if not, why. Pure; not yet escaped."""
    if row["present"] != "no":
        return plain(row["present"])
    return f"no, {row['end']} {when(row['ended'])}"


HISTORY = (
    Column(key="time", heading="TIME", show=when),
    Column(key="host", heading="HOST"),
    Column(key="opd", heading="OPD"),
    Column(key="action", heading="ACTION"),
    Column(key="sha256", heading="SHA256", show=short),
    Column(key="previous_sha256", heading="BEFORE", show=short),
    Column(key="size", heading="SIZE", right=True),
    Column(key="mode", heading="MODE"),
    Column(key="owner", heading="OWNER"),
    Column(key="role", heading="ROLE"),
    Column(key="who", heading="WHO"),
    Column(key="why", heading="EXPLAINED BY"),
    Column(key="found_by", heading="FOUND BY"),
    Column(key="detail", heading="DETAIL"),
    Column(key="path", heading="PATH"),
    Column(key="event", heading="ID"),
)
WHERE = (
    Column(key="still_there", heading="STILL THERE"),
    Column(key="host", heading="HOST"),
    Column(key="opd", heading="OPD"),
    Column(key="first_seen", heading="FIRST SEEN", show=when),
    Column(key="last_seen", heading="LAST SEEN", show=when),
    Column(key="path", heading="PATH"),
    Column(key="sha256", heading="SHA256", show=short),
    Column(key="event", heading="ID"),
)
CHANGED = (
    Column(key="last_change", heading="LAST CHANGE", show=when),
    Column(key="host", heading="HOST"),
    Column(key="opd", heading="OPD"),
    Column(key="changes", heading="CHANGES", right=True),
    Column(key="action", heading="LAST ACTION"),
    Column(key="sha256", heading="SHA256", show=short),
    Column(key="size", heading="SIZE", right=True),
    Column(key="mode", heading="MODE"),
    Column(key="owner", heading="OWNER"),
    Column(key="role", heading="ROLE"),
    Column(key="who", heading="WHO"),
    Column(key="why", heading="EXPLAINED BY"),
    Column(key="path", heading="PATH"),
    Column(key="event", heading="ID"),
)


DIFF = Column(key="diff", heading="DIFF")


def page(change: Mapping[str, Any]) -> str:
    """Return one change with its difference as lines for a terminal."""
    cells = (column.cell(change) for column in HISTORY)
    head = "  ".join(cell for cell in cells if cell)
    return "\n".join([head, *(f"    {line}" for line in diff_lines(change.get("diff"))), ""])


def _sendable(path: str) -> str:
    """Return *path* as it can be sent: bytes that are not UTF-8 as the agents write them."""
    try:
        path.encode()
    except UnicodeEncodeError:
        from server.store.file_query import escaped

        return escaped(path)
    return path


def _end(answer: Mapping[str, Any], name: str, limit: int | None, nothing: str) -> None:
    """Say what is missing from *answer*.

    Raises:
        NotFound: there is nothing in it.
    """
    if answer["more"]:
        remark(f"only the newest {limit}; see more with --limit")
    if answer["stopped"]:
        remark("the search took too long: older days were not looked at; narrow it with --since")
    if not answer[name]:
        raise NotFound(nothing)


@click.group(cls=Group)
def files() -> None:
    """Files: what happened to one, and where else its content lies."""


@files.command("history")
@click.argument("path", required=False)
@click.option("--token", metavar="TOKEN", help="Instead of PATH: the token of a masked path.")
@click.option("--host", metavar="HOST", help="Only of this host name or agent id.")
@click.option("--diff", "differences", is_flag=True, help="Show what changed in text files, too.")
@range_options(limit=200)
@pass_context
def history(
    context: Context,
    /,
    path: str | None,
    token: str | None,
    host: str | None,
    differences: bool,
    **bounds: int | None,
) -> None:
    """Show the changes of one file and what was found in it.

    Oldest first. PATH is the whole path as the tables print it. If the path itself holds an
    identity number, give its masked form, or the field ronda.path.token of an event with --token
    (8 characters or more): the collector does not know the real name.
    """
    if (path is None) == (token is None):
        raise click.UsageError("say either PATH or --token TOKEN")
    named = None if path is None else _sendable(path)
    answer = context.client().get("/v1/files/history", file=named, token=token, host=host, **bounds)
    out = context.out()
    changes = answer["changes"]
    if not differences:
        changes = [{k: v for k, v in change.items() if k != "diff"} for change in changes]
    if differences and out.form == "table":
        sys.stdout.write("".join(page(change) for change in changes))
    else:
        out.rows(changes, (*HISTORY, DIFF) if differences else HISTORY)
    subject = safe.display(str(named or f"token {token}"))
    place = f" on {safe.display(host)}" if host else ""
    _end(answer, "changes", bounds["limit"], f"no event about {subject}{place} in this range")


@files.command("where")
@click.argument("sha256")
@limit_option(10_000, 200, "At most so many places, the newest.")
@pass_context
def where(context: Context, sha256: str, limit: int) -> None:
    """Show all places where a file with this content was seen.

    SHA256 is the hash, or at least the first 8 characters of it. Whether a file is still there is
    told by later events: "unknown" if its agent was revoked. What an agent found when it first
    looked, and what has not changed since, is in no event.
    """
    answer = context.client().get("/v1/files/where", sha256=sha256, limit=limit)
    out = context.out()
    places = answer["places"]
    if out.form in {"table", "csv"}:
        places = [{**place, "still_there": ending(place)} for place in places]
    out.rows(places, WHERE)
    _end(answer, "places", limit, f"no file with the hash {safe.display(sha256)} was seen")


@click.command("files", cls=Command)
@click.argument("host")
@click.option("--under", metavar="DIR", help="Only this directory and what lies below it.")
@range_options(default_since="24h", limit=200)
@pass_context
def on_host(
    context: Context,
    /,
    host: str,
    under: str | None,
    **bounds: int | None,
) -> None:
    """Show which files changed on a host, the newest first.

    One line for each path, with its last state. HOST is a host name or an agent id.
    """
    answer = context.client().get(
        f"/v1/hosts/{segment(host)}/files",
        under=None if under is None else _sendable(under),
        **bounds,
    )
    context.out().rows(answer["paths"], CHANGED)
    _end(answer, "paths", bounds["limit"], f"nothing changed on {safe.display(host)} in this range")
