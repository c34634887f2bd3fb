"""packages: what the package manager did on this host, and what became of each file."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from agent.cli.ask import Host, forms_option, host, print_rows, view
from agent.cli.base import NOT_FOUND, fail, show_time

if TYPE_CHECKING:
    from collectors.files.packages.hold import Buffer


@click.group()
def packages() -> None:
    """Show what the package manager did on this host, file by file."""


@packages.command("list")
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="At most so many lines.",
)
@forms_option
@click.pass_context
def list_(ctx: click.Context, limit: int, output: str) -> None:
    """List the newest runs of the package manager that this host remembers.

    FOLDED counts the changes that a run explains, TOLD those of the same time that it does not:
    they are events of their own.
    """
    with _opened(host(ctx)) as buffer:
        found = [] if buffer is None else list(itertools.islice(buffer.transactions(), limit))
    rows = [{"number": number, **kept._asdict()} for number, kept in found]
    number = print_rows(
        rows,
        output,
        ("NUMBER", "BEGIN", "END", "FOLDED", "TOLD"),
        lambda row: (
            row["number"],
            show_time(row["begin"]),
            show_time(row["end"]),
            row["total"],
            row["unexplained"],
        ),
    )
    if not number:
        click.echo("no run of the package manager is remembered", err=True)


@packages.command()
@click.argument("number", type=click.IntRange(1))
@click.option(
    "--why", metavar="WORD", help="Only reasons with this word, for example unverified or leftover."
)
@forms_option
@click.pass_context
def show(ctx: click.Context, number: int, why: str | None, output: str) -> None:
    """List what run NUMBER explains: action, reason, hash and path of each change.

    NUMBER stands in the event (ronda.package.transaction). Reasons: archive (as in the signed
    archive), signature (as in the signed header of rpm), manifest, conffile, owned, removed, state
    (of the package manager), transient, compiled, alternative, spare (rpm's second version of a
    configuration file), link, copy, backup, leftover; "(unverified)" where only this host speaks
    for it. Exit code 3 when NUMBER is not kept.
    """
    found = host(ctx)
    with _opened(found) as buffer:
        if buffer is None or all(known != number for known, _ in buffer.transactions()):
            fail(f"run {number} is not kept here; see: ronda-agent packages list", NOT_FOUND)
        print_rows(
            _children(found, buffer, number, why),
            output,
            ("ACTION", "WHY", "SHA256", "PATH"),
            lambda row: (row["action"], row["why"], row["sha256"] or "-", row["path"]),
        )


def _children(
    found: Host, buffer: Buffer, number: int, why: str | None
) -> Iterator[dict[str, Any]]:
    for child in buffer.children(number):
        if why is None or why in child.why:
            yield {
                "path": found.guard.display(child.path),
                "path_token": found.guard.token(child.path),
                "action": child.action,
                "why": child.why,
                "sha256": child.sha256,
            }


@contextlib.contextmanager
def _opened(found: Host) -> Iterator[Buffer | None]:
    """Open the tables for reading, beside the running agent; None when there are none yet."""
    from collectors.files.packages.hold import Buffer

    with contextlib.closing(view(found)) as known:
        query = "SELECT 1 FROM sqlite_master WHERE name = 'package_child'"
        try:
            there = known.connection.execute(query).fetchone()
            yield None if there is None else Buffer(known.connection)
        except sqlite3.Error as error:
            fail(f"the baseline cannot be read: {error}; run as root or as the agent's user")
