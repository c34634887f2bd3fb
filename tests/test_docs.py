"""The documentation says what is there: commands, kinds of event, settings, links, no more."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from collectors.kinds import KINDS
from scripts import make_docs

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
HANDBOOKS = (ROOT / "docs/en/handbook.md", ROOT / "docs/id/panduan.md")

# Commands that no responder or sysadmin needs every day; the reference has them.
NOT_IN_HANDBOOK = {
    "ronda server check",
    "ronda server init",
    "ronda server run",
    "ronda-agent enroll",
    "ronda-agent run",
}


def leaves() -> dict[str, click.Command]:
    """Return every command that does something, by its full name."""
    return {
        name: command
        for program, root in make_docs.roots().items()
        for name, command, _ in make_docs.commands(root, program)
        if not isinstance(command, click.Group)
    }


@pytest.mark.parametrize("name", make_docs.PAGES)
def test_reference_pages_are_up_to_date(name: str) -> None:
    assert (ROOT / name).read_text() == make_docs.PAGES[name](), "run scripts/make_docs.py"


@pytest.mark.parametrize("tag", sorted(KINDS))
def test_every_kind_and_field_is_explained(tag: str) -> None:
    pages = {p.tag: p for p in make_docs.kind_pages().values()}
    page = pages[tag]
    assert page.meaning
    assert [field.name for field in page.fields if not field.meaning] == []
    fields = {field.name for field in page.fields}
    assert fields == set(KINDS[tag].__struct_encode_fields__)


@pytest.mark.parametrize("page", HANDBOOKS, ids=lambda page: str(page.name))
def test_every_command_is_in_the_handbook(page: Path) -> None:
    text = page.read_text()
    missing = {name for name in leaves() if name not in text}
    assert missing - NOT_IN_HANDBOOK == set()
    assert missing >= NOT_IN_HANDBOOK, "an exception is no longer needed: take it off the list"


def written_commands(text: str) -> list[str]:
    """Return what *text* shows as commands of ours: in indented blocks and in backticks."""
    blocks = re.findall(r"^    +(?:runuser \S+ \S+ -- )?(ronda(?:-agent)? .*)$", text, re.MULTILINE)
    inline = re.findall(r"`(ronda(?:-agent)? [^`]*)`", text)
    return [re.sub(r"\s+#.*$", "", one) for one in blocks + inline]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_the_text_exist_with_their_options(page: Path) -> None:
    if page.name == "commands.md":
        return
    known = leaves()
    groups = {name.rpartition(" ")[0] for name in known} | set(make_docs.roots())
    for written in written_commands(page.read_text()):
        words = shlex.split(written)
        plain = [word for word in words if not word.startswith("-")]
        name = next(
            (
                " ".join(plain[:n])
                for n in (3, 2, 1)
                if " ".join(plain[:n]) in known | dict.fromkeys(groups)
            ),
            "",
        )
        assert name in known or written == name, f"no such command: {written}"
        options = {
            option
            for command in (known.get(name), *make_docs.roots().values())
            if command is not None
            for parameter in command.params
            for option in parameter.opts
        }
        used = {w.partition("=")[0] for w in words if re.match(r"--?[a-z]", w)}
        assert used - options == set(), written


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    broken = [t for t in targets if "://" not in t and not (page.parent / t).exists()]
    assert broken == []


def test_the_readme_starts_with_what_one_needs() -> None:
    screen = "\n".join((ROOT / "README.md").read_text().splitlines()[:40])
    for needed in ("scripts/demo", "scripts/test", "collector", "▶"):
        assert needed in screen
    for script in ("demo", "test"):
        assert (ROOT / "scripts" / script).stat().st_mode & 0o111


@pytest.mark.parametrize("folder", ["agent", "collectors", "signatures", "server", "docs"])
def test_the_readme_maps_the_folders(folder: str) -> None:
    assert f"[{folder}/]({folder})" in (ROOT / "README.md").read_text()
