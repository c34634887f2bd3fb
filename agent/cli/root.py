"""The top of the command tree. Commands are imported when they are called, so that help is fast."""

from __future__ import annotations

import importlib

import click

COMMANDS = {
    "enroll": ("agent.cli.setup:enroll", "Join the collector with a string from it."),
    "check": ("agent.cli.setup:check", "Check configuration, identity and sensors, then exit."),
    "run": ("agent.cli.setup:run", "Run the agent in the foreground, as systemd does."),
    "status": ("agent.cli.state:status", "Say how the running agent is; exit 0 when healthy."),
    "doctor": ("agent.cli.doctor:doctor", "Look for causes of trouble and say what to do."),
    "scan": ("agent.cli.look:scan", "Look for citizens' data and credentials now."),
    "dissect": ("agent.cli.dissect:dissect", "Show odd packets of a capture file in words."),
    "capture": ("agent.cli.capture:capture", "Look at network traffic now, live or from a file."),
    "indicators": ("agent.cli.indicators:indicators", "Make the table of bad addresses and names."),
    "expect": ("agent.cli.expect:expect", "Announce a deployment, so that it raises no alarm."),
    "baseline": ("agent.cli.baseline:baseline", "What files looked like, what differs, accept it."),
    "packages": ("agent.cli.packages:packages", "What the package manager changed, file by file."),
    "locate": ("agent.cli.look:locate", "Find the file behind a masked path's token."),
    "spool": ("agent.cli.state:spool", "Look into the queue of undelivered events."),
    "test": ("agent.cli.uplink:test", "Try the way to the collector."),
}
"""Word to where its command stands and its line in the help."""


class LazyGroup(click.Group):
    """Knows its commands by name only."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the base's
        """Return the words, in the order of a first day."""
        return list(COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - the base's
        cmd_name: str,
    ) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or fail with what was probably meant."""
        word = args[0]
        if word not in COMMANDS and not word.startswith("-"):
            import difflib

            close = difflib.get_close_matches(word, COMMANDS, n=1, cutoff=0.5)
            hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(COMMANDS)}"
            raise click.UsageError(f"no command {word!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - the base's
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the list without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(word, line) for word, (_, line) in COMMANDS.items()])


def _version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    from importlib.metadata import version

    click.echo(f"ronda-agent {version('ronda')}")
    ctx.exit()


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=(
        "Exit codes: 0 ok, 1 error or not healthy, 2 usage, 3 not found, 4 not enrolled or not"
        " accepted, 5 collector unreachable."
    ),
)
@click.option(
    "--config",
    "config",
    type=click.Path(dir_okay=False),
    envvar="RONDA_AGENT_CONFIG",
    default="/etc/ronda/agent.toml",
    show_default=True,
    help="Configuration file (also RONDA_AGENT_CONFIG).",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version and exit.",
)
@click.pass_context
def agent(ctx: click.Context, /, config: str) -> None:
    """Watch this server and report to the collector of your Ronda."""
    ctx.obj = config
