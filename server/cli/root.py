"""The top of the command tree."""

from __future__ import annotations

import click

from server.cli.base import LazyGroup, global_options

COMMANDS = {
    "status": "server.cli.status:status",
    "alerts": "server.cli.alerts:alerts",
    "events": "server.cli.events:events",
    "exposure": "server.cli.exposure:exposure",
    "canary": "server.cli.canary:canary",
    "edm": "server.cli.edm:edm",
    "files": "server.cli.files:files",
    "hosts": "server.cli.hosts:hosts",
    "network": "server.cli.network:network",
    "packages": "server.cli.packages:packages",
    "delivery": "server.cli.delivery:delivery",
    "enroll": "server.cli.enroll:enroll",
    "notify": "server.cli.notify:notify",
    "rules": "server.cli.rules:rules",
    "server": "server.cli.service:server",
}
"""Word to where its command stands."""


def _version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    from importlib.metadata import version

    click.echo(f"ronda {version('ronda')}")
    ctx.exit()


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=(
        "Data goes to stdout, remarks to stderr. Exit codes: 0 ok, 1 error or not healthy, "
        "2 usage, 3 not found, 4 not allowed, 5 collector unreachable."
    ),
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version and exit.",
)
def ronda() -> None:
    """Ronda watches over local-government servers.

    Alerts, events, hosts and their delivery, from the central collector.
    """


ronda.params.extend(global_options())
