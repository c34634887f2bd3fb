"""The patterns of web servers, as Python has them. Pure; only for the bounded child.

They are PCRE. What Python does not know (possessive quantifiers before 3.11, ``\\K``, recursion)
is `Unclear`; a pattern that takes for ever ends with the child.
"""

from __future__ import annotations

import functools
import re
import warnings

_LONGEST = 4096
_NAMED = re.compile(r"\(\?<(?![=!])")
_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "digit": "0-9",
    "lower": "a-z",
    "upper": "A-Z",
    "space": r"\s",
    "word": r"\w",
    "punct": r"!-/:-@\[-`{-~",
    "xdigit": "0-9A-Fa-f",
}


class Unclear(Exception):  # noqa: N818
    """It depends on what only the request tells, or is not understood; ``str()`` is a short key."""


@functools.lru_cache(maxsize=1024)
def compiled(pattern: str, *, ignore_case: bool = False) -> re.Pattern[str] | None:
    """Return the pattern, None when Python does not understand it."""
    if len(pattern) > _LONGEST:
        return None
    text = _NAMED.sub("(?P<", pattern).replace(r"\h", r"[ \t]")
    text = re.sub(r"\[:(\w+):\]", lambda match: _POSIX.get(match[1], match[0]), text)
    text = re.sub(r"\\([zZ])\Z", r"\\Z", text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.compile(text, re.ASCII | (re.IGNORECASE if ignore_case else 0))
    except (re.error, OverflowError, RecursionError, ValueError):
        return None


def found_by(pattern: str, text: str, *, ignore_case: bool = False) -> re.Match[str] | None:
    """Return where *pattern* is in *text*.

    Raises:
        Unclear: the pattern is not understood.
    """
    known = compiled(pattern, ignore_case=ignore_case)
    if known is None:
        raise Unclear("pattern_not_understood")
    return known.search(text)


def groups_put(text: str, match: re.Match[str]) -> str:
    """Return *text* with ``$1`` (or ``${1}``) replaced by the groups of *match*."""

    def group(found: re.Match[str]) -> str:
        number = int(found[1])
        return (match[number] or "") if number <= match.re.groups else ""

    return re.sub(r"\$\{?(\d)\}?", group, text)
