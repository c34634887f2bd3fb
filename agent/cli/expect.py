"""expect: announcing a deployment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from agent.cli.ask import (
    Host,
    forms_option,
    header,
    host,
    print_rows,
    seconds,
    send,
    view,
    wait_option,
)
from agent.cli.base import show_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collectors.files.deploy.windows import Window


@click.command()
@click.option(
    "--path",
    "paths",
    multiple=True,
    type=click.Path(),
    help="Where changes are expected, with everything below; may be repeated.",
)
@click.option("--for", "lasts", metavar="TIME", help="How long, for example 10m.")
@click.option("--reason", metavar="TEXT", default="", help="Why; stands in the audit trail.")
@click.option("--list", "listing", is_flag=True, help="Show the windows, open ones first.")
@click.option("--close", "closing", metavar="ID", help="Close a window before its time is over.")
@wait_option
@forms_option
@click.pass_context
def expect(
    ctx: click.Context,
    /,
    *,
    paths: tuple[str, ...],
    lasts: str | None,
    reason: str,
    listing: bool,
    closing: str | None,
    wait: str,
    output: str,
) -> None:
    """Announce a deployment: changes below PATH are expected for a while.

    They are sent and stored as ever and carry the id of the window; alerts about web pages stay
    quiet. Setuid programs, keys, scheduled tasks and scripts in folders for uploads alert all the
    same. Opening, end and every refusal are reported with who gave the command and why.

    A window has an end (--for, at most max_window of [sensors.files]) and a place: refused are /,
    directories right below it, and what decides over the whole host (/etc/ssh, /usr/bin ...) or
    belongs to Ronda.
    """
    found = host(ctx)
    if listing:
        _list(found, output)
    elif closing is not None:
        _close(found, closing, reason, seconds(wait), output)
    else:
        _open(
            ctx,
            found,
            paths=paths,
            lasts=lasts,
            reason=reason,
            wait=seconds(wait),
            output=output,
        )


def _open(
    ctx: click.Context,
    found: Host,
    *,
    paths: tuple[str, ...],
    lasts: str | None,
    reason: str,
    wait: float,
    output: str,
) -> None:
    from collectors.boot import boot_id, since_boot
    from collectors.files.deploy import requests
    from collectors.redact import scrub

    if not paths:
        raise click.UsageError("say where: --path DIRECTORY", ctx)
    if lasts is None:
        raise click.UsageError("say for how long: --for 10m (a window without end is none)", ctx)
    if not reason.strip():
        raise click.UsageError("say why: --reason TEXT", ctx)
    for path in paths:
        if not os.path.isabs(path):
            raise click.UsageError(f"--path {path!r} is not absolute", ctx)
    request = requests.Expect(
        **header(),
        reason=scrub(reason),
        paths=tuple(found.guard.guard(path) for path in _places(paths)),
        seconds=seconds(lasts),
        boot=boot_id(),
        since_boot=since_boot(),
    )
    send(found, request, wait, output)


def _places(paths: tuple[str, ...]) -> list[bytes]:
    """Return each path as it is named and as it is without symbolic links: the sensor sees both."""
    places: dict[bytes, None] = {}
    for path in map(os.fsencode, paths):
        plain = os.path.normpath(path)
        head, name = os.path.split(plain)
        places[os.path.join(os.path.realpath(head), name)] = None
        places[os.path.realpath(plain)] = None
    return list(places)


def _close(found: Host, window: str, reason: str, wait: float, output: str) -> None:
    from collectors.files.deploy import requests
    from collectors.redact import scrub

    request = requests.Close(**header(), reason=scrub(reason), window=window)
    send(found, request, wait, output)


def _list(found: Host, output: str) -> None:
    import contextlib

    with contextlib.closing(view(found)) as baseline:
        windows = baseline.windows()
    windows.sort(key=lambda one: (one.state != "opened", -one.begin))
    number = print_rows(
        _rows(found, windows),
        output,
        ("ID", "STATE", "BEGIN", "END", "BY", "CHANGES", "PATHS", "REASON"),
        lambda row: (
            row["window"],
            row["state"],
            show_time(row["begin"]),
            show_time(row["until"]),
            row["by"],
            sum(row["actions"].values()),
            ", ".join(row["paths"]),
            row["reason"],
        ),
    )
    if not number:
        click.echo("no window was announced", err=True)


def _rows(found: Host, windows: list[Window]) -> Iterator[dict[str, Any]]:
    from collectors.files.deploy.requests import name_of
    from collectors.paths import SafePath

    for window in windows:
        yield {
            "window": window.id,
            "state": "open" if window.state == "opened" else window.state,
            "begin": window.begin,
            "until": window.until,
            "by": name_of(window.by),
            "paths": [found.guard.display(SafePath(path)) for path in window.paths],
            "reason": window.reason,
            "actions": window.actions,
            "sample": [found.guard.display(SafePath(path)) for path in window.sample],
        }
