"""Text from monitored hosts on its way to a terminal, a spreadsheet or another program. Pure.

A file name may hold escape sequences that repaint the screen, bidi overrides that swap what is
read, or a formula that a spreadsheet would run. Nothing of that leaves this module alive.
"""

from __future__ import annotations

import re

_FORMULA = re.compile(r"(^|[;\t])(\s*)([=+\-@\uff1d\uff0b\uff0d\uff20])")
"""A cell start that spreadsheets read as a formula, full-width forms included.

Also after ``;``: where that is the list separator, as in Indonesian locales, a comma-separated
file is split there, quotes or not.
"""


def _escape_character(character: str) -> str:
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def display(text: str) -> str:
    """Return *text* with every control, format, bidi, separator and surrogate character escaped.

    `str.isprintable` is false for just these categories, and for unassigned code points.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escape_character(c) for c in text)


def _json_character(character: str) -> str:
    code = ord(character)
    if code <= 0xFFFF:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


def json_text(encoded: str) -> str:
    """Return JSON *encoded* with what is not printable as escapes: same value, safe to show.

    Line feeds stay, because in encoded JSON they are layout and never part of a string.
    """
    if encoded.isprintable():
        return encoded
    return "".join(c if c.isprintable() or c == "\n" else _json_character(c) for c in encoded)


def csv_cell(text: str) -> str:
    """Return *text* for a spreadsheet: characters escaped, an apostrophe before a formula."""
    return _FORMULA.sub(r"\1\2'\3", display(text))
