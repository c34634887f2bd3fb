"""indicators: the table of values that the network sensor compares with."""

from __future__ import annotations

import os
import tempfile
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.base import fail
from agent.cli.sentences import sentence, why
from agent.cli.words import N_, P_, Words, lang_option, language

if TYPE_CHECKING:
    from collectors.network.detect.ioc import Built

_REFUSED = P_("{number} line refused", "{number} lines refused")


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(dir_okay=False))
@click.option(
    "--to", "target", required=True, type=click.Path(dir_okay=False), help="The table to write."
)
@lang_option
def indicators(*, files: tuple[str, ...], target: str, lang: str | None) -> None:
    """Make the table of bad addresses and names for the network sensor from CSV FILES.

    Lines are value,type,source,severity; a value alone is enough for ip, cidr and domain. Types:
    ip, cidr, domain (with all below it), ja3, ja4, certificate (SHA-256). Severities: low, medium
    (where it is left out), high, critical. The setting indicators of the sensor names the table; a
    running sensor takes a new one by itself. Two million lines need a minute and 250 MB. Exit code
    1 when a line was refused; the others are in the table all the same.
    """
    words = Words(language(lang))
    built = _built(words, files, target)
    click.echo(words.count(*P_("{number} indicator", "{number} indicators"), built.rows))
    if built.refused:
        fail(words.count(*_REFUSED, built.refused))


def open_table(words: Words, name: str) -> int:
    """Return a descriptor of a table, which is made first if *name* is a list in CSV.

    Says which lines are refused; exits when nothing is left or the file cannot be read.
    """
    from collectors.network.detect.ioc import is_table

    try:
        if is_table(name):
            return os.open(name, os.O_RDONLY | os.O_CLOEXEC)
        with tempfile.TemporaryDirectory() as folder:
            built = _built(words, (name,), f"{folder}/table")
            if built.refused:
                click.echo(words.count(*_REFUSED, built.refused), err=True)
            if not built.rows:
                fail(words.say(N_("{name} holds no indicator"), name=name))
            return os.open(f"{folder}/table", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        fail(f"{error.filename or name}: {why(words, error)}")


def _built(words: Words, files: tuple[str, ...], target: str) -> Built:
    """Make the table and say what was refused, by file and line."""
    from collectors.network.detect.ioc import build

    lines = _Lines(files)
    try:
        built = build(lines, target)
    except OSError as error:
        fail(f"{error.filename or target}: {why(words, error)}")
    for mistake in built.mistakes:
        click.echo(f"{lines.place(mistake.line)}: {sentence(words, mistake.reason)}", err=True)
    return built


class _Lines:
    """The lines of several files, one after the other."""

    def __init__(self, files: tuple[str, ...]) -> None:
        self._files = files
        self._starts: list[int] = []

    def __iter__(self) -> Iterator[str]:
        read = 0
        with ExitStack() as stack:
            # All at once, so that a name that is wrong is told before a long list is read. Some
            # editors begin with a BOM.
            opened = [
                stack.enter_context(
                    Path(name).open(encoding="utf-8-sig", errors="replace", newline="")
                )
                for name in self._files
            ]
            for file in opened:
                self._starts.append(read)
                for line in file:
                    read += 1
                    yield line

    def place(self, number: int) -> str:
        """Return file and line of the line with a number over all files, from 1."""
        which = bisect_right(self._starts, number - 1) - 1
        return f"{self._files[which]}:{number - self._starts[which]}"
