"""The wall at odd places: roots, links, moved and deleted trees, encodings, deep paths, refusals.

Everything the agent and the collector keep, log and print is searched for any twelve digits in
a row of what was planted.
"""

from __future__ import annotations

import base64
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.patience import until
from tests.system.deployment import Deployment

_WINDOW = 12


class Citizens:
    """Hands out numbers and remembers them."""

    def __init__(self) -> None:
        self.given: list[str] = []

    def __call__(self) -> str:
        number = len(self.given)
        self.given.append(f"157104{41 + number % 28:02d}0977{1000 + 37 * number:04d}")
        return self.given[-1]

    def windows(self) -> set[bytes]:
        """Return every piece of a number that must not be seen."""
        return {
            value[at : at + _WINDOW].encode()
            for value in self.given
            for at in range(len(value) - _WINDOW + 1)
        }


def seen(data: bytes, windows: set[bytes]) -> Iterator[bytes]:
    """Yield what of *windows* stands in *data*."""
    for match in re.finditer(rb"[0-9]{%d,}" % _WINDOW, data):
        run = match.group()
        yield from (
            run[at : at + _WINDOW]
            for at in range(len(run) - _WINDOW + 1)
            if run[at : at + _WINDOW] in windows
        )


def deep(top: Path, name: str, least: int) -> None:
    """Make a tree whose last path has *least* bytes or more, a step at a time."""
    descriptor = os.open(top, os.O_RDONLY)
    length = len(os.fsencode(top))
    while length < least:
        os.mkdir(name, dir_fd=descriptor)
        below = os.open(name, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
        length += len(name) + 1
    os.close(os.open(name, os.O_WRONLY | os.O_CREAT, dir_fd=descriptor))
    os.close(descriptor)


def before(here: Deployment, citizen: Citizens) -> Path:
    """Write a configuration with telling paths; return the telling root."""
    root = here.root / f"unggahan_{citizen()}"
    (root / f"keluarga {citizen()}").mkdir(parents=True)
    (root / f"keluarga {citizen()}").mkdir()
    table = f'paths = ["{here.web}", "{root}", "{here.root}/tidak-ada-{citizen()}"]\n'
    here.agent_toml.write_text(
        f'state_dir = "{here.agent_state}"\n[log]\nlevel = "debug"\n'
        f'[sensors.files]\n{table}exclude = ["/srv/{citizen()}", "*{citizen()}*"]\n'
        f'reconcile_interval = "2s"\n'
        f'[sensors.exposure]\nweb_roots = ["{root}", "{here.root}/belum-{citizen()}"]\n{table}'
        f'exclude = ["/srv/{citizen()}"]\n'
    )
    return root


def during(here: Deployment, root: Path, citizen: Citizens) -> None:
    """Make, move, link and delete below the roots."""
    for name in (
        f"ktp%20{citizen()}.csv",
        f"{citizen()}1732435200.csv",
        f"ktp_{base64.b64encode(citizen().encode()).decode().rstrip('=')}.csv",
        f"_{citizen()}_.csv",
        f"\udcff\udc91{citizen()}\n.csv",
    ):
        (root / name).write_text(f"nik,nama\n{citizen()},Warga\n{citizen()},Warga\n")
    (root / f"x{citizen()}.docx").write_bytes(b"PK\x03\x04")
    link = root / f"tautan-{citizen()}"
    link.symlink_to(f"/srv/{citizen()}/ktp.jpg")
    os.mkfifo(root / f"pipa-{citizen()}")
    tree = root / f"pindah-{citizen()}"
    tree.mkdir()
    (tree / f"{citizen()}.csv").write_text(f"nik\n{citizen()}\n")
    until(lambda: not here.agent_status().get("pending"), "first half delivered")
    tree.rename(root / f"arsip-{citizen()}")
    (root / f"gone-{citizen()}").write_text(citizen())
    (root / f"gone-{citizen()}").mkdir()
    for path in root.glob("gone-*"):
        path.unlink() if path.is_file() else path.rmdir()
    deep(root, "dalam_" + citizen() + "_" * 180, 4600)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_nothing_at_odd_places(tmp_path: Path) -> None:
    citizen = Citizens()
    with Deployment(tmp_path / "d") as here:
        root = before(here, citizen)
        here.install()
        here.start_agent()
        until(lambda: here.agent_status().get("healthy"), "healthy agent")
        during(here, root, citizen)
        config = here.agent_toml.read_text()
        here.agent_toml.write_text(f'{config}"{citizen()}" = "{citizen()}"\n')
        os.kill(here.agent_pid, signal.SIGHUP)
        printed = {
            "check of a wrong configuration": here.ronda_agent_output("check"),
        }
        until(lambda: any(event.kind == "agent.state" for event in here.events()), "a start")
        until(
            lambda: any("reload_refused" in str(event.fields) for event in here.events()),
            "refused reload",
        )
        here.agent_toml.write_text(config)
        os.kill(here.agent_pid, signal.SIGHUP)
        (here.web / "last.csv").write_text(f"nik,nama\n{citizen()},Warga\n{citizen()},Warga\n")
        until(lambda: told(here, "last.csv"), "the last finding")
        for words in (
            "check",
            "doctor",
            "doctor -o json",
            "status",
            "status -o json",
            "spool show",
            f"scan {here.web}",
        ):
            printed[words] = here.ronda_agent_output(*words.split())
        printed["scan"] = here.ronda_agent_output("scan", str(root))
        printed["scan, json"] = here.ronda_agent_output("scan", "-o", "json", str(root))
        for words in ("events search --limit 10000 -o csv", "alerts list -o json", "hosts list"):
            printed[words] = here.ronda(*words.split(), check=False)
        here.stop_agent(signal.SIGKILL)
        here.stop_server(signal.SIGKILL)
        places = {name: text.encode("utf-8", "surrogateescape") for name, text in printed.items()}
        for base in (here.agent_state, here.server_state):
            places |= {str(path): path.read_bytes() for path in base.rglob("*") if path.is_file()}
        places |= {str(path): path.read_bytes() for path in here.root.glob("*.log")}
    windows = citizen.windows()
    leaks = {name: sorted(set(seen(data, windows)))[:3] for name, data in places.items()}
    assert {name: found for name, found in leaks.items() if found} == {}
    assert printed["scan, json"].count("exposure.finding") >= 6
    assert "~" in printed["scan"]


def told(here: Deployment, name: str) -> bool:
    """Tell whether the collector holds a finding for *name*."""
    return any(
        event.kind == "exposure.finding" and str(event.fields.get("file.path")).endswith(name)
        for event in here.events()
    )
