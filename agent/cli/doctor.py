"""doctor: numbered checks, each with what to do."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from agent.cli.base import ERROR, load_config, output_option, print_json, show_bytes

if TYPE_CHECKING:
    from agent.config import AgentConfig

_CAP_DAC_READ_SEARCH = 2  # linux/capability.h
_FEW_WATCHES = 65_536
_LITTLE_ROOM = 256 << 20


class Check(NamedTuple):
    """One answer."""

    name: str
    ok: bool
    seen: str
    remedy: str = ""


@click.command()
@output_option
@click.pass_context
def doctor(ctx: click.Context, output: str) -> None:
    """Look for causes of trouble; exit code 1 when something should be done."""
    from collectors.redact import scrub

    config = load_config(ctx, sensors=False)
    checks = [
        one._replace(seen=scrub(one.seen), remedy=scrub(one.remedy)) for one in _checks(config)
    ]
    if output == "json":
        print_json([check._asdict() for check in checks])
    else:
        for number, check in enumerate(checks, start=1):
            mark = "ok  " if check.ok else "FAIL"
            click.echo(f"{number:2}. {mark} {check.name}: {check.seen}")
            if not check.ok:
                click.echo(f"         do: {check.remedy}")
    raise SystemExit(0 if all(check.ok for check in checks) else ERROR)


def _checks(config: AgentConfig) -> Iterator[Check]:
    yield Check("configuration", True, str(config.path))
    python = platform.python_version()
    yield Check("python", True, f"{python}, SQLite {sqlite3.sqlite_version}")
    yield _watches(Path("/proc/sys/fs/inotify/max_user_watches"), _FEW_WATCHES)
    yield _watches(Path("/proc/sys/fs/inotify/max_user_instances"), 8)
    yield _capabilities()
    yield from _sensors(config)
    yield _bounds()
    yield _disk(config)
    yield from _collector(config)


def _watches(path: Path, least: int) -> Check:
    name = f"inotify {path.name}"
    try:
        limit = int(path.read_text("ascii"))
    except (OSError, ValueError) as error:
        return Check(name, False, f"unknown: {error}", "use a kernel with inotify")
    return Check(
        name,
        limit >= least,
        str(limit),
        f"sysctl -w fs.inotify.{path.name}={least * 8}, and in /etc/sysctl.d/ronda.conf",
    )


def _capabilities() -> Check:
    """Reading everybody's files needs root or CAP_DAC_READ_SEARCH."""
    effective = 0
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith("CapEff:"):
                effective = int(line.split()[1], 16)
    able = bool(effective & 1 << _CAP_DAC_READ_SEARCH)
    seen = "may read all files" if able else f"user {os.geteuid()} may not read all files"
    remedy = "run as root, or use the unit's AmbientCapabilities=CAP_DAC_READ_SEARCH"
    return Check("capabilities", able, seen, remedy)


def _sensors(config: AgentConfig) -> Iterator[Check]:
    """Ask each sensor that is on whether it can run; the network sensor needs CAP_NET_RAW."""
    from agent.config import ConfigError, load
    from collectors.api import Unsupported
    from collectors.registry import load_sensors, settings_types

    try:
        settings = load(config.path, settings_types()).sensors
    except ConfigError as error:
        yield Check("settings of sensors", False, error.mistakes[0], "ronda-agent check")
        return
    for name, factory in load_sensors().items():
        if not settings[name].enabled:
            continue
        off = f"enabled = false in [sensors.{name}]"
        try:
            warnings = factory(settings[name], config.state_dir / "sensors" / name).check()
        except Unsupported as error:
            text, _, remedy = str(error).partition(": ")
            remedy = f"{remedy}; or switch it off: {off}" if remedy else f"switch it off: {off}"
            yield Check(f"sensor {name}", False, text, remedy)
            continue
        yield Check(f"sensor {name}", True, "; ".join(["can run", *warnings]))


def _bounds() -> Check:
    """Try what the process that parses files must not be able to do here."""
    from collectors import child_landlock
    from collectors.child import BoundedChild, ChildError

    name = "bounded child"
    remedy = "scan only files that you trust, or use x86_64 or aarch64 with a kernel with seccomp"
    allowed = []
    with BoundedChild("collectors.child_probe:start") as child:
        try:
            child.call(b"init", timeout=30)
        except ChildError as error:
            return Check(name, False, f"does not run: {error}", "see the journal of the kernel")
        for what in ("network", "execute", "write", "fork", "signal", "limits", "account"):
            try:
                if child.call(what.encode(), timeout=10) != b"refused":
                    allowed.append(what)
            except ChildError:  # it became another program, or died of what it did
                allowed.append(what)
    if allowed == ["account"] and not child_landlock.version():
        seen = "may still read the files of this user: the kernel has no Landlock"
        return Check(name, False, seen, "Linux 5.13 or newer, with landlock in its list lsm=")
    if allowed:
        return Check(name, False, f"may do more than it should: {', '.join(allowed)}", remedy)
    held = f"no network, program, file of its own choice (Landlock {child_landlock.version()})"
    return Check(name, True, f"{held}, fork or reach into other processes")


def _disk(config: AgentConfig) -> Check:
    directory = config.state_dir
    while not directory.exists() and directory != directory.parent:
        directory = directory.parent
    free = shutil.disk_usage(directory).free
    wanted = min(_LITTLE_ROOM, config.spool_max_bytes)
    return Check(
        "disk",
        free >= wanted,
        f"{show_bytes(free)} free for {config.state_dir}",
        f"make room, or lower max_bytes in [spool] (now {show_bytes(config.spool_max_bytes)})",
    )


def _collector(config: AgentConfig) -> Iterator[Check]:
    """Identity, certificate, reachability and clock, as far as each depends on the last."""
    from agent.clock import SECOND, SystemClock
    from agent.identity import IdentityError, load
    from agent.transport.client import Trouble
    from agent.transport.probe import Refused, probe

    clock = SystemClock()
    try:
        identity = load(config.state_dir)
    except IdentityError as error:
        text, _, remedy = str(error).partition("; ")
        yield Check("identity", False, text, remedy or "ronda-agent enroll STRING")
        return
    yield Check("identity", True, f"{identity.record.agent} of {identity.record.opd}")
    days = (identity.record.not_after - clock.wall()) / (86400 * SECOND)
    overdue = clock.wall() > identity.renew_at + 86400 * SECOND
    yield Check(
        "certificate",
        days > 0 and not overdue,
        f"{days:.1f} days left",
        "see 'collector' below" if days > 0 else "re-enrol with 'ronda-agent enroll STRING'",
    )
    url = identity.record.agent_url
    try:
        seen = probe(config.state_dir, identity, clock)
    except (Trouble, Refused) as error:
        text, _, remedy = str(error).partition(": ")
        yield Check("collector", False, text, remedy or "see the collector's log")
        return
    yield Check("collector", True, f"{url} answers in {seen.milliseconds:.0f} ms, {seen.tls}")
    yield Check(
        "clock",
        abs(seen.skew) < 5,
        f"{seen.skew:+.1f} s against the collector",
        "switch time synchronisation on: timedatectl set-ntp true",
    )
