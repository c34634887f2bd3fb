"""enroll, check, run."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.base import AUTH, ERROR, UNREACHABLE, config_path, fail, load_config, load_identity

if TYPE_CHECKING:
    from agent.config import AgentConfig


@click.command()
@click.argument("string")
@click.pass_context
def enroll(ctx: click.Context, string: str) -> None:
    """Join the collector with STRING, which 'ronda enroll token' prints there.

    With '-' it is read from stdin, and so stays out of the history and the process list. What root
    makes is given to the owner of the state directory, who runs the service.
    """
    from agent.enrolment import EnrolmentFailed
    from agent.enrolment import enroll as join
    from agent.identity import IdentityError
    from agent.supervisor.lock import is_held

    config = load_config(ctx, sensors=False)
    os.umask(0o077)
    if string == "-" and sys.stdin.isatty():
        click.echo("paste the string from 'ronda enroll token', then Enter:", err=True)
    text = sys.stdin.readline() if string == "-" else string
    try:
        identity = join(config.state_dir, text)
        _give_to_owner(config.state_dir, identity.directory)
    except IdentityError as error:
        fail(str(error), ERROR)
    except EnrolmentFailed as error:
        fail(str(error), UNREACHABLE if error.unreachable else AUTH)
    except OSError as error:
        fail(f"{config.state_dir} cannot be written: {error.strerror}; run as the agent's user")
    record = identity.record
    click.echo(f"enrolled as {record.agent} for {record.opd}, certificate in {identity.directory}")
    # A running agent keeps the identity it began with.
    verb = "restart" if is_held(config.state_dir) else "enable --now"
    click.echo(f"next: systemctl {verb} ronda-agent", err=True)


def _give_to_owner(state_dir: Path, identity: Path) -> None:
    """Let the identity belong to the service: the agent could not renew what root owns."""
    owner = state_dir.stat()
    if os.geteuid() == 0 and owner.st_uid:
        for path in (*identity.iterdir(), identity):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


@click.command()
@click.option("-q", "--quiet", is_flag=True, help="Print mistakes only.")
@click.pass_context
def check(ctx: click.Context, quiet: bool) -> None:
    """Check configuration, identity, permissions and sensors; change nothing, start nothing."""
    from agent.cli.grouping import grouped
    from agent.identity import IdentityError
    from collectors.redact import scrub

    config = load_config(ctx)
    errors, warnings = _permissions(config), _sensors(config)
    for text in grouped(warnings):
        click.echo(f"ronda-agent: warning: {scrub(text)}", err=True)
    for text in errors:
        click.echo(f"ronda-agent: {scrub(text)}", err=True)
    if errors:
        raise SystemExit(ERROR)
    identity = load_identity(config)
    try:
        identity.ssl_context()
    except IdentityError as error:
        fail(str(error), AUTH)
    if not quiet:
        click.echo(f"configuration {config.path} is ok", err=True)
        click.echo(f"identity {identity.record.agent} is ok", err=True)


def _permissions(config: AgentConfig) -> list[str]:
    """Return what is wrong with the state directory."""
    mistakes = []
    directory = config.state_dir
    if directory.is_dir() and not os.access(directory, os.W_OK | os.X_OK):
        mistakes.append(f"{directory} cannot be written: run as the agent's user")
    for path in (directory, *(directory / "identity").glob("*.key")):
        if path.exists() and path.stat().st_mode & 0o077:
            wanted = "700" if path.is_dir() else "600"
            mistakes.append(f"{path} is open to other users: chmod {wanted} {path}")
    identity = directory / "identity"
    if identity.is_dir() and identity.stat().st_uid != directory.stat().st_uid:
        mistakes.append(
            f"{identity} does not belong to the agent's user, who could not renew the certificate:"
            f" chown -R --reference={directory} {identity}"
        )
    return mistakes


def _sensors(config: AgentConfig) -> list[str]:
    """Return the warnings of all sensors that are on."""
    from agent.watching import unwatched
    from collectors.api import Unsupported
    from collectors.registry import load_sensors

    warnings = [f"sensor exposure: {text}" for text in unwatched(config.sensors)]
    for name, factory in load_sensors().items():
        settings = config.sensors[name]
        if not settings.enabled:
            continue
        sensor = factory(settings, config.state_dir / "sensors" / name)
        try:
            warnings += [f"sensor {name}: {text}" for text in sensor.check()]
        except Unsupported as error:
            warnings.append(f"sensor {name} cannot run here: {error}")
    return warnings


@click.command()
@click.pass_context
def run(ctx: click.Context) -> None:
    """Run the agent until SIGTERM; SIGHUP reads the configuration again."""
    import signal
    import sqlite3

    # Until the supervisor listens, a reload must wait; it would end the process.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})

    from agent.config import load
    from agent.identity import IdentityError
    from agent.logs import configure
    from agent.spool import NewerFormat
    from agent.supervisor import AlreadyRunning, Supervisor
    from collectors.registry import load_sensors, settings_types

    os.umask(0o077)
    config = load_config(ctx)
    configure(config.log_level)
    identity = load_identity(config)
    path: Path = config_path(ctx)
    try:
        supervisor = Supervisor(
            config, identity, load_sensors(), lambda: load(path, settings_types())
        )
    except IdentityError as error:
        fail(str(error), AUTH)
    except (AlreadyRunning, NewerFormat) as error:
        fail(str(error))
    except (OSError, sqlite3.Error) as error:
        fail(f"{config.state_dir} cannot be used: {error}")
    raise SystemExit(supervisor.run())
