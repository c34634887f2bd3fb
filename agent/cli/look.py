"""scan and locate: reading this host's files for the sysadmin."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from agent.cli.base import (
    NOT_FOUND,
    fail,
    load_config,
    load_identity,
    output_option,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from agent.config import AgentConfig
    from collectors.exposure.settings import ExposureSettings
    from collectors.kinds import Scrubbed
    from collectors.paths import PathGuard


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True))
@output_option
@click.pass_context
def scan(ctx: click.Context, paths: tuple[str, ...], output: str) -> None:
    """Look for citizens' data and credentials in files and directories, now.

    Nothing is sent. Values are shown masked. Exit code 0 whatever was found, 1 when the scan
    itself failed. Works before enrolment, too.
    """
    import msgspec

    from collectors.api import Keys
    from collectors.child import ChildError
    from collectors.exposure.scan import FileResult, scan_paths
    from collectors.exposure.settings import ExposureSettings
    from collectors.kinds import SensitiveData

    config = load_config(ctx)
    guard, fleet = _keys(config)
    results: list[FileResult] = []

    def keep(result: FileResult) -> None:
        if result.record is not None:
            results.append(result)

    settings = config.sensors.get("exposure")
    if not isinstance(settings, ExposureSettings):
        settings = ExposureSettings()
    wanted = [os.fsencode(path) for path in paths]
    try:
        with _progress(wanted, settings) as on_file:
            keys = Keys(fleet=fleet, fleet_epoch=1)
            own = os.fsencode(config.state_dir)
            outcomes = scan_paths(wanted, settings, guard, keys, keep, on_file=on_file, own=own)
    except (ChildError, OSError) as error:
        fail(f"scan failed: {error}")
    if output == "json":
        print_json({"files": dict(outcomes), "results": msgspec.to_builtins(results)})
        return
    found = [one for one in results if isinstance(one.record, SensitiveData)]
    found.sort(key=lambda one: -getattr(one.record, "score", 0))
    if found:
        print_table(("SCORE", "VALUES", "REACHABLE", "WHAT", "PATH"), [_row(one) for one in found])
    for one in results:
        if not isinstance(one.record, SensitiveData):
            outcome = getattr(one.record, "outcome", one.outcome)
            click.echo(f"not looked into to the end ({outcome}): {one.path}", err=True)
    tally = ", ".join(f"{number} {name}" for name, number in sorted(outcomes.items()))
    click.echo(f"{outcomes.total()} files: {tally or 'nothing to read'}", err=True)


@contextmanager
def _progress(
    paths: list[bytes], settings: ExposureSettings
) -> Iterator[Callable[[Scrubbed, int], None] | None]:
    """Show on a terminal how far the scan is; nothing when stderr is none."""
    from collectors.exposure.scan import measure
    from collectors.redact import escape

    if not sys.stderr.isatty():
        yield None
        return
    total = measure(paths, settings)
    before = 0
    with click.progressbar(
        length=max(1, total),
        file=sys.stderr,
        label="looking",
        item_show_func=lambda path: None if path is None else escape(str(path))[-40:],
        update_min_steps=max(1, total // 200),
    ) as bar:

        def on_file(path: Scrubbed, size: int) -> None:
            # The file before this one is done now.
            nonlocal before
            bar.update(before, path)
            before = size

        yield on_file
        bar.update(before)


def _row(result: Any) -> tuple[object, ...]:
    record = result.record
    what = ", ".join(
        f"{tally.count} {tally.type} ({tally.samples[0]})"
        if tally.samples
        else f"{tally.count} {tally.type}"
        for tally in record.tallies
    )
    return record.score, record.count, record.reachable, what, result.path


def _keys(config: AgentConfig) -> tuple[PathGuard, bytes]:
    """Return the host's path guard and fleet key, passing ones before enrolment."""
    from agent.identity import IdentityError, load
    from collectors.paths import PathGuard

    try:
        identity = load(config.state_dir)
    except IdentityError:
        return PathGuard(secrets.token_bytes(32)), secrets.token_bytes(32)
    return PathGuard(identity.path_key), identity.fleet_key


@click.command()
@click.argument("token")
@click.option(
    "--below",
    multiple=True,
    type=click.Path(exists=True, file_okay=False),
    help="Directory to search; instead of the sensors' paths.",
)
@click.pass_context
def locate(ctx: click.Context, token: str, below: tuple[str, ...]) -> None:
    """Find the file whose masked name has '~' and TOKEN in it, and print its real path.

    TOKEN is the whole token of an event, or the eight characters that a masked name shows.
    """
    from collectors.paths import PathGuard
    from collectors.redact import escape

    config = load_config(ctx)
    guard = PathGuard(load_identity(config).path_key)
    wanted = token.strip().lstrip("~").lower()
    if len(wanted) < 8 or any(char not in "0123456789abcdef" for char in wanted):
        fail("a token has 8 to 32 characters, 0-9 and a-f", 2)
    roots = [os.fsencode(path) for path in below] or _roots(config)
    if sys.stderr.isatty():
        shown = ", ".join(escape(os.fsdecode(root)) for root in roots)
        click.echo(f"looking below {shown}; --below DIRECTORY is faster", err=True)
    found = False
    for path in _masked(roots, guard):
        guarded = guard.guard(path)
        if _matches(guard, guarded, wanted):
            # The person on this host owns the file: here, and only here, the name is shown.
            click.echo(escape(path.decode("utf-8", "surrogateescape")))
            found = True
    if not found:
        fail("no file with this token: gone, renamed, or outside the sensors' paths", NOT_FOUND)


def _matches(guard: PathGuard, guarded: Any, wanted: str) -> bool:
    whole = guard.token(guarded) or ""
    shown = guard.display(guarded)
    return whole.startswith(wanted) or f"~{wanted}" in shown.rpartition("/")[2]


def _roots(config: AgentConfig) -> list[bytes]:
    """Return all paths that sensors are told to watch."""
    roots: set[bytes] = set()
    for settings in config.sensors.values():
        for name in ("paths", "web_roots"):
            roots.update(os.fsencode(path) for path in getattr(settings, name, ()))
    return sorted(roots)


def _masked(roots: list[bytes], guard: PathGuard) -> Iterator[bytes]:
    """Walk *roots* without following links; yield the entries whose path is masked."""
    for root in roots:
        for folder, folders, files in os.walk(root):
            for name in (*folders, *files):
                path = os.path.join(folder, name)
                if guard.guard(path) != path:
                    yield path
