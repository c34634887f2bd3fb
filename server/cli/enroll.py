"""`ronda enroll`: letting a new host in."""

from __future__ import annotations

import click

from server.cli.base import SPAN, Group, pass_context
from server.cli.context import Context
from server.cli.output import Column, remark, when
from server.cli.times import span

COLUMNS = (
    Column(key="created", heading="CREATED", show=when),
    Column(key="created_by", heading="BY"),
    Column(key="opd", heading="OPD"),
    Column(key="host", heading="HOST"),
    Column(key="expires", heading="EXPIRES", show=when),
    Column(key="state", heading="STATE"),
    Column(key="used_by", heading="USED BY"),
)


@click.group(cls=Group)
def enroll() -> None:
    """Enrolment of hosts: one string is all that a sysadmin needs."""


@enroll.command("token")
@click.option("--opd", required=True, metavar="NAME", help="The agency that owns the host.")
@click.option("--host", metavar="NAME", help="Only this host name may use it.")
@click.option(
    "--ttl",
    type=SPAN,
    default="24h",
    show_default=True,
    metavar="TIME",
    help="How long it is good.",
)
@pass_context
def token(context: Context, opd: str, host: str | None, ttl: int) -> None:
    """Make a string that enrols one host, once.

    It is printed on stdout and kept nowhere.
    """
    answer = context.client().post(
        "/v1/enroll/tokens", {"opd": opd, "host": host or "", "ttl": ttl}
    )
    if context.output == "table":
        context.out().record(answer, lambda: answer["token"] + "\n")
    else:
        context.out().record(answer, str)
    bound = f" named {host}" if host else ""
    remark(
        f"Good for one host{bound} of {opd}, for {span(ttl)}. On that host run as root",
        "  ronda-agent enroll -",
        "and paste the string.",
    )


@enroll.command("list")
@pass_context
def list_tokens(context: Context) -> None:
    """List the tokens that were made: open, used and expired.

    Their secrets are not stored.
    """
    answer = context.client().get("/v1/enroll/tokens")
    context.out().rows(answer["tokens"], COLUMNS, empty="no tokens")
