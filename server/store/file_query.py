"""What can be asked about files, as SQL. Pure.

An index on path or hash would make every insert cost several times more, for hashes are random:
instead `LIKE` looks for the plain part of what is asked in the JSON text before anything is
parsed, about half a second for a million events.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from server.store.query import EventQuery, Sql

PATH = "json_extract(fields, '$.\"file.path\"')"
TOKEN = "json_extract(fields, '$.\"ronda.path.token\"')"  # noqa: S105 - the name of a field
SHA256 = "json_extract(fields, '$.\"file.hash.sha256\"')"
_PREVIOUS = "json_extract(fields, '$.\"ronda.file.previous.sha256\"')"
_PLAIN = re.compile(r"[ !#-\[\]-~]+")
"""Characters that every JSON encoder leaves as they are."""
_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U(000[0-9a-f]{5}|0010[0-9a-f]{4}))")


def forms(path: str) -> list[str]:
    """Return *path* as it may stand in an event: as given, escaped, with its escapes read. Pure.

    Agents escape what is not printable and double a backslash; tables escape what a stranger's
    agent did not. Trailing slashes are not part of a name.
    """
    path = path.rstrip("/") or "/"
    read = _ESCAPE.sub(lambda found: chr(int(found[1] or found[2] or found[3], 16)), path)
    return [
        form
        for form in dict.fromkeys((path, escaped(path), read))
        if not any(0xD800 <= ord(character) <= 0xDFFF for character in form)
    ]


def escaped(path: str) -> str:
    """Return a *path* as it is typed on the host in the form in which agents report it. Pure."""
    return "".join(map(_escaped, path))


def _escaped(character: str) -> str:
    if character in "\\\n\r\t":
        return {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}[character]
    code = ord(character)
    if character.isprintable():
        return character
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


class Question(NamedTuple):
    """A query, and conditions that its language has no words for."""

    query: EventQuery
    conditions: tuple[Sql, ...]

    def sql(self, since: int | None = None, until: int | None = None) -> tuple[str, list[Any]]:
        """Return the condition on the table of events, observed from *since* to *until* (ns)."""
        parts = [self.query.sql(), *self.conditions]
        if since is not None:
            parts.append(Sql("observed >= ?", [since]))
        if until is not None:
            parts.append(Sql("observed < ?", [until]))
        where = " AND ".join(f"({part.where})" for part in parts)
        return where, [value for part in parts for value in part.params]


def path_is(path: str) -> Sql:
    """Return that an event is about the file *path*, in any of its `forms`."""
    return _either(forms(path), lambda form: Sql(f"{PATH} = ?", [form]))


def path_under(directory: str) -> Sql:
    """Return that an event is about *directory* or what lies below it."""

    def below(form: str) -> Sql:
        begin = form.rstrip("/") + "/"
        # "0" is what follows "/".
        return Sql(f"({PATH} = ? OR ({PATH} >= ? AND {PATH} < ?))", [form, begin, f"{begin[:-1]}0"])

    return _either(forms(directory), below)


def token_begins(token: str) -> Sql:
    """Return that the token of a masked path begins with *token*, lower-case hex."""
    return _guarded(token, Sql(f"{TOKEN} BETWEEN ? AND ?", [token, token + "g"]))


def hash_begins(prefix: str) -> Sql:
    """Return that a file's hash, or the one before, begins with *prefix*, lower-case hex."""
    either = f"({SHA256} BETWEEN ? AND ? OR {_PREVIOUS} BETWEEN ? AND ?)"
    return _guarded(prefix, Sql(either, [prefix, prefix + "g"] * 2))


def on_host(name: str) -> Sql:
    """Return that an event came from the host or agent *name*."""
    return Sql("host = ? COLLATE NOCASE OR agent = ?", [name, name])


def _either(texts: Sequence[str], condition: Callable[[str], Sql]) -> Sql:
    parts = [_guarded(text, condition(text)) for text in texts]
    where = " OR ".join(f"({part.where})" for part in parts) or "0"
    return Sql(where, [value for part in parts for value in part.params])


def _guarded(text: str, condition: Sql) -> Sql:
    """Return *condition* behind a look for the longest part of *text* that JSON leaves as it is."""
    plain = max(_PLAIN.findall(text), key=len, default="")
    pattern = re.sub(r"([%_])", r"\\\1", plain[:1000])
    # CASE, for AND promises no order.
    where = f"CASE WHEN fields LIKE ? ESCAPE '\\' THEN {condition.where} ELSE 0 END"
    return Sql(where, [f"%{pattern}%", *condition.params])
