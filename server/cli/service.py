"""`ronda server`: the collector itself, for its administrator."""

from __future__ import annotations

import os
import socket
import sqlite3

import click

from server.cli import safe
from server.cli.base import Group, pass_context
from server.cli.context import Context
from server.cli.errors import CliError
from server.cli.output import Column, remark

ROLES = ("ingest", "detect", "api")
CHECK_COLUMNS = (
    Column(key="level", heading="LEVEL"),
    Column(key="problem", heading="PROBLEM"),
)
_TEMPLATE = """\
# Settings of the Ronda collector. Check them with: ronda server check

# Names and addresses by which agents reach this collector; the first is in the URLs.
names = [{names}]

# Language of alerts and notifications: id or en.
language = "id"

# One channel for each way to people; try it with: ronda notify test NAME
# [[notify.channels]]
# name = "security-team"
# url_file = "/etc/ronda/security-team.url"
# min_level = "high"
"""


@click.group(cls=Group)
def server() -> None:
    """The collector: make it, check it, run it."""


@server.command("init")
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="NAME",
    help="Host name or address for agents, when there are no settings yet; may be repeated.",
)
@pass_context
def init(context: Context, names: tuple[str, ...]) -> None:
    """Make the certificate authority, keys and databases.

    What exists is kept. Without a settings file a small one is written first.
    """
    path = context.config_path()
    if not os.path.exists(path):
        _write_settings(path, names)
    elif names:
        raise click.UsageError(f"{path} exists; change the names there")
    config = context.load_config()
    from server.fleet.init import InitError, initialise

    try:
        result = initialise(config)
    except (InitError, ValueError, OSError, sqlite3.Error) as error:
        raise CliError(str(error)) from error
    for created in result.created:
        remark(f"made {created}")
    remark(
        "" if result.created else "everything is there already",
        f"agents enrol at {result.enroll_url} and send to {result.agent_url}",
        f"CA fingerprint (SHA-256): {result.fingerprint}",
        "next: systemctl enable --now ronda-server; ronda enroll token --opd NAME",
    )


def _write_settings(path: str, names: tuple[str, ...]) -> None:
    import json

    chosen = names or (socket.getfqdn(),)
    # A JSON string is a TOML basic string.
    text = _TEMPLATE.format(names=", ".join(json.dumps(name) for name in chosen))
    try:
        os.makedirs(os.path.dirname(path) or ".", mode=0o755, exist_ok=True)
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise CliError(f"{path}: {error.strerror}") from error
    remark(f"wrote {path} with the name {', '.join(chosen)}")


@server.command("check")
@pass_context
def check(context: Context) -> int:
    """Check settings, keys, certificates, ports and disk.

    Exit 1 if the collector cannot run.
    """
    config = context.load_config()
    from server.fleet.init import check as examine

    problems = examine(config)
    rows = [{"level": problem.level, "problem": problem.text} for problem in problems]
    if context.output != "table":
        context.out().rows(rows, CHECK_COLUMNS)
    for problem in problems:
        click.echo(safe.display(f"{problem.level}: {problem.text}"), err=True)
    fatal = any(problem.level == "error" for problem in problems)
    if not fatal:
        remark(f"{config.path}: ok")
    return 1 if fatal else 0


@server.command("run")
@click.option("--role", type=click.Choice(ROLES), help="Only this part, in the foreground.")
@pass_context
def run(context: Context, role: str | None) -> None:
    """Run the collector until SIGTERM or Ctrl-C.

    It is one process for each role.
    """
    config = context.load_config()
    import logging

    from server.app import run_server

    # systemd's journal adds the time.
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        run_server(config, role)
    except (OSError, ValueError, sqlite3.Error) as error:
        raise CliError(str(error)) from error
