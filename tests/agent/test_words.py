"""What must not happen: a line of status that an Indonesian reader gets in English."""

from __future__ import annotations

import ast
import io
import string
from collections.abc import Iterable
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

import agent.cli
from agent.cli.words import DOMAIN, LOCALE, Words, language
from signatures.network_names import NAMES

FOLDER = Path(agent.cli.__file__).parent
PO = LOCALE / "id" / "LC_MESSAGES" / f"{DOMAIN}.po"


def catalogue() -> dict[str, str]:
    found = read_po(io.BytesIO(PO.read_bytes()), locale="id")
    assert not [entry.id for entry in found if entry.id and entry.fuzzy]
    return _texts(found)


def _texts(entries: Iterable[Message]) -> dict[str, str]:
    """Return messages by id; of those with two forms, both: Indonesian has one for both."""
    return {
        one: "".join(entry.string or ()) for entry in entries for one in _forms(entry.id) if one
    }


def _forms(text: str | list[str] | tuple[str, ...]) -> Iterable[str]:
    return [text] if isinstance(text, str) else text


def used() -> set[str]:
    """Return every text that stands in N_() or P_()."""
    texts = set(NAMES.values())
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"N_", "P_"}:
                texts |= {str(one.value) for one in node.args if isinstance(one, ast.Constant)}
    return texts


def test_nothing_is_missing_or_left_over() -> None:
    assert used() - set(catalogue()) == set()
    assert set(catalogue()) - used() == set()
    assert all(catalogue().values())


def test_the_compiled_catalogue_is_up_to_date() -> None:
    compiled = read_mo(io.BytesIO(PO.with_suffix(".mo").read_bytes()))
    assert _texts(compiled) == catalogue(), "run: pybabel compile -d agent/locale -D ronda-agent"


def test_translations_keep_the_parts() -> None:
    def parts(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    assert [one for one, other in catalogue().items() if parts(one) != parts(other)] == []


@pytest.mark.parametrize(
    ("chosen", "environment", "expected"),
    [
        (None, {}, "en"),
        (None, {"LANG": "C.UTF-8"}, "en"),
        (None, {"LANG": "id_ID.UTF-8"}, "id"),
        (None, {"LANG": "id"}, "id"),
        (None, {"LC_ALL": "en_US.UTF-8", "LANG": "id_ID.UTF-8"}, "en"),
        ("en", {"LANG": "id_ID.UTF-8"}, "en"),
        ("id", {}, "id"),
        (None, {"LANG": "idx_XX"}, "en"),
    ],
)
def test_the_language(chosen: str | None, environment: dict[str, str], expected: str) -> None:
    assert language(chosen, environment) == expected


def test_numbers_and_spans() -> None:
    english, indonesian = Words("en"), Words("id")
    assert english.say("{number} damaged", number=18204) == "18,204 damaged"
    assert indonesian.say("{number} damaged", number=18204) == "18.204 rusak"
    assert english.say("{number} damaged", number="{x}") == "{x} damaged"
    assert [english.ago(seconds) for seconds in (-1, 0, 119, 120, 7199, 7200, 172800)] == [
        "0 s",
        "0 s",
        "119 s",
        "2 min",
        "119 min",
        "2 h",
        "2 d",
    ]
    assert indonesian.ago(300) == "5 mnt"
