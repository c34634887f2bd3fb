"""`ronda canary`: made-up records and credentials that betray where data went."""

from __future__ import annotations

from typing import Any

import click

from server.cli import safe
from server.cli.base import Group, opd_option, pass_context
from server.cli.client import segment
from server.cli.context import Context
from server.cli.output import Column, Row, remark, when

KINDS = ("nik", "credential", "database", "aws", "app_key", "telegram")
COLUMNS = (
    Column(key="id", heading="ID"),
    Column(key="opd", heading="OPD"),
    Column(key="kind", heading="KIND"),
    Column(key="shown", heading="VALUE"),
    Column(key="alerts", heading="ALERTS", right=True),
    Column(key="planted_at", heading="PLANTED AT"),
    Column(key="note", heading="NOTE"),
    Column(key="created", heading="CREATED", show=when),
    Column(key="created_by", heading="BY"),
    Column(key="retired", heading="RETIRED", show=when),
)


@click.group(cls=Group)
def canary() -> None:
    """Canaries: bait among data, critical wherever else it shows."""


@canary.command("create")
@click.option("--opd", required=True, metavar="NAME", help="Whose data it is planted among.")
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    default="nik",
    show_default=True,
    help="A person, or a credential; credential means database.",
)
@click.option("--note", default="", metavar="TEXT", help="Where it is planted, for the alert.")
@click.option(
    "--planted-at",
    multiple=True,
    metavar="HOST:PATH",
    help="A place where it may lie: no alert there. With / at its end all below it.",
)
@click.option("--regency", metavar="CODE", help="Of the person: 4 digits [default: 1571].")
@pass_context
def create(context: Context, /, kind: str, planted_at: tuple[str, ...], **values: Any) -> None:
    """Make a canary and print it, once, in forms to paste.

    It is kept nowhere in clear: agents and collector know keyed tokens only. A person has a real
    district, a date of birth and a serial of 9000 or more, which no district has reached: it passes
    every check and belongs to nobody.
    """
    asked = {name: value for name, value in values.items() if value}
    answer = context.client().post(
        "/v1/canaries",
        {
            **asked,
            "kind": "database" if kind == "credential" else kind,
            "planted_at": list(planted_at),
        },
    )
    context.out().record(answer, lambda: forms(answer))
    remark(
        f"canary {answer['id']} of {answer['opd']}; agents know it within a minute.",
        "Plant it now: it is not shown again.",
    )
    if not answer["opd_known"]:
        remark(f"No host of an OPD {safe.display(answer['opd'])} is enrolled: is the name right?")
    if not planted_at:
        remark("No place is registered: where agents look, planting it raises the alert, too.")


def forms(answer: Row) -> str:
    """Return the canary as text to paste."""
    lines = []
    for name, form in answer["forms"].items():
        lines.append(f"# {safe.display(name)}")
        lines += [safe.display(line) for line in str(form).splitlines()]
    return "\n".join([*lines, ""])


@canary.command("list")
@opd_option
@click.option("--all", "everything", is_flag=True, help="Retired ones too.")
@pass_context
def list_canaries(context: Context, opd: str | None, everything: bool) -> None:
    """List canaries, masked, and how many alerts each has raised."""
    answer = context.client().get("/v1/canaries", opd=opd, all=int(everything))
    context.out().rows(answer["canaries"], COLUMNS, empty="no canaries")


@canary.command("retire")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@pass_context
def retire(context: Context, ids: tuple[str, ...]) -> None:
    """Stop looking for canaries."""
    done = []
    for one in ids:
        done.append(context.client().post(f"/v1/canaries/{segment(one)}/retire", {}))
        remark(f"canary {safe.display(one)} retired")
    if context.output != "table":
        context.out().rows(done, (Column(key="id", heading="ID"),))
