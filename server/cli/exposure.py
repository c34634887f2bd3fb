"""`ronda exposure`: files with citizens' data or credentials, and the same values elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from server.cli.applications import applications
from server.cli.base import Group, level_option, limit_option, opd_option, options, pass_context
from server.cli.client import segment
from server.cli.context import Context
from server.cli.exposure_text import exposure_page
from server.cli.output import Column, plain, remark, when

WAYS = ("file", "host", "opd")


def still(row: Mapping[str, Any]) -> str:
    """Return whether a file is still there and holds it, and if not, why. Pure; not escaped."""
    if row["present"] == "yes" or not row.get("ended"):
        return plain(row["present"])
    return f"{row['present']}, {row['end']} {when(row['ended'])}"


def amount(row: Mapping[str, Any]) -> str:
    """Return the number of values that two places share. Pure."""
    if row["exact"]:
        return plain(row["estimate"])
    return f"about {row['estimate']} +- {row['error']}"


FILES = (
    Column(key="id", heading="ID"),
    Column(key="level", heading="LEVEL"),
    Column(key="host", heading="HOST"),
    Column(key="opd", heading="OPD"),
    Column(key="count", heading="COUNT", right=True),
    Column(key="distinct", heading="DISTINCT", right=True),
    # Without a register nothing is registered: 0 would say that somebody had looked.
    Column(key="registered", heading="REGISTERED", right=True, show=lambda n: plain(n or None)),
    Column(key="types", heading="TYPES"),
    Column(key="reachable", heading="REACHABLE"),
    Column(key="still_there", heading="STILL THERE"),
    Column(key="first_seen", heading="FIRST SEEN", show=when),
    Column(key="last_seen", heading="LAST SEEN", show=when),
    Column(key="path", heading="PATH"),
)
GROUPS = (
    Column(key="level", heading="LEVEL"),
    Column(key="opd", heading="OPD"),
    Column(key="host", heading="HOST"),
    Column(key="files", heading="FILES", right=True),
    Column(key="critical", heading="CRITICAL", right=True),
    Column(key="high", heading="HIGH", right=True),
    Column(key="still_there", heading="STILL THERE", right=True),
    Column(key="in_web_root", heading="WEB ROOT", right=True),
    Column(key="count", heading="COUNT", right=True),
    Column(key="types", heading="TYPES"),
    Column(key="first_seen", heading="FIRST SEEN", show=when),
    Column(key="last_seen", heading="LAST SEEN", show=when),
)
OVERLAPS = (
    Column(key="type", heading="TYPE"),
    Column(key="common", heading="IN COMMON"),
    Column(key="shared", heading="CERTAIN", right=True),
    Column(key="left_opd", heading="OPD"),
    Column(key="left_host", heading="HOST"),
    Column(key="left_distinct", heading="DISTINCT", right=True),
    Column(key="right_opd", heading="OPD"),
    Column(key="right_host", heading="HOST"),
    Column(key="right_distinct", heading="DISTINCT", right=True),
    Column(key="pairs", heading="PAIRS", right=True),
    Column(key="left_path", heading="FILE"),
    Column(key="right_path", heading="FILE"),
    Column(key="left_exposure", heading="ID"),
    Column(key="right_exposure", heading="ID"),
)


@click.group(cls=Group)
def exposure() -> None:
    """Exposures: citizens' data or credentials within reach."""


exposure.add_command(applications)


_filters = options(
    click.option("--all", "everything", is_flag=True, help="Also what is gone or clean."),
    click.option("--type", "type_", metavar="TYPE", help="Only with this type, such as nik."),
    level_option,
    opd_option,
    click.option("--host", metavar="NAME", help="Only of this host name or agent id."),
)
_limit = limit_option(100_000, 200, "At most so many rows, the gravest.")


def _end(answer: Mapping[str, Any], limit: int) -> None:
    if answer["more"]:
        remark(f"only the gravest {limit}; see more with --limit, or narrow with --opd or --host")
    if answer["stopped"]:
        remark("it took too long or was too much: not everything was looked at; narrow it")


@exposure.command("list")
@click.option(
    "--by",
    type=click.Choice(WAYS),
    default="file",
    show_default=True,
    help="One row for each file, host or OPD.",
)
@_filters
@_limit
@pass_context
def list_exposures(
    context: Context, /, by: str, type_: str | None, everything: bool, limit: int, **query: Any
) -> None:
    """List what lies open now, the gravest first.

    COUNT is of all values, DISTINCT the most different values of one type: how many people, at
    least; REGISTERED how many of them stand in your own register (ronda edm). STILL THERE is
    "unknown" when the agent could not look again or was revoked.
    """
    answer = context.client().get(
        "/v1/exposure", by=by, type=type_, all=int(everything), limit=limit, **query
    )
    out = context.out()
    if by == "file":
        rows = answer["exposures"]
        if out.form in {"table", "csv"}:
            rows = [{**row, "still_there": still(row)} for row in rows]
        out.rows(rows, FILES, empty="no exposures")
    else:
        columns = [c for c in GROUPS if by == "host" or c.key != "host"]
        out.rows(answer["groups"], columns, empty="no exposures")
    _end(answer, limit)


@exposure.command("show")
@click.argument("exposure_id", metavar="ID")
@pass_context
def show(context: Context, exposure_id: str) -> None:
    """Show all evidence of one exposure.

    Masked examples, columns, places in the file, reasons, next steps. The first 4 characters of
    ID are enough when no other begins with them.
    """
    found = context.client().get(f"/v1/exposure/{segment(exposure_id)}", lang=context.language())
    out = context.out()
    out.record(found, lambda: exposure_page(found, out))


@exposure.command("overlap")
@click.option(
    "--by",
    type=click.Choice(WAYS),
    default="opd",
    show_default=True,
    help="Compare OPDs, hosts or single files.",
)
@click.option("--id", metavar="ID", help="Only with this exposure on one side.")
@_filters
@_limit
@pass_context
def overlap(
    context: Context,
    /,
    by: str,
    type_: str | None,
    everything: bool,
    limit: int,
    **query: Any,
) -> None:
    """Show where the same values lie at two OPDs, hosts or files.

    Told by keyed tokens; no value leaves its host. IN COMMON is exact up to 64 different values,
    above it an estimate with its standard error; CERTAIN counts the values that were seen at both.
    The files are the pair with most in common, of PAIRS. --opd and --host name one side.
    """
    answer = context.client().get(
        "/v1/exposure/overlap",
        by=by,
        type=type_,
        all=int(everything),
        limit=limit,
        **query,
    )
    out = context.out()
    rows = answer["overlaps"]
    if out.form in {"table", "csv"}:
        rows = [{**row, "common": amount(row)} for row in rows]
    out.rows(rows, OVERLAPS, empty="no values in common")
    _end(answer, limit)
    if answer["skipped"]:
        remark(f"{answer['skipped']} values lie in over 200 files each and were left out")
