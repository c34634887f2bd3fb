"""What several commands need."""

from __future__ import annotations

import datetime as dt
import json
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from agent.config import AgentConfig
    from agent.identity import Identity

ERROR, NOT_FOUND, AUTH, UNREACHABLE = 1, 3, 4, 5

output_option = click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="Form of the answer.",
)


def fail(text: str, code: int = ERROR) -> NoReturn:
    """Print one line to stderr, identifiers masked, and exit."""
    from collectors.redact import mask_text

    click.echo(f"ronda-agent: {mask_text(text)}", err=True)
    raise SystemExit(code)


def config_path(ctx: click.Context) -> Path:
    """Return the configuration file that the group was called with."""
    return Path(str(ctx.find_root().obj)).absolute()


def load_config(ctx: click.Context, *, sensors: bool = True) -> AgentConfig:
    """Load the configuration, with or without the sensors' tables; exits with all mistakes."""
    from agent.config import ConfigError, load
    from collectors.redact import mask_text

    try:
        if not sensors:
            return load(config_path(ctx), None)
        from collectors.registry import settings_types

        return load(config_path(ctx), settings_types())
    except ConfigError as error:
        for mistake in error.mistakes:
            click.echo(f"ronda-agent: {mask_text(mistake)}", err=True)
        raise SystemExit(ERROR) from error
    except (ImportError, ValueError) as error:
        fail(str(error))


def load_identity(config: AgentConfig) -> Identity:
    """Load the identity; exits when there is none."""
    from agent.identity import IdentityError, load

    try:
        return load(config.state_dir)
    except IdentityError as error:
        fail(str(error), AUTH)


def print_json(value: Any) -> None:
    """Print machine-readable output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=True))


def print_table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print aligned columns; the last one is not padded."""
    cells = [list(headings), *([str(cell) for cell in row] for row in rows)]
    widths = [max(width(row[i]) for row in cells) for i in range(len(headings))]
    for row in cells:
        padded = [cell + " " * (widths[i] - width(cell)) for i, cell in enumerate(row)]
        click.echo("  ".join(padded).rstrip())


def number_of(facts: Mapping[str, Any], key: str) -> int:
    """Return what a sensor counted under *key*; 0 where it counted nothing."""
    value = facts.get(key, 0)
    return int(value) if isinstance(value, (int, float)) else 0


def print_wrapped(label: str, text: str, indent: int) -> None:
    """Print *text* beside *label*, on lines that fit the terminal."""
    import textwrap

    lines = textwrap.wrap(text, columns() - indent) or [""]
    for number, line in enumerate(lines):
        click.echo(f"{'' if number else label:<{indent}}{line}".rstrip())


def columns() -> int:
    """Return how wide the terminal is."""
    import shutil

    return max(40, shutil.get_terminal_size((80, 24)).columns)


def width(text: str) -> int:
    """Return how many terminal columns *text* takes."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(bool(unicodedata.combining(char)) for char in text)


def show_time(nanoseconds: int | None) -> str:
    """Return local time, ``-`` for None or 0."""
    if not nanoseconds:
        return "-"
    moment = dt.datetime.fromtimestamp(nanoseconds / 1e9, tz=dt.timezone.utc)
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def show_bytes(count: float) -> str:
    """Return for example ``1.5 MiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError("unreachable")
