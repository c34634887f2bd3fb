"""Translations of what people read: gettext catalogues under server/locale."""

from __future__ import annotations

import functools
import gettext
from pathlib import Path

LOCALE = Path(__file__).parent.parent / "locale"
LANGUAGES = ("id", "en")
DOMAIN = "ronda"


@functools.cache
def catalog(language: str) -> gettext.NullTranslations:
    """Return the messages of *language*; an unknown one shows the message ids (English)."""
    return gettext.translation(DOMAIN, str(LOCALE), languages=[language], fallback=True)


def translate(message: str, language: str) -> str:
    """Return *message* in *language*. An empty message stays empty."""
    return catalog(language).gettext(message) if message else ""


def N_(message: str) -> str:  # noqa: N802 - gettext's name for "translate this later"
    """Mark *message* for the catalogue."""
    return message
