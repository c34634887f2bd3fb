"""Asking the running sensor for something, and printing what the baseline knows."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from agent.cli.base import (
    ERROR,
    NOT_FOUND,
    fail,
    load_config,
    load_identity,
    print_table,
    show_time,
)

if TYPE_CHECKING:
    from collectors.files.deploy import requests
    from collectors.files.deploy.view import View
    from collectors.paths import PathGuard

_FORMULA = re.compile(r"(^|[;\t])(\s*)([=+\-@\uff1d\uff0b\uff0d\uff20])")
"""A cell start that spreadsheets read as a formula."""

forms_option = click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json", "jsonl", "csv"]),
    default="table",
    show_default=True,
    help="Form of the answer.",
)
wait_option = click.option(
    "--wait",
    metavar="TIME",
    default="15s",
    show_default=True,
    help="How long to wait until the agent has taken the request.",
)


class Host(NamedTuple):
    """What the commands need to know."""

    agent: Path
    """The agent's state directory."""
    sensor: Path
    """The files sensor's."""
    guard: PathGuard


def host(ctx: click.Context) -> Host:
    """Return where things are; exits when there is no identity or no such sensor."""
    from collectors.paths import PathGuard

    config = load_config(ctx)
    settings = config.sensors.get("files")
    if settings is not None and not settings.enabled:
        fail("the sensor files is off in the configuration")
    guard = PathGuard(load_identity(config).path_key)
    sensor = config.state_dir / "sensors" / "files"
    if not sensor.is_dir():
        fail(f"there is no {sensor}: the agent has not run yet", NOT_FOUND)
    return Host(config.state_dir, sensor, guard)


def view(found: Host) -> View:
    """Open the baseline for reading; exits when it cannot be read."""
    from collectors.files.deploy.view import View

    try:
        return View(found.sensor)
    except FileNotFoundError as error:
        fail(str(error), NOT_FOUND)
    except sqlite3.Error as error:
        fail(f"the baseline cannot be read: {error}; run as root or as the agent's user")


def seconds(text: str) -> float:
    """Return a duration that was typed; exits with 2 when it is none."""
    from collectors.quantities import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        fail(str(error), 2)


def header() -> dict[str, Any]:
    """Return what every request says: id, who and when."""
    from collectors.files.deploy import requests

    return {
        "id": requests.new_id(),
        "by": requests.author().uid,
        "made": time.time_ns(),
    }


def send(found: Host, request: requests.Any, wait: float, output: str) -> None:
    """Put *request* in line, wait for the answer and print it; exits with 1 if refused."""
    import msgspec

    from agent.supervisor.lock import is_held
    from collectors.files.deploy import mailbox

    try:
        mailbox.post(found.sensor, request)
        answer = mailbox.fetch(found.sensor, request.id, wait if is_held(found.agent) else 0.0)
    except (OSError, ValueError) as error:
        fail(f"the request cannot be given to the agent: {error}; run as root or as its user")
    if answer is None:
        _unanswered(found, request, output)
        return
    if output == "table":
        until = f" until {show_time(answer.until)}" if answer.until else ""
        click.echo(f"{answer.text}{until}", err=not answer.done)
    else:
        click.echo(json.dumps(msgspec.to_builtins(answer), ensure_ascii=True))
    if not answer.done:
        raise SystemExit(ERROR)


def _unanswered(found: Host, request: requests.Any, output: str) -> None:
    from agent.supervisor.lock import is_held

    if is_held(found.agent):
        fail("the agent has not taken the request yet; it stays in line: ronda-agent status")
    text = "the agent is not running: the request is taken at its next start"
    if output == "table":
        click.echo(text)
        return
    click.echo(json.dumps({"done": False, "queued": True, "text": text, "id": request.id}))


def print_rows(
    rows: Iterable[Mapping[str, Any]],
    output: str,
    headings: Sequence[str],
    cells: Callable[[Mapping[str, Any]], Sequence[object]],
) -> int:
    """Print rows in the form that was asked for; return how many. Big trees stream."""
    if output == "table":
        listed = [cells(row) for row in rows]
        if listed:
            print_table(headings, listed)
        return len(listed)
    number = 0
    if output == "csv":
        click.echo(_csv([heading.lower().replace(" ", "_") for heading in headings]))
    if output == "json":
        sys.stdout.write("[")
    for number, row in enumerate(rows, 1):
        if output == "csv":
            click.echo(_csv(cells(row)))
        elif output == "jsonl":
            click.echo(json.dumps(row, ensure_ascii=True))
        else:
            sys.stdout.write(("\n" if number == 1 else ",\n") + json.dumps(row, ensure_ascii=True))
    if output == "json":
        sys.stdout.write("\n]\n" if number else "]\n")
    return number


def _csv(cells: Sequence[object]) -> str:
    buffer = io.StringIO()
    # "-" is for people: an empty cell says it here.
    line = [
        _FORMULA.sub(r"\1\2'\3", "" if cell == "-" else cell) if isinstance(cell, str) else cell
        for cell in cells
    ]
    csv.writer(buffer, lineterminator="").writerow(line)
    return buffer.getvalue()
