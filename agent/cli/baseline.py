"""baseline: what the files looked like, what differs from it, and accepting that."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from agent.cli.ask import (
    Host,
    forms_option,
    header,
    host,
    print_rows,
    seconds,
    send,
    view,
    wait_option,
)
from agent.cli.base import ERROR, NOT_FOUND, fail, show_time
from agent.cli.baseline_text import PAGE, explained, print_differences, print_overview
from agent.cli.words import N_, Words, lang_option, language

if TYPE_CHECKING:
    from collectors.files.deploy.view import Entry, View
    from collectors.paths import SafePath


@click.group()
def baseline() -> None:
    """Show what the agent knows of the files, what differs from the accepted state, accept it."""


@baseline.command()
@click.argument("path", required=False, type=click.Path())
@click.option(
    "--limit",
    type=click.IntRange(1),
    help="At most so many lines.  [default: 100 in a table, else 1000]",
)
@click.option("--after", metavar="PATH", help="Go on behind this path, the last of an answer.")
@forms_option
@lang_option
@click.pass_context
def show(
    ctx: click.Context,
    /,
    *,
    path: str | None,
    limit: int | None,
    after: str | None,
    output: str,
    lang: str | None,
) -> None:
    """Show what the baseline knows about PATH and all below it; without PATH how much it knows.

    Directory by directory, read beside a running agent. Exit code 3 when PATH is not in it.
    """
    found = host(ctx)
    words = Words(language(lang))
    if output == "table" and path is None and after is None and limit is None:
        print_overview(found, words)
        return
    limit = limit or (PAGE if output == "table" else 1000)
    with contextlib.closing(view(found)) as known:
        top = _top(known, found, path)
        behind = known.find(os.fsencode(after), found.guard) if after else None
        entries = known.entries(top, behind)
        listed = itertools.islice(entries, limit)
        number = print_rows(
            _shown(found, listed),
            output,
            ("MODE", "OWNER", "SIZE", "MODIFIED", "SHA256", "PATH"),
            lambda row: (
                row["mode"],
                row["owner"],
                row["size"],
                show_time(row["mtime"]),
                _what(row) if output == "csv" else _what(row)[:12],
                row["path"],
            ),
        )
        more = next(entries, None) if number == limit else None
    if not number:
        fail("this path is not in the baseline", NOT_FOUND)
    if more is not None:
        text = N_("only the first {number}; go on with --after and the last path, or --limit")
        click.echo(words.say(text, number=limit), err=True)


def _what(row: Mapping[str, Any]) -> str:
    """Return the hash, or why there is none."""
    return str(row["sha256"] or (row["type"] if row["type"] != "file" else row["outcome"]))


def _top(known: View, found: Host, path: str | None) -> SafePath:
    from collectors.paths import SafePath

    return SafePath(b"") if path is None else known.find(os.fsencode(path), found.guard)


def _shown(found: Host, entries: Iterator[Entry]) -> Iterator[dict[str, Any]]:
    from collectors.files.deploy.view import state

    for entry in entries:
        yield {
            "path": found.guard.display(entry.path),
            "path_token": found.guard.token(entry.path),
            **(state(entry.row) or {}),
        }


@baseline.command()
@click.argument("path", required=False, type=click.Path())
@click.option(
    "--limit",
    type=click.IntRange(1),
    help="At most so many differences.  [default: 100 in a table, else all]",
)
@forms_option
@lang_option
@click.pass_context
def diff(
    ctx: click.Context,
    /,
    *,
    path: str | None,
    limit: int | None,
    output: str,
    lang: str | None,
) -> None:
    """Show what differs from the accepted state at PATH and below, or everywhere.

    Changes that packages or git checkouts explain are accepted by themselves and only counted.
    Exit code 0 when nothing differs, 1 when something does.
    """
    found = host(ctx)
    words = Words(language(lang))
    with contextlib.closing(view(found)) as known:
        if not known.complete():
            fail("the first baseline is not complete yet: ronda-agent status")
        top = _top(known, found, path)
        rows = _differences(known, found, top)
        number = (
            print_differences(rows, words, limit or PAGE)
            if output == "table"
            else _print_for_programs(itertools.islice(rows, limit), output)
        )
        totals = known.totals()
    if totals.packages or totals.git:
        click.echo(explained(totals.packages, totals.git, words), err=True)
    if totals.overflow:
        text = N_("NOT COMPLETE: {number} more changes were not kept here; their events were sent")
        click.echo(words.say(text, number=totals.overflow), err=True)
    raise SystemExit(ERROR if number or totals.overflow else 0)


def _print_for_programs(rows: Iterable[Mapping[str, Any]], output: str) -> int:
    return print_rows(
        rows,
        output,
        ("CHANGE", "SINCE", "LAST", "WINDOW", "WHAT", "PATH"),
        lambda row: (
            row["change"],
            show_time(row["since"]),
            show_time(row["last"]),
            row["window"] or "-",
            ", ".join(row["what"]) or "-",
            row["path"],
        ),
    )


def _differences(known: View, found: Host, top: SafePath) -> Iterator[dict[str, Any]]:
    from collectors.files.deploy.view import change, differing, state

    for drifted, now in known.differences(top):
        yield {
            "path": found.guard.display(drifted.path),
            "path_token": found.guard.token(drifted.path),
            "change": change(drifted.accepted, now),
            "since": drifted.since,
            "last": drifted.last,
            "window": drifted.window,
            "what": differing(drifted.accepted, now),
            "accepted": state(drifted.accepted),
            "now": state(now),
        }


@baseline.command()
@click.option(
    "--path",
    "paths",
    multiple=True,
    type=click.Path(),
    help="What to accept, with everything below; may be repeated. Default: everything.",
)
@click.option("--reason", metavar="TEXT", required=True, help="Why; stands in the audit trail.")
@click.option("--yes", is_flag=True, help="Do not ask before everything is accepted.")
@wait_option
@forms_option
@click.pass_context
def accept(
    ctx: click.Context,
    /,
    *,
    paths: tuple[str, ...],
    reason: str,
    yes: bool,
    wait: str,
    output: str,
) -> None:
    """Make the present state the reference for `baseline diff`.

    Only what had changed when the command was given. It is reported with who, why and how many,
    and raises an alert for the record.
    """
    from collectors.files.deploy import requests
    from collectors.redact import scrub

    found = host(ctx)
    if not reason.strip():
        raise click.UsageError("say why: --reason TEXT", ctx)
    given = header()  # before the question: what changes while it stands there is not accepted
    asked = sys.stdin.isatty() and not paths and not yes
    if asked and not click.confirm("Accept every difference on this host?", err=True):
        fail("nothing was accepted")
    with contextlib.closing(view(found)) as known:
        tops = tuple(known.find(os.fsencode(path), found.guard) for path in paths)
    request = requests.Accept(**given, reason=scrub(reason), paths=tops)
    send(found, request, seconds(wait), output)
