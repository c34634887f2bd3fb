"""The arrows hold, and each contract that guards one is proved by a planted violation."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("agent", "collectors", "server", "signatures")
PREFIX = "importlinter:contract:"

PLANTED = {
    "top": [
        ("signatures/identifiers/__init__.py", "import collectors.kinds"),
        ("collectors/wire.py", "import server.config"),
        ("agent/clock.py", "import server.config"),
        ("server/config.py", "import agent.clock"),
    ],
    "collectors": [
        ("collectors/kinds/__init__.py", "import collectors.redact"),
        ("collectors/files/__init__.py", "import collectors.exposure"),
        ("collectors/stray.py", ""),
    ],
    "record": [
        ("server/config.py", "import collectors.paths"),
        ("server/store/__init__.py", "import collectors.redact"),
    ],
    "wall": [("collectors/exposure/__init__.py", "import collectors.content")],
    "light": [
        ("agent/clock.py", "import signatures.yara_rules"),
        ("collectors/files/__init__.py", "import collectors.content.digits"),
        ("collectors/network/worker.py", "import collectors.network.ring"),
    ],
    "sensors": [
        ("collectors/registry.py", "import collectors.files"),
        ("agent/clock.py", "import collectors.network"),
    ],
    "agent": [
        ("agent/spool/__init__.py", "import agent.supervisor"),
        ("agent/clock.py", "import agent.pipeline"),
    ],
    "server": [
        ("server/store/__init__.py", "import server.alerts"),
        ("server/alerts/__init__.py", "import server.detect"),
        ("server/detect/__init__.py", "import server.cli"),
    ],
    "pure": [
        ("agent/pipeline.py", "import socket"),
        ("collectors/wire.py", "import sqlite3"),
        ("server/store/query.py", "import time"),
        ("signatures/identifiers/__init__.py", "import subprocess"),
    ],
    "yara": [("collectors/content/__init__.py", "import yara")],
    "sigma": [("server/detect/__init__.py", "import sigma")],
    "watchdog": [("agent/clock.py", "import watchdog")],
    "numpy": [("collectors/files/__init__.py", "import numpy")],
    "sqlite_utils": [("server/alerts/__init__.py", "import sqlite_utils")],
    "apprise": [("server/alerts/__init__.py", "import apprise")],
    "cryptography": [
        ("agent/clock.py", "import cryptography"),
        ("server/ingest/__init__.py", "import cryptography"),
    ],
    "zstandard": [("agent/clock.py", "import zstandard")],
    "documents": [
        ("collectors/content/gather.py", "import pypdfium2"),
        ("agent/clock.py", "import python_calamine"),
    ],
    "scapy": [
        ("collectors/network/dissect/sort.py", "import scapy"),
        ("agent/clock.py", "import scapy.layers.inet"),
    ],
    "dissect": [("collectors/network/dissector.py", "import collectors.network.dissect.program")],
    "urllib3": [("agent/clock.py", "import urllib3")],
    "web": [("server/notify/__init__.py", "import starlette")],
    "click": [("server/store/__init__.py", "import click")],
    "acyclic": [("collectors/kinds/__init__.py", "import collectors.redact")],
}
"""Contract to (file, line that breaks it)."""

RUN_LINTER = """
import sys
sys.path.insert(0, ".")
from importlinter.cli import lint_imports_command
lint_imports_command()
"""

CASES = [(name, *planted) for name, all_planted in PLANTED.items() for planted in all_planted]


def contracts() -> dict[str, str]:
    """Return the contracts of setup.cfg: id to name."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return {
        section.removeprefix(PREFIX): parser[section]["name"]
        for section in parser.sections()
        if section.startswith(PREFIX)
    }


def lint(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run import-linter in *directory*; its packages come before the installed ones."""
    return subprocess.run(
        [
            sys.executable,
            "-c",
            RUN_LINTER,
            "--no-cache",
            *arguments,
        ],
        cwd=directory,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "300", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a copy of the packages and of the contracts."""
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    return tmp_path


def test_all_arrows_hold() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Contracts: {len(contracts())} kept, 0 broken" in done.stdout


def test_every_contract_has_a_planted_violation() -> None:
    assert set(PLANTED) == set(contracts())


@pytest.mark.parametrize(("contract", "file", "line"), CASES)
def test_a_planted_violation_breaks_its_contract(
    tree: Path, contract: str, file: str, line: str
) -> None:
    target = tree / file
    before = target.read_text() if target.exists() else '"""Planted."""\n'
    target.write_text(f"{before}\n{line}\n")
    done = lint(tree, "--contract", contract)
    assert done.returncode != 0, done.stdout
    assert f"{contracts()[contract]} BROKEN" in done.stdout, done.stdout + done.stderr


def test_the_server_may_take_only_the_record_from_collectors() -> None:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    forbidden = set(parser[f"{PREFIX}record"]["forbidden_modules"].split())
    present = {
        f"collectors.{path.stem}"
        for path in (ROOT / "collectors").iterdir()
        if (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").exists()
    }
    allowed = {f"collectors.{name}" for name in ("event", "kinds", "knowledge", "sighting", "wire")}
    assert forbidden == present - allowed
