"""What holds for the project as a whole: names, sizes, start-up, the lock."""

from __future__ import annotations

import ast
import configparser
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.patience import PATIENCE

ROOT = Path(__file__).parent.parent
PACKAGES = ("agent", "collectors", "server", "signatures")
BIN = Path(sys.executable).parent

LONGEST_MODULE = 500
LONGEST_FUNCTION = 60

# Nothing of these may be loaded when a command starts: each costs 20 to 300 ms.
HEAVY = (
    "apprise",
    "cryptography",
    "numpy",
    "sigma",
    "sqlite_utils",
    "starlette",
    "urllib3",
    "uvicorn",
    "watchdog",
    "yara",
)

# Folders of tests that no single folder of the source answers for.
ELSEWHERE = ("tests/system", "tests/contract", "tests/packaging", "tests/bench")

# Tests of what all files of a folder do together; the list may only shrink.
WHOLE_FOLDER = {
    "tests/collectors/files/test_contract.py",
    "tests/collectors/files/test_crash.py",
    "tests/collectors/files/test_differential.py",
    "tests/collectors/files/test_torture.py",
    "tests/server/api/test_streams.py",
    "tests/server/cli/test_commands.py",
    "tests/server/cli/test_start.py",
    "tests/server/ingest/test_crash.py",
}


def sources(*folders: str) -> Iterator[Path]:
    """Yield the Python files below *folders*."""
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def short(path: Path) -> str:
    """Return *path* as it stands in the repository."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("name", PACKAGES)
def test_nobody_else_owns_our_package_names(name: str) -> None:
    # Strangers named "agent", "collectors" and "signatures" are on the public index.
    assert set(packages_distributions()[name]) == {"ronda"}


def test_the_project_cannot_be_uploaded_by_mistake() -> None:
    assert "Private :: Do Not Upload" in distribution("ronda").metadata.get_all("Classifier", [])


def test_a_base_install_needs_nothing() -> None:
    required = [Requirement(text) for text in distribution("ronda").requires or []]
    assert [one.name for one in required if one.marker is None] == []


def test_no_module_is_too_long() -> None:
    lengths = {short(path): len(path.read_text().splitlines()) for path in sources(*PACKAGES)}
    assert {path: n for path, n in lengths.items() if n > LONGEST_MODULE} == {}


def test_no_function_is_too_long() -> None:
    found = {}
    for path in sources(*PACKAGES):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    found[f"{short(path)}:{node.name}"] = length
    assert found == {}


def test_no_bare_except() -> None:
    found = [
        f"{short(path)}:{node.lineno}"
        for path in sources(*PACKAGES)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert found == []


def test_tests_mirror_the_source() -> None:
    stray = []
    for path in sources("tests"):
        name = short(path)
        if not path.name.startswith("test_") or path.parent == ROOT / "tests":
            continue
        if name.startswith(ELSEWHERE):
            continue
        folder = ROOT / path.parent.relative_to(ROOT / "tests")
        subject = path.stem.removeprefix("test_")
        candidates = [
            other.stem
            for other in folder.rglob("*")
            if (other.suffix == ".py" or other.is_dir()) and other.name != "__pycache__"
        ]
        if not folder.is_dir() or not any(subject.startswith(stem) for stem in candidates):
            stray.append(name)
    assert set(stray) - WHOLE_FOLDER == set(), "no source file of this name: rename or move it"
    assert set(stray) >= WHOLE_FOLDER, "an exception is no longer needed: take it off the list"


@pytest.mark.parametrize("module", ["agent.cli", "server.cli"])
def test_a_command_starts_without_heavy_imports(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys, {module}; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert loaded & set(HEAVY) == set()


@pytest.mark.parametrize("command", ["ronda", "ronda-agent"])
@pytest.mark.parametrize("option", ["--version", "--help"])
def test_help_and_version_load_nothing_heavy(command: str, option: str) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", BIN / command, option],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd="/",
    )
    loaded = set(re.findall(r"\|\s+(\w+)$", done.stderr, flags=re.MULTILINE))
    assert loaded & set(HEAVY) == set()


DISTRIBUTIONS = {
    "python_calamine": "python-calamine",
    "sigma": "pysigma",
    "sqlite_utils": "sqlite-utils",
    "yaml": "pyyaml",
    "yara": "yara-python",
}
"""Import name to distribution, where they differ."""


def imported(package: str) -> set[str]:
    """Return the distributions that the files of *package* import."""
    found: set[str] = set()
    for path in sources(package):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add((node.module or "").partition(".")[0])
    strangers = found - set(sys.stdlib_module_names) - set(PACKAGES) - {"tomllib"}
    return {DISTRIBUTIONS.get(name, name) for name in strangers}


@pytest.mark.parametrize(
    ("package", "extras"),
    [
        ("agent", ["agent"]),
        ("collectors", ["agent", "documents"]),
        ("server", ["server"]),
        ("signatures", ["agent", "server"]),
    ],
)
def test_every_import_is_declared(package: str, extras: list[str]) -> None:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    declared = {
        Requirement(line).name.lower()
        for extra in extras
        for line in parser["options.extras_require"][extra].split("\n")
        if line.strip()
    }
    assert imported(package) - declared == set()


def test_the_lock_satisfies_every_extra() -> None:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    locked: dict[str, list[str]] = {}
    for name, version in re.findall(
        r"^([a-z0-9-]+)==([^ ]+)", (ROOT / "requirements/lock.txt").read_text(), flags=re.MULTILINE
    ):
        locked.setdefault(name, []).append(version)
    for extra, text in parser["options.extras_require"].items():
        for line in text.split("\n"):
            wanted = Requirement(line) if line.strip() else None
            if wanted is None or wanted.name == "ronda":
                continue
            if wanted.marker is not None and not wanted.marker.evaluate():
                continue
            versions = locked.get(wanted.name.lower().replace("_", "-"), [])
            assert any(wanted.specifier.contains(one) for one in versions), (extra, line)


def test_the_lock_names_no_place_and_hashes_everything() -> None:
    text = (ROOT / "requirements/lock.txt").read_text()
    assert "://" not in text
    assert "--index" not in text
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize(
    "script", ["scripts/test", "scripts/demo", "scripts/lock", "scripts/lib.sh"]
)
def test_scripts_are_sound_bash(script: str) -> None:
    subprocess.run(["bash", "-n", ROOT / script], check=True, timeout=PATIENCE)
