"""`ronda edm`: exact data match, so that a finding says how many citizens it is about."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from server.cli import safe
from server.cli.base import Group, pass_context
from server.cli.client import segment
from server.cli.context import Context
from server.cli.errors import CliError, NotFound
from server.cli.output import Column, plain, remark, when

if TYPE_CHECKING:
    from signatures.edm.build import Made

AGENT_KEY = "/var/lib/ronda-agent/identity/fleet.key"
_KEY_BYTES = 32
COLUMNS = (
    Column(key="name", heading="NAME"),
    Column(key="people", heading="PEOPLE", right=True),
    Column(key="types", heading="NUMBERS"),
    Column(key="confirms", heading="CONFIRMS", show=plain),
    Column(key="left_out", heading="LEFT OUT", right=True),
    Column(key="size", heading="BYTES", right=True),
    Column(key="made", heading="MADE", show=when),
    Column(key="added", heading="ADDED", show=when),
    Column(key="added_by", heading="BY"),
)


@click.group(cls=Group)
def edm() -> None:
    """Exact data match: counts people of your own register."""


@edm.command("build")
@click.argument("table", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--column",
    "columns",
    multiple=True,
    required=True,
    metavar="TYPE=COLUMN",
    help="A number, such as nik=NIK, or what confirms it, such as nama=NAMA_LGKP. Repeat.",
)
@click.option(
    "--out",
    "-f",
    "target",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The register to write.",
)
@click.option("--table", "name", metavar="NAME", help="Of a SQLite database.")
@click.option(
    "--key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The fleet key [default: the collector's, else this host's agent's].",
)
@pass_context
def build(
    context: Context,
    /,
    columns: tuple[str, ...],
    target: Path,
    key: Path | None,
    **given: object,
) -> None:
    """Make a register of the people in TABLE.

    TABLE is a CSV file or an SQLite database. Run it once where the data lives: it is read, and
    nothing of it is kept but keyed hashes. Numbers (nik, kk, nip, npwp, bpjs, nisn, kpj, phone,
    bank_account, sim, card) are what is looked up; other columns, names and dates of birth,
    confirm that it is the same person. Then take the file to the collector: ronda edm add.
    """
    import sqlite3

    from signatures.edm.build import BadTable, parse_columns, rows_of

    table, name = given["table"], given["name"]
    assert isinstance(table, Path)  # noqa: S101 - for mypy; click made it
    secret, epoch = fleet_key(context, key)
    _check_target(target)
    try:
        parsed = parse_columns(columns)
        rows = rows_of(table, parsed, str(name) if name else None)
        made = _write(target, rows, parsed, secret, epoch)
    except OSError as error:
        place = table if error.filename == str(table) else target
        reason = error.strerror or str(error)
        raise CliError(f"{safe.display(str(place))}: {reason}") from error
    except (BadTable, sqlite3.Error, UnicodeError) as error:
        raise CliError(f"{safe.display(str(table))}: {safe.display(str(error))}") from error
    header = made.header
    record = {
        "file": str(target),
        "people": header.people,
        "rows": header.rows,
        "left_out": header.left_out,
        "bytes": made.size,
        "seconds": round(made.seconds, 2),
        "entries": {
            f"{one.type}{'+' if one.pairs else ''}": one.entries for one in header.sections
        },
    }
    context.out().record(record, lambda: safe.display(f"{target}") + "\n")
    remark(
        f"{header.people} people of {header.rows} rows, {made.size} bytes,"
        f" {made.seconds:.1f} s; {header.left_out} rows have no valid number and are left out",
        f"next, on the collector: ronda edm add {target} --name NAME",
    )


def _check_target(target: Path) -> None:
    """Refuse to write over anything but a register: the table itself is named by mistake, too.

    Raises:
        CliError: it is something else, or cannot be read.
    """
    from signatures.edm.form import MAGIC

    try:
        with target.open("rb") as file:
            fits = file.read(len(MAGIC)) == MAGIC
    except FileNotFoundError:
        return
    except OSError as error:
        raise CliError(f"{safe.display(str(target))}: {error.strerror}") from error
    if not fits:
        raise CliError(
            f"{safe.display(str(target))} is no register and is not written over:"
            " choose another name for --out"
        )


def _write(target: Path, rows: Iterator[object], columns: object, key: bytes, epoch: int) -> Made:
    """Write the register beside *target* first: a half one must not look whole."""
    from signatures.edm.build import make

    descriptor, fresh = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with open(descriptor, "wb") as out:
            made = make(rows, columns, key, epoch, out)  # type: ignore[arg-type]
        os.replace(fresh, target)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise
    return made


def fleet_key(context: Context, given: Path | None) -> tuple[bytes, int]:
    """Return the fleet key and its epoch: *given*, the collector's, or this host's agent's.

    Raises:
        CliError: there is none, or it may not be read.
    """
    places = [given] if given else [Path(context.state_dir()) / "fleet.key", Path(AGENT_KEY)]
    for place in places:
        try:
            key = place.read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise CliError(f"{place}: {error.strerror}; run as root") from error
        if len(key) != _KEY_BYTES:
            raise CliError(f"{place} is no fleet key: it has {len(key)} bytes, not {_KEY_BYTES}")
        return key, _epoch(place.with_name("identity.json"))
    raise CliError("there is no fleet key here: run it on the collector or on an enrolled host")


def _epoch(identity: Path) -> int:
    try:
        return int(json.loads(identity.read_bytes())["fleet_epoch"])
    except (OSError, ValueError, KeyError, TypeError):
        return 1


@edm.command("add")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", required=True, help="What findings call it, such as penduduk.")
@pass_context
def add(context: Context, file: Path, name: str) -> None:
    """Give a register to all agents.

    It takes the place of one of the same name. Agents fetch it with the next signed bundle and look
    again into the files with findings.
    """
    from collectors.knowledge import MAX_REGISTER

    try:
        size = file.stat().st_size
        if size > MAX_REGISTER:
            raise CliError(
                f"{file} has {size} bytes: no register, which has at most {MAX_REGISTER}; make one"
                " with: ronda edm build"
            )
        data = file.read_bytes()
    except OSError as error:
        raise CliError(f"{file}: {error.strerror}") from error
    row = context.client().send("/v1/registers", data, name=name)
    context.out().rows([row], COLUMNS)
    remark(
        "Whoever has an agent's fleet key and this register can find out which numbers are in it"
        " (not whose): see Exact data match in the handbook."
    )


@edm.command("list")
@pass_context
def list_registers(context: Context) -> None:
    """List the registers that agents have."""
    answer = context.client().get("/v1/registers")
    context.out().rows(answer["registers"], COLUMNS, empty="no registers")


@edm.command("remove")
@click.argument("name")
@pass_context
def remove(context: Context, name: str) -> None:
    """Take a register from collector and agents."""
    if not name:
        raise NotFound("there is no register without a name")
    done = context.client().post(f"/v1/registers/{segment(name)}/remove", {})
    remark(f"register {safe.display(name)} is removed; agents drop it within a minute")
    if context.output != "table":
        context.out().record(done, str)
