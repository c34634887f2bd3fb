"""`ronda exposure applications`: the web applications of all hosts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from server.cli.base import Command, opd_option, pass_context
from server.cli.context import Context
from server.cli.output import Column, plain, remark, when


def software(row: Mapping[str, Any]) -> str:
    """Return framework and version in one cell. Pure."""
    return f"{plain(row.get('framework'))} {plain(row.get('version'))}".strip()


def standing(row: Mapping[str, Any]) -> str:
    """Return the state, with the site that still serves the files. Pure; not escaped."""
    by = row.get("served_by")
    return f"{row['state']}, served by {by}" if by else plain(row["state"])


APPLICATIONS = (
    Column(key="standing", heading="STATE"),
    Column(key="names", heading="NAMES"),
    Column(key="path", heading="BELOW"),
    Column(key="opd", heading="OPD"),
    Column(key="host", heading="HOST"),
    Column(key="software", heading="SOFTWARE"),
    Column(key="changed", heading="LAST CHANGE", show=when),
    Column(key="server", heading="SERVER"),
    Column(key="ports", heading="PORTS"),
    Column(key="listening", heading="LISTENS"),
    Column(key="root", heading="FOLDER"),
)


@click.command("applications", cls=Command)
@opd_option
@click.option("--host", metavar="HOST", help="Only on this host name or agent id.")
@click.option(
    "--dormant", is_flag=True, help="Only those that nobody changed for 12 months, yet reachable."
)
@click.option(
    "--deactivated", is_flag=True, help="Only those switched off whose files are served still."
)
@pass_context
def applications(
    context: Context, opd: str | None, host: str | None, dormant: bool, deactivated: bool
) -> None:
    """List the web applications of all hosts, the neglected first.

    Each virtual host of a web server is one, and each known framework in a folder of one (BELOW
    tells which). Dormant: none of its code files has changed for 12
    months, and it can be reached. Deactivated: its configuration is switched off, or it shows a
    maintenance page, yet its files are handed out by another site or the application itself.
    """
    if dormant and deactivated:
        raise click.UsageError("say either --dormant or --deactivated")
    state = "dormant" if dormant else "deactivated" if deactivated else None
    answer = context.client().get("/v1/applications", opd=opd, host=host, state=state)
    rows = answer["applications"]
    out = context.out()
    if out.form in {"table", "csv"}:
        rows = [{**row, "standing": standing(row), "software": software(row)} for row in rows]
    out.rows(rows, APPLICATIONS, empty="no applications")
    if answer["more"]:
        remark("only the first; narrow it with --opd or --host")
