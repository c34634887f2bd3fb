from __future__ import annotations

import io

import pytest
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from server.alerts import exposure_text as exposure_words
from server.alerts import network_text, render, sentences
from server.alerts.catalog import DOMAIN, LANGUAGES, LOCALE, N_, translate
from server.cli import alert_text, exposure_text
from server.notify import message
from signatures.network_names import NAMES
from signatures.sigma_facts import placeholders
from signatures.sigma_load import EVENT_RULES, load_files


def _po(language: str) -> dict[str, str]:
    path = LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.po"
    catalog = read_po(io.BytesIO(path.read_bytes()), locale=language)
    assert not [entry.id for entry in catalog if entry.id and entry.fuzzy]
    return {str(entry.id): str(entry.string) for entry in catalog if entry.id}


def _used() -> set[str]:
    words = [render.LABELS, network_text.LABELS, render.WORDS, render.TYPES, NAMES]
    words += [render.LEVEL_WORDS]
    words += [exposure_words.REASONS, alert_text.ACTIONS, exposure_text.PRESENT]
    words.append(dict(exposure_text.FACTS))
    used = {text for table in words for text in table.values()} | {render.AT_LEAST}
    used |= set(sentences.SENTENCES)
    used |= {
        value
        for module in (message, alert_text, exposure_text, exposure_words)
        for name, value in vars(module).items()
        if name.isupper() and name[0] != "_" and isinstance(value, str)
    }
    return used | {text for rule in load_files([EVENT_RULES]).rules for text in rule.messages}


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_missing_left_over_or_empty(language: str) -> None:
    po = _po(language)
    assert _used() - set(po) == set()
    assert set(po) - _used() == set()
    assert [msgid for msgid, text in po.items() if not text] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_compiled_catalogue_is_up_to_date(language: str) -> None:
    path = LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.mo"
    compiled = read_mo(io.BytesIO(path.read_bytes()))
    assert {str(e.id): str(e.string) for e in compiled if e.id} == _po(language), (
        "run: pybabel compile -d server/locale -D ronda"
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_keep_the_facts(language: str) -> None:
    wrong = [
        msgid for msgid, text in _po(language).items() if placeholders(msgid) != placeholders(text)
    ]
    assert wrong == []


def test_an_unknown_language_or_message_shows_the_message_id() -> None:
    assert translate("created", "xx") == "created"
    assert translate(N_("not in any catalogue"), "id") == "not in any catalogue"
    assert translate("", "id") == ""
