"""Texts of the commands in the reader's language: gettext catalogues under agent/locale.

The message id is the English sentence; ``{name}`` stands for what varies.
"""

from __future__ import annotations

import functools
import gettext
import os
from collections.abc import Mapping
from pathlib import Path

import click

LOCALE = Path(__file__).parent.parent / "locale"
DOMAIN = "ronda-agent"
LANGUAGES = ("id", "en")

lang_option = click.option(
    "--lang", type=click.Choice(LANGUAGES), help="Language; else that of LC_ALL or LANG."
)


class Words:
    """Says things in one language."""

    def __init__(self, language: str) -> None:
        """*language*: ``id`` or ``en``."""
        self._language = language
        self._catalog = _catalog(language)

    def say(self, message: str, **parts: object) -> str:
        """Return *message* in the language, *parts* filled in; numbers with their separators."""
        shown = {name: self._shown(value) for name, value in parts.items()}
        return self._catalog.gettext(message).format_map(shown)

    def count(self, one: str, many: str, number: int, **parts: object) -> str:
        """As `say`, with the form for ``{number}``; see `P_`."""
        shown = {name: self._shown(value) for name, value in parts.items()}
        text = self._catalog.ngettext(one, many, number)
        return text.format_map({"number": self._shown(number), **shown})

    def _shown(self, value: object) -> str:
        if isinstance(value, int):
            text = f"{value:,}"
            return text.replace(",", ".") if self._language == "id" else text
        return str(value)

    def ago(self, seconds: float) -> str:
        """Return a span of time: ``12 s``, ``5 min``, ``3 h``, ``2 d``."""
        for size, unit in (
            (86400, N_("{number} d")),
            (3600, N_("{number} h")),
            (60, N_("{number} min")),
        ):
            if seconds >= 2 * size:
                return self.say(unit, number=int(seconds / size))
        return self.say(N_("{number} s"), number=max(0, int(seconds)))


def language(chosen: str | None, environment: Mapping[str, str] = os.environ) -> str:
    """Return the language: what was *chosen*, what the environment says, else English."""
    if chosen in LANGUAGES:
        return chosen
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if environment.get(name):
            return "id" if environment[name].split("_")[0].split(".")[0] == "id" else "en"
    return "en"


def N_(message: str) -> str:  # noqa: N802 - gettext's name for "translate this"
    """Mark *message* for the catalogue."""
    return message


def P_(one: str, many: str) -> tuple[str, str]:  # noqa: N802 - as N_
    """Mark a message with two forms for the catalogue; `Words.count` picks one."""
    return one, many


@functools.cache
def _catalog(language: str) -> gettext.NullTranslations:
    return gettext.translation(DOMAIN, str(LOCALE), languages=[language], fallback=True)
