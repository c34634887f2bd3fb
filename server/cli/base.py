"""Groups that suggest, load late, and take the global options anywhere on the line."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from server.cli import safe
from server.cli.context import LANGUAGES, Context
from server.cli.output import FORMATS

LEVELS = ("informational", "low", "medium", "high", "critical")

pass_context = click.make_pass_decorator(Context, ensure=True)


def _store(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Keep a global option that was given; the one next to the command wins."""
    if value is not None and param.name is not None:
        setattr(ctx.ensure_object(Context), param.name, value)


def _no_color(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(Context).color = False


def global_options() -> list[click.Option]:
    """Return new option objects: click binds them to one command each."""
    keep: dict[str, Any] = {"expose_value": False, "callback": _store, "default": None}
    return [
        click.Option(
            ["-o", "--output"],
            type=click.Choice(FORMATS),
            help="Form of the data on stdout [default: table].",
            **keep,
        ),
        click.Option(["--lang"], type=click.Choice(LANGUAGES), help="Language of alerts.", **keep),
        click.Option(
            ["--no-color"],
            is_flag=True,
            expose_value=False,
            callback=_no_color,
            help="No colours; as with the variable NO_COLOR.",
        ),
        click.Option(
            ["--socket"],
            metavar="PATH",
            help="Socket of the collector; also RONDA_SOCKET.",
            **keep,
        ),
        click.Option(
            ["--config"],
            metavar="FILE",
            help="Settings of the collector; also RONDA_CONFIG.",
            **keep,
        ),
    ]


class Command(click.Command):
    """A command that also takes the global options."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(global_options())


class Group(click.Group):
    """A group that says what was probably meant, and runs nothing on an unknown word."""

    command_class = Command
    group_class = type

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or fail with a suggestion."""
        word = args[0]
        if self.get_command(ctx, word) is None and not word.startswith("-"):
            raise click.UsageError(unknown(word, self.list_commands(ctx)), ctx)
        return super().resolve_command(ctx, args)


class LazyGroup(Group):
    """A group whose commands are imported when they are used."""

    def __init__(self, *args: Any, lazy: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the mapping."""
        return [*self._lazy, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command when it is asked for."""
        target = self._lazy.get(cmd_name)
        if target is None:
            return super().get_command(ctx, cmd_name)
        module, _, name = target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


def unknown(word: str, known: Sequence[str]) -> str:
    """Return the sentence for a *word* that is no command. Pure."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(known)}"
    return f"no command '{safe.display(word)}'; {hint}"


opd_option = click.option("--opd", metavar="NAME", help="Only of this OPD.")
level_option = click.option("--level", type=click.Choice(LEVELS), help="Of this level and above.")


def options(*each: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a decorator that adds all of *each*, the last one first in the help."""

    def decorate(function: Any) -> Any:
        for option in each:
            function = option(function)
        return function

    return decorate


def limit_option(most: int, default: int, help_: str) -> Callable[[Any], Any]:
    """Return a decorator that adds --limit."""
    return click.option(
        "--limit",
        type=click.IntRange(1, most),
        default=default,
        show_default=True,
        help=help_,
    )


def range_options(default_since: str | None = None, limit: int = 50) -> Callable[[Any], Any]:
    """Return a decorator that adds --since, --until and --limit."""

    def decorate(function: Any) -> Any:
        function = limit_option(100_000, limit, "At most so many rows, the newest.")(function)
        function = click.option(
            "--until", type=MOMENT, metavar="TIME", help="Up to this time; as --since."
        )(function)
        return click.option(
            "--since",
            type=MOMENT,
            metavar="TIME",
            default=default_since,
            show_default=default_since is not None,
            help="From this time on: 30m, 4h, 2d back, 07:30 today, or 2026-11-24T07:30.",
        )(function)

    return decorate


if TYPE_CHECKING:
    _IntType = click.ParamType[int]
else:
    _IntType = click.ParamType  # Generic from click 8.4 on only.


class _Moment(_IntType):
    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from server.cli.times import parse_moment

        if isinstance(value, int):
            return value
        now = ctx.ensure_object(Context).now if ctx else Context().now
        try:
            return parse_moment(str(value), now)
        except ValueError as error:
            self.fail(safe.display(str(error)), param, ctx)


class _Span(_IntType):
    name = "length of time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from server.cli.times import parse_span

        if isinstance(value, int):
            return value
        try:
            return parse_span(str(value))
        except ValueError as error:
            self.fail(safe.display(str(error)), param, ctx)


MOMENT = _Moment()
"""A moment, as ns since 1970."""
SPAN = _Span()
"""A length of time, as seconds."""
