"""Times as people type and read them. Everything inside is ns since 1970, UTC."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SPAN = re.compile(r"(?:\d+[smhdw])+")
_PART = re.compile(r"(\d+)([smhdw])")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_MAX_SECONDS = 100 * 366 * 86400
"""A century: longer spans are typing mistakes and would leave the range of dates."""


def parse_span(text: str) -> int:
    """Return the seconds in ``90s``, ``30m``, ``4h``, ``2d``, ``1w`` or a sum such as ``1h30m``.

    Raises:
        ValueError: anything else; ``str()`` says what is expected.
    """
    compact = text.strip().lower()
    if not compact.isascii() or not _SPAN.fullmatch(compact):
        raise ValueError(
            f"{text!r} is not a length of time; write for example 90s, 30m, 4h, 2d or 1w"
        )
    seconds = sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(compact))
    if seconds > _MAX_SECONDS:
        raise ValueError(f"{text!r} is longer than a century")
    return seconds


def parse_moment(text: str, now: int) -> int:
    """Return the moment that *text* names, in ns.

    A length of time counts back from *now* (ns); ``07:30`` is today; an ISO date or time without
    a zone is local time.

    Raises:
        ValueError: none of these.
    """
    compact = text.strip()
    if compact.lower() == "now":
        return now
    if compact.isascii() and _SPAN.fullmatch(compact.lower()):
        return now - parse_span(compact) * 10**9
    try:
        clock = _CLOCK.fullmatch(compact) if compact.isascii() else None
        if clock:
            hour, minute, second = (int(part or 0) for part in clock.groups())
            today = datetime.fromtimestamp(now // 10**9).astimezone()
            moment = today.replace(hour=hour, minute=minute, second=second, tzinfo=None)
        else:
            moment = datetime.fromisoformat(compact)
        return to_ns(moment.astimezone() if moment.tzinfo is None else moment)
    except (ValueError, OverflowError, OSError):
        raise ValueError(
            f"{text!r} is not a time; write for example 4h, 2d, 07:30, 2026-11-24T07:30"
        ) from None


def to_ns(moment: datetime) -> int:
    """Return *moment*, which knows its zone, as ns."""
    since = moment - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return (since // timedelta(microseconds=1)) * 1000


def local(iso: str) -> str:
    """Return an ISO time as local time with seconds, for a table; other text as it is."""
    try:
        moment = datetime.fromisoformat(iso)
        return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return iso


def span(seconds: float) -> str:
    """Return a length of time in its two largest units, for example ``2 h 5 min``."""
    rest = max(0, round(seconds))
    parts = []
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, length)
        if count:
            parts.append(f"{count} {unit}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0 s"
