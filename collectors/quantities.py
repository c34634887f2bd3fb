"""Sizes and durations as people write them in settings and commands. Pure."""

from __future__ import annotations

import re

_SIZE = re.compile(r"\s*(\d+)\s*([kmgt](?:i?b)?|b)?\s*", re.IGNORECASE | re.ASCII)
_POWERS = {"b": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_LARGEST = 1 << 50
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST = 366 * 86400.0
_TEXT = 32
"""Characters; longer text is no quantity."""


def parse_size(value: object) -> int:
    """Return bytes: a whole number, or text such as ``"1GiB"`` (a GB is a GiB here).

    Raises:
        ValueError: not a size; ``str()`` says what is expected.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = _SIZE.fullmatch(value) if isinstance(value, str) and len(value) < _TEXT else None
    if match is None:
        raise ValueError(f'{value!r} is not a size such as "512MiB" or "1GiB"')
    size = int(match[1]) << 10 * _POWERS[(match[2] or "b")[0].lower()]
    if size > _LARGEST:
        raise ValueError(f"{value!r} is over 1024 TiB")
    return size


def parse_duration(value: str | float) -> float:
    """Return seconds: a number is seconds already, text has a unit (``200ms``, ``5m``, ``1h``).

    Raises:
        ValueError: not a duration, or none from 0 to 366 days; ``str()`` says what is expected.
    """
    if isinstance(value, str):
        match = _DURATION.fullmatch(value) if len(value) < _TEXT else None
        if match is None:
            raise ValueError(f'{value!r} is not a duration such as "200ms", "30s", "5m" or "1h"')
        seconds = float(match[1]) * _SECONDS[match[2]]
    else:
        seconds = float(value)
    if not 0 <= seconds <= _LONGEST:
        raise ValueError(f"{value!r} is not a duration from 0 to 366d")
    return seconds
