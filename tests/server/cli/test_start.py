"""The prompt comes back at once: no command may load what it does not use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from server.cli.base import unknown
from server.cli.root import COMMANDS, ronda
from tests.server.api.collector import RONDA

HEAVY = {
    "anyio",
    "apprise",
    "asyncio",
    "cryptography",
    "msgspec",
    "sigma",
    "sqlite_utils",
    "starlette",
    "uvicorn",
    "yaml",
    "zstandard",
}
LIST_MODULES = (
    "import json, sys; from server.cli import main\n"
    "try: main({words!r})\n"
    "except SystemExit: pass\n"
    "print(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
)


def every_command() -> list[tuple[str, click.Command]]:
    found: list[tuple[str, click.Command]] = []

    def walk(words: str, command: click.Command) -> None:
        found.append((words, command))
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                assert inner is not None
                walk(f"{words} {name}", inner)

    walk("ronda", ronda)
    return found


@pytest.mark.parametrize(
    "words", [["status"], ["alerts", "list"], ["events", "search", "x"], ["--help"]]
)
def test_nothing_heavy_is_loaded(words: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIST_MODULES.format(words=words)],
        env={"RONDA_SOCKET": str(tmp_path / "none"), "RONDA_CONFIG": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert not loaded & HEAVY


@pytest.mark.parametrize(("words", "command"), every_command(), ids=lambda value: str(value)[:40])
def test_every_command_and_option_says_what_it_is_for(words: str, command: click.Command) -> None:
    assert command.help, words
    first = command.help.splitlines()[0]
    assert first.endswith((".", ":")), f"{words}: {first}"
    assert "..." not in command.get_short_help_str(62), f"{words}: first sentence too long"
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{words} {parameter.opts}"


@pytest.mark.parametrize(("words", "command"), every_command(), ids=lambda value: str(value)[:40])
def test_global_options_stand_after_every_command_too(words: str, command: click.Command) -> None:
    if isinstance(command, click.Group) and words != "ronda":
        return
    names = {name for parameter in command.params for name in parameter.opts}
    assert {"-o", "--output", "--no-color", "--socket", "--config", "--lang"} <= names, words


def test_the_lazy_table_names_what_exists() -> None:
    assert {words.split()[1] for words, _ in every_command() if words != "ronda"} == set(COMMANDS)


def test_a_misspelt_command_is_answered_with_the_right_one() -> None:
    for words, right in ((["alrts"], "alerts"), (["hosts", "lst"], "list")):
        done = subprocess.run([RONDA, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert f"did you mean {right!r}?" in done.stderr
        assert not done.stdout


def test_a_hopeless_word_is_answered_with_all() -> None:
    assert unknown("\x1b[2J", ["a", "b"]) == "no command '\\x1b[2J'; there are: a, b"


def test_version() -> None:
    done = subprocess.run([RONDA, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("ronda 0.")
