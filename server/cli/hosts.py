"""`ronda hosts`: the agents and their hosts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from server.cli import files, safe
from server.cli.base import Group, opd_option, pass_context
from server.cli.client import segment
from server.cli.context import Context
from server.cli.errors import CliError
from server.cli.output import Column, Row, plain, remark, when

COLUMNS = (
    Column(key="host", heading="HOST"),
    Column(key="opd", heading="OPD"),
    Column(key="state", heading="STATE"),
    Column(key="last_seen", heading="LAST SEEN", show=when),
    Column(key="pending", heading="PENDING", right=True),
    Column(key="version", heading="VERSION"),
    Column(key="address", heading="ADDRESS"),
    Column(key="agent", heading="AGENT"),
)
_FIELDS = (
    ("Host", "host"),
    ("OPD", "opd"),
    ("Agent", "agent"),
    ("State", "state"),
    ("Version", "version"),
    ("Address", "address"),
    ("Enrolled", "enrolled"),
    ("Last seen", "last_seen"),
    ("Waiting on the host", "pending"),
    ("Clock ahead by (s)", "skew"),
    ("Certificate until", "certificate_until"),
    ("Active alerts", "alerts"),
)
_SHOW: dict[str, Callable[[Any], str]] = {
    "enrolled": when,
    "last_seen": when,
    "certificate_until": when,
    "skew": lambda seconds: f"{seconds:.3f}",
}


@click.group(cls=Group)
def hosts() -> None:
    """Hosts: the agents, whether they are alive, and what they see."""


hosts.add_command(files.on_host)


@hosts.command("list")
@opd_option
@click.option("--all", "everything", is_flag=True, help="Revoked agents too.")
@pass_context
def list_hosts(context: Context, opd: str | None, everything: bool) -> None:
    """List hosts with the state of their agent."""
    answer = context.client().get("/v1/hosts", opd=opd, all=int(everything))
    context.out().rows(
        answer["hosts"], COLUMNS, empty="no hosts; let one in with: ronda enroll token --opd NAME"
    )


@hosts.command("show")
@click.argument("host")
@pass_context
def show(context: Context, host: str) -> None:
    """Show one host: state, problems, what its sensors see.

    HOST is a host name or an agent id.
    """
    found = context.client().get(f"/v1/hosts/{segment(host)}")
    context.out().record(found, lambda: host_page(found))


def host_page(host: Row) -> str:
    """Return all about *host* for a terminal."""
    lines = []
    for label, key in _FIELDS:
        show = _SHOW.get(key, plain)
        lines.append(f"{label:<20}  {safe.display(show(host.get(key)))}")
    lines += [f"{'Problem':<20}  {safe.display(plain(text))}" for text in host["problems"]]
    coverage: dict[str, Any] = host["coverage"]
    for sensor, facts in coverage.items():
        label = "Sensor " + safe.display(sensor)
        for name, value in facts.items():
            lines.append(f"{label:<20}  {safe.display(f'{name}: {plain(value)}')}")
            label = ""
    return "\n".join(
        [*lines, "", f"Delivery: ronda delivery {safe.display(str(host['agent']))}", ""]
    )


@hosts.command("revoke")
@click.argument("host")
@click.option("--reason", default="", metavar="TEXT", help="Why; stands in the audit log.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_context
def revoke(context: Context, host: str, reason: str, yes: bool) -> None:
    """Lock the agent of a host out.

    Its certificates are refused from now on. HOST is a host name or an agent id.
    """
    client = context.client()
    found = client.get(f"/v1/hosts/{segment(host)}")
    name = safe.display(f"{found['host']} of {found['opd']} (agent {found['agent']})")
    if not yes and not click.confirm(f"Revoke {name}?", err=True):
        raise CliError("nothing was changed")
    answer = client.post(f"/v1/hosts/{segment(found['agent'])}/revoke", {"reason": reason})
    if context.output != "table":
        context.out().record(answer, str)
    remark(f"revoked {name}; it needs a new token to come back: ronda enroll token")
