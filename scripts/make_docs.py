"""Write the reference pages from the source: docs/events.md and docs/commands.md.

Usage: scripts/make_docs.py           writes the pages
       scripts/make_docs.py --check   exits 1 when a page is not up to date
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click

ROOT = Path(__file__).parent.parent

_EVENTS_HEAD = """\
# Events

Made by `scripts/make_docs.py` from collectors/kinds and collectors/event.py.

Every record that an agent sends, or that the collector makes about itself, is one of these kinds.
Field names are those of the Elastic Common Schema 8; what it has no name for stands under
`ronda.`. The same names stand in rules, in `ronda events search` and in JSON. Paths and other text
from the host are scrubbed: identity numbers masked, control characters escaped. A field without a
value is absent.
"""

_COMMANDS_HEAD = """\
# Commands

Made by `scripts/make_docs.py` from the commands' own help.

Data goes to stdout, remarks to stderr. Exit codes: 0 ok, 1 error or not healthy, 2 usage,
3 not found, 4 not allowed, 5 collector unreachable.
"""


class Field(NamedTuple):
    """One field of a kind."""

    name: str
    type: str
    meaning: str


class KindPage(NamedTuple):
    """One kind of event."""

    tag: str
    meaning: str
    severity: str
    fields: list[Field]


def _constant(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _fields(body: list[ast.stmt]) -> Iterator[Field]:
    """Yield the annotated fields of a class with the text that stands below each one."""
    for statement, after in zip(body, [*body[1:], ast.Pass()], strict=True):
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        if "ClassVar" in ast.unparse(statement.annotation):
            continue
        name = statement.target.id
        if isinstance(statement.value, ast.Call):
            named = [_constant(k.value) for k in statement.value.keywords if k.arg == "name"]
            name = next(iter(named), "") or _constant(next(iter(statement.value.args), None))
        text = _constant(after.value) if isinstance(after, ast.Expr) else ""
        yield Field(
            name, ast.unparse(statement.annotation), " ".join(text.replace("``", "`").split())
        )


def _page(node: ast.ClassDef) -> KindPage:
    tag = next((_constant(key.value) for key in node.keywords if key.arg == "tag"), "")
    severity = "low"
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and "default_severity" in ast.unparse(statement):
            severity = ast.unparse(statement).rpartition(".")[2].lower()
    meaning = " ".join((ast.get_docstring(node) or "").replace("``", "`").split())
    return KindPage(tag, meaning, severity, list(_fields(node.body)))


def read_classes(path: Path) -> dict[str, KindPage]:
    """Return the records of a module by class name."""
    tree = ast.parse(path.read_text())
    return {node.name: _page(node) for node in tree.body if isinstance(node, ast.ClassDef)}


def _table(fields: list[Field]) -> str:
    rows = ["| field | type | meaning |", "|---|---|---|"]
    for field in fields:
        kind = field.type.replace("Scrubbed", "text").replace("str", "text").replace("|", "or")
        kind = re.sub(r"tuple\[(\w+), \.\.\.\]", r"list of \1", kind).replace(" or None", "")
        rows.append(f"| `{field.name}` | {kind} | {field.meaning.replace('|', '/')} |")
    return "\n".join(rows) + "\n"


def kind_pages() -> dict[str, KindPage]:
    """Return the pages of all kinds and of the structs inside them, by class name."""
    pages: dict[str, KindPage] = {}
    for name in ("files", "exposure", "network", "network_content", "health", "collector"):
        pages |= read_classes(ROOT / f"collectors/kinds/{name}.py")
    return pages


def events_page() -> str:
    """Return docs/events.md."""
    pages = kind_pages()
    envelope = read_classes(ROOT / "collectors/event.py")["Envelope"]
    parts = [_EVENTS_HEAD, f"## Every event\n\n{envelope.meaning}\n\n{_table(envelope.fields)}"]
    parts += [
        f"## `{page.tag}`\n\n{page.meaning} Severity unless stated otherwise: {page.severity}.\n\n"
        f"{_table(page.fields)}"
        for page in pages.values()
        if page.tag
    ]
    tally = pages["Tally"]
    parts.append(f"## Tally\n\n{tally.meaning}\n\n{_table(tally.fields)}")
    return "\n".join(parts)


def roots() -> dict[str, click.Group]:
    """Return the command groups by program."""
    found = {}
    for program, place in (("ronda", "server.cli.root"), ("ronda-agent", "agent.cli.root")):
        module = importlib.import_module(place)
        found[program] = next(
            value
            for name, value in vars(module).items()
            if isinstance(value, click.Group) and not name.startswith("_")
        )
    return found


def commands(
    command: click.Command, name: str, parent: click.Context | None = None
) -> Iterator[tuple[str, click.Command, click.Context]]:
    """Yield every command below *command* with its full name."""
    context = click.Context(
        command, info_name=name.rpartition(" ")[2], parent=parent, **command.context_settings
    )
    yield name, command, context
    if isinstance(command, click.Group):
        for word in command.list_commands(context):
            below = command.get_command(context, word)
            if below is not None and not below.hidden:
                yield from commands(below, f"{name} {word}", context)


def _prose(text: str) -> str:
    """Return a command's help as Markdown; what click must not wrap becomes a block."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(
        textwrap.indent(one.removeprefix("\b\n"), "    ") if one.startswith("\b\n") else one
        for one in paragraphs
    )


def _one_command(name: str, command: click.Command, context: click.Context, known: set[str]) -> str:
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    text = _prose(command.help or "")
    parts = [f"## `{name}`\n", f"    {usage}\n", f"{text}\n"]
    rows = []
    for parameter in command.get_params(context):
        # click keeps a command's option for help from the first time that it was asked.
        if context.parent is not None and "--help" in parameter.opts:
            continue
        record = parameter.get_help_record(context)
        if record is not None and record[1] and record[0] not in known:
            rows.append(f"| `{record[0].replace('|', ', ')}` | {record[1].replace('|', '/')} |")
            if context.parent is None:
                known.add(record[0])
    if rows:
        parts.append("\n".join(["| option | meaning |", "|---|---|", *rows]) + "\n")
    return "\n".join(parts)


def commands_page() -> str:
    """Return docs/commands.md."""
    parts = [_COMMANDS_HEAD]
    for program, root in roots().items():
        # Options of the program itself are shown once, at the top.
        known: set[str] = set()
        parts += [_one_command(*one, known) for one in commands(root, program)]
    return "\n".join(parts)


PAGES = {"docs/events.md": events_page, "docs/commands.md": commands_page}


def main() -> int:
    """Write or check all pages."""
    stale = 0
    for name, make in PAGES.items():
        path = ROOT / name
        text = make()
        if "--check" in sys.argv[1:]:
            if not path.exists() or path.read_text() != text:
                print(f"{name} is not up to date: run scripts/make_docs.py", file=sys.stderr)
                stale = 1
        else:
            path.write_text(text)
    return stale


if __name__ == "__main__":
    sys.exit(main())
