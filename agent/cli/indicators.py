"""indicators: the table of values that the network sensor compares with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack

import click

from agent.cli.base import fail


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(dir_okay=False))
@click.option(
    "--to", "target", required=True, type=click.Path(dir_okay=False), help="The table to write."
)
def indicators(*, files: tuple[str, ...], target: str) -> None:
    """Make the table of bad addresses and names for the network sensor from CSV FILES.

    Lines are value,type,source,severity. Types: ip, cidr, domain (with all below it), ja3, ja4,
    certificate (SHA-256). Severities: low, medium (where it is left out), high, critical. The
    setting indicators of the sensor names the table; a running sensor takes a new one by itself.
    Two million lines need a minute and 250 MB. Exit code 1 when a line was refused; the others
    are in the table all the same.
    """
    from collectors.network.detect.ioc import build

    try:
        with ExitStack() as stack:
            opened = [
                stack.enter_context(open(name, encoding="utf-8", errors="replace", newline=""))
                for name in files
            ]
            built = build(_lines(opened), target)
    except OSError as error:
        fail(f"{error.filename or target}: {error.strerror or error}")
    click.echo(f"{built.rows} indicators")
    for mistake in built.mistakes:
        click.echo(mistake, err=True)
    if built.refused:
        fail(f"{built.refused} lines refused")


def _lines(files: Iterable[Iterable[str]]) -> Iterator[str]:
    for file in files:
        yield from file
