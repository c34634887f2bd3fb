"""status and spool: reading what the running agent left on disk."""

from __future__ import annotations

from typing import Any

import click

from agent.cli import summary
from agent.cli.base import (
    ERROR,
    columns,
    fail,
    load_config,
    output_option,
    print_json,
    print_table,
    print_wrapped,
    show_bytes,
    show_time,
)
from agent.cli.words import Words, lang_option, language


@click.command()
@output_option
@click.option("--all", "everything", is_flag=True, help="With every number the sensors count.")
@lang_option
@click.pass_context
def status(ctx: click.Context, output: str, everything: bool, lang: str | None) -> None:
    """Say how the running agent is: what is watched, blind, lost and due.

    Exit code 0 when healthy, 1 when not or not running.
    """
    from agent.clock import SystemClock
    from agent.health import Status, read_status, verdict

    config = load_config(ctx, sensors=False)
    try:
        found = read_status(config.state_dir / "status.json")
    except FileNotFoundError:
        found = Status(written=0, pid=0, version="")
    except (OSError, ValueError) as error:
        fail(f"status cannot be read: {error}; run as root or as the agent's user")
    problems = verdict(found, SystemClock())
    pending = int(found.spool.get("last", 0)) - int(found.spool.get("acknowledged", 0))
    if output == "json":
        import msgspec

        fields: dict[str, Any] = msgspec.to_builtins(found)
        print_json({**fields, "healthy": not problems, "problems": problems, "pending": pending})
    else:
        _print_status(found, problems, pending, Words(language(lang)), everything=everything)
    raise SystemExit(ERROR if problems else 0)


def _print_status(
    found: Any, problems: list[str], pending: int, words: Words, *, everything: bool
) -> None:
    from collectors.redact import scrub

    well = words.say(summary.HEALTHY)
    click.echo(words.say(summary.UNHEALTHY, number=len(problems)) if problems else well)
    for problem in problems:
        print_wrapped("", scrub(problem), 2)
    if not found.written:
        return
    lines = list(summary.summary(found, pending, words))
    indent = max(len(line.label) for line in lines) + 2
    for line in lines:
        print_wrapped(line.label, scrub(line.text), indent)
    if everything:
        _print_counters(found)


def _print_counters(found: Any) -> None:
    """Print what the sensors and the spool count, under the names that JSON has."""
    from collectors.redact import scrub

    for name, facts in (
        ("uplink", found.uplink),
        ("spool", found.spool),
        *((name, sensor["coverage"]) for name, sensor in found.sensors.items()),
    ):
        click.echo(f"\n{scrub(name)}")
        for line in _coverage(facts):
            click.echo(f"  {scrub(line)}")


_SENTENCE = 40
"""Characters above which a value may go over two lines."""


def _coverage(facts: dict[str, Any]) -> list[str]:
    """Return what a sensor says of itself, on lines that fit the terminal."""
    import textwrap

    words = []
    for key, value in facts.items():
        # Negative means "not yet"; empty, nothing to say.
        if value == "" or (isinstance(value, (int, float)) and value < 0):
            continue
        word = f"{key.replace('_', ' ')} {value}"
        # A no-break space keeps a name and its value on one line, unless it is a sentence.
        words.append(word if len(word) > _SENTENCE else word.replace(" ", "\xa0"))
    lines = textwrap.wrap(", ".join(words), columns() - 2)
    return [line.replace("\xa0", " ") for line in lines]


@click.group()
def spool() -> None:
    """Look into the queue of undelivered events."""


@spool.command()
@click.option("--quarantine", is_flag=True, help="Show the events that the collector refused.")
@output_option
@click.pass_context
def show(ctx: click.Context, quarantine: bool, output: str) -> None:
    """Show counts by class, bytes and the oldest event; reads beside a running agent."""
    import sqlite3

    from agent.spool.inspect import inspect

    config = load_config(ctx, sensors=False)
    path = config.state_dir / "spool.db"
    if not path.exists():
        fail(f"there is no spool in {config.state_dir}: the agent has not run yet", 3)
    try:
        found, held = inspect(path)
    except (sqlite3.Error, OSError) as error:
        fail(f"spool cannot be read: {error}; run as root or as the agent's user")
    if quarantine:
        _print_quarantine(held, output)
        return
    if output == "json":
        import dataclasses

        print_json({**dataclasses.asdict(found), "max_bytes": config.spool_max_bytes})
        return
    click.echo(f"epoch         {found.epoch}")
    click.echo(f"assigned      {found.last}")
    click.echo(f"acknowledged  {found.acknowledged}")
    limit = show_bytes(config.spool_max_bytes)
    click.echo(f"waiting       {found.events} events, {show_bytes(found.bytes)} of {limit}")
    click.echo(f"oldest        {show_time(found.oldest)}")
    click.echo(f"quarantined   {found.quarantined}")
    if found.by_class:
        rows = [(name, one.events, show_bytes(one.bytes)) for name, one in found.by_class.items()]
        print_table(("CLASS", "EVENTS", "BYTES"), rows)


def _print_quarantine(held: list[Any], output: str) -> None:
    from collectors.redact import scrub
    from collectors.wire import Malformed, decode_event

    rows = []
    for item in held:
        try:
            fields = decode_event(item.body)
        except Malformed:
            fields = {}
        rows.append((item, fields))
    if output == "json":
        print_json(
            [
                {
                    "epoch": item.epoch,
                    "sequence": item.sequence,
                    "at": item.at,
                    "reason": item.reason,
                    "event": fields,
                }
                for item, fields in rows
            ]
        )
        return
    print_table(
        ("SEQUENCE", "REFUSED", "KIND", "REASON"),
        [
            (
                item.sequence,
                show_time(item.at),
                scrub(str(fields.get("ronda.kind", "damaged"))),
                scrub(item.reason),
            )
            for item, fields in rows
        ],
    )
