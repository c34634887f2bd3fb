"""test uplink."""

from __future__ import annotations

import click

from agent.cli.base import (
    AUTH,
    ERROR,
    UNREACHABLE,
    fail,
    load_config,
    load_identity,
    output_option,
    print_json,
)


@click.group()
def test() -> None:
    """Try the way to the collector."""


@test.command()
@output_option
@click.pass_context
def uplink(ctx: click.Context, output: str) -> None:
    """Connect, exchange one heartbeat, and say what was seen on the way.

    Exit code 0 ok, 4 when the collector does not accept this agent, 5 when it is unreachable.
    """
    import dataclasses

    from agent.clock import SystemClock
    from agent.transport.client import Trouble
    from agent.transport.probe import Refused, probe

    config = load_config(ctx, sensors=False)
    identity = load_identity(config)
    try:
        seen = probe(config.state_dir, identity, SystemClock())
    except Trouble as trouble:
        problem = trouble.problem
        code = AUTH if problem.auth else UNREACHABLE if problem.unreachable else ERROR
        fail(problem.text, code)
    except Refused as error:
        fail(str(error), AUTH if error.status in (401, 403) else ERROR)
    if output == "json":
        print_json(dataclasses.asdict(seen))
        return
    click.echo(f"collector    {identity.record.agent_url}")
    click.echo(f"TLS          {seen.tls}, {seen.cipher}")
    click.echo(f"its names    {', '.join(seen.names)}, {seen.server_days_left} days left")
    click.echo(f"our id       {identity.record.agent}, {seen.days_left} days left")
    click.echo(f"heartbeat    {seen.milliseconds:.0f} ms, clock {seen.skew:+.1f} s")
