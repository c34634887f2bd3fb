"""Tokens of Telegram bots: they read and write everything the bot does."""

from __future__ import annotations

import re

from signatures.identifiers.base import Finder, Identifier, every, is_varied

_TOKEN = re.compile(rb"(?<![0-9])[1-9][0-9]{7,9}:AA[A-Za-z0-9_-]{33}(?![A-Za-z0-9_-])")


def validate(value: str) -> bool:
    """Tell whether the secret part is varied."""
    return is_varied(value.partition(":")[2], 15)


TELEGRAM_TOKEN = Identifier(
    name="telegram_token",
    shapes=(),
    normalise=str,
    validate=validate,
    keys=("telegram_bot_token", "bot_token"),
    chance=1e-9,
    weight=60,
    source="Telegram Bot API: Authorizing your bot",
)

FINDER = Finder("telegram_token", TELEGRAM_TOKEN, every(_TOKEN), 0.95, (b":AA",))
