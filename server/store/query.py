"""The query language of ``ronda events``: words and comparisons, all of which must hold.

``kind=file.change file.path=*dump* severity>=high host!=web1 "free text"``

* ``FIELD=VALUE`` and ``FIELD!=VALUE`` compare whole values, letters A-Z in either case; ``*``
  stands for anything. A list matches when one element does; ``!=`` is the opposite of ``=``, so it
  also holds where the field is absent.
* ``FIELD>=VALUE`` and ``FIELD<=VALUE`` compare numbers; ``severity`` also takes names.
* A word without operator must occur in some text of the event.
* Quotes keep blanks together: ``file.path="/srv/two words/*"``.

`parse_query` is pure; a query can say whether it matches a mapping and what SQL finds it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

from collectors.event import InvalidEvent, parse_event_id
from collectors.kinds import Severity

Operator: TypeAlias = Literal["=", "!=", ">=", "<="]
MAX_LENGTH = 4096
"""Characters of a query."""
MAX_TERMS = 32
MAX_WILDCARDS = 8
"""For each value: matching costs a power of it."""

_TERM = re.compile(
    r"""(?P<field>[A-Za-z@_][A-Za-z0-9_.@-]*)(?P<operator>!=|>=|<=|=)(?P<value>"[^"]*"|\S*)"""
)
_WORD = re.compile(r'"(?P<quoted>[^"]*)"|(?P<bare>\S+)')
_ALIASES = {
    "kind": "ronda.kind",
    "severity": "event.severity",
    "host": "host.name",
    "opd": "organization.name",
    "agent": "agent.id",
    "id": "event.id",
    "path": "file.path",
    "time": "@timestamp",
}
_COLUMNS = {
    "ronda.kind": "kind",
    "event.severity": "severity",
    "host.name": "host",
    "organization.name": "opd",
    "agent.id": "agent",
    "@timestamp": "observed",
    "event.ingested": "received",
    "event.sequence": "sequence",
    "ronda.epoch": "epoch",
}
_NUMBERS = frozenset({"event.severity", "@timestamp", "event.ingested", "event.sequence"})
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


class QueryError(ValueError):
    """A query cannot be read; ``str()`` says where and what is expected."""


class Sql(NamedTuple):
    """A condition and the values of its placeholders."""

    where: str
    params: list[Any]


class Term(NamedTuple):
    """One comparison; an empty field means free text."""

    field: str
    operator: Operator
    value: str

    def matches(self, fields: Mapping[str, Any]) -> bool:
        """Say whether the event with *fields* meets the term."""
        if not self.field:
            searched = {key: value for key, value in fields.items() if key != "event.id"}
            return any(_contains(text, self.value) for text in _texts(searched))
        if self.operator in {">=", "<="}:
            return any(self._in_order(value) for value in _values(fields.get(self.field)))
        equal = any(_equal(value, self.value) for value in _values(fields.get(self.field)))
        return equal == (self.operator == "=")

    def _in_order(self, value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        limit = _number(self.value)
        if limit is None:
            return False
        return value >= limit if self.operator == ">=" else value <= limit

    def sql(self) -> Sql:
        """Return the condition on the table of events."""
        if not self.field:
            return _text_sql(self.value)
        if self.field == "event.id":
            return self._id_sql()
        column = _COLUMNS.get(self.field)
        if self.operator in {">=", "<="}:
            limit = _number(self.value)
            if column:
                return Sql(f"{column} {self.operator} ?", [limit])
            return _each(
                self.field, f"type IN ('integer', 'real') AND value {self.operator} ?", limit
            )
        found = self._equal_sql(column)
        return found if self.operator == "=" else Sql(f"NOT ({found.where})", found.params)

    def _equal_sql(self, column: str | None) -> Sql:
        number = _number(self.value)
        if column and self.field in _NUMBERS | {"ronda.epoch"}:
            return Sql(f"{column} = ?", [number]) if number is not None else Sql("0", [])
        operator, pattern = _pattern(self.value)
        if column:
            return Sql(f"{column} {operator}", [pattern])
        text = f"type IN ('text', 'true', 'false') AND {_AS_TEXT} {operator}"
        if number is None:
            return _each(self.field, text, pattern)
        either = f"(({text}) OR (type IN ('integer', 'real') AND value = ?))"
        return _each(self.field, either, pattern, number)

    def _id_sql(self) -> Sql:
        try:
            agent, epoch, sequence = parse_event_id(self.value)
        except InvalidEvent:
            return Sql("0" if self.operator == "=" else "1", [])
        same = "agent = ? AND epoch = ? AND sequence = ?"
        where = same if self.operator == "=" else f"NOT ({same})"
        return Sql(where, [agent, min(epoch, 2**63 - 1), min(sequence, 2**63 - 1)])


class EventQuery(NamedTuple):
    """What to look for, and in whose events."""

    terms: tuple[Term, ...] = ()
    opds: frozenset[str] | None = None
    """The OPDs that may be seen; None is all, an empty set none."""

    def matches(self, fields: Mapping[str, Any]) -> bool:
        """Say whether the event with *fields* (see `server.store.events`) is meant."""
        if self.opds is not None and fields.get("organization.name") not in self.opds:
            return False
        return all(term.matches(fields) for term in self.terms)

    def sql(self) -> Sql:
        """Return the condition on the table of events in a day file."""
        wheres, params = ["1"], []
        if self.opds is not None:
            wheres.append(f"opd IN ({', '.join('?' * len(self.opds))})")
            params += sorted(self.opds)
        for term in self.terms:
            where, more = term.sql()
            wheres.append(where)
            params += more
        return Sql(" AND ".join(wheres), params)

    def restrict(self, opds: Iterable[str] | None) -> EventQuery:
        """Return the query for someone who may see *opds* only; None changes nothing."""
        if opds is None:
            return self
        allowed = frozenset(opds)
        return self._replace(opds=allowed if self.opds is None else self.opds & allowed)


def parse_query(text: str, opds: Iterable[str] | None = None) -> EventQuery:
    """Read a query.

    Args:
        text: as the module says; empty means everything.
        opds: the OPDs that the asker may see; None is all.

    Raises:
        QueryError: it has another form.
    """
    if len(text) > MAX_LENGTH:
        raise QueryError(f"query has {len(text)} characters, at most {MAX_LENGTH}")
    if "\x00" in text or any(0xD800 <= ord(char) <= 0xDFFF for char in text):
        raise QueryError("query holds a character that no event can hold")
    terms = tuple(_terms(text))
    if len(terms) > MAX_TERMS:
        raise QueryError(f"query has {len(terms)} terms, at most {MAX_TERMS}")
    return EventQuery(terms).restrict(opds)


def _terms(text: str) -> Iterator[Term]:
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        match = _TERM.match(text, position)
        if match:
            yield _comparison(match["field"], match["operator"], match["value"])
        else:
            match = _WORD.match(text, position)
            if (
                match is None
            ):  # a quote that is never closed is a bare word, so this is only for mypy
                raise QueryError(f"cannot read the query from {text[position:]!r}")
            word = match["bare"] if match["quoted"] is None else match["quoted"]
            if word.startswith('"'):
                raise QueryError(f"the quote before {word[1:]!r} is not closed")
            if word:
                yield Term("", "=", word)
        position = match.end()
        if position < len(text) and not text[position].isspace():
            raise QueryError(f"expected a blank before {text[position:]!r}")


def _comparison(name: str, operator: str, value: str) -> Term:
    quoted = len(value) >= 2 and value.startswith('"') and value.endswith('"')
    if value.startswith('"') and not quoted:
        raise QueryError(f"the quote after {name}{operator} is not closed")
    value = value[1:-1] if quoted else value
    field = _ALIASES.get(name, name)
    if not value and not quoted:
        raise QueryError(f'{name}{operator} needs a value; write {name}{operator}"" for empty')
    if field == "event.severity" and value.upper() in Severity.__members__:
        value = str(int(Severity[value.upper()]))
    if value.count("*") > MAX_WILDCARDS:
        raise QueryError(f"{name}: more than {MAX_WILDCARDS} wildcards")
    if operator in {">=", "<="} and _number(value) is None:
        raise QueryError(f"{name}{operator}{value}: expected a number")
    return Term(field, operator, value)  # type: ignore[arg-type]  # the pattern allows no other


def _number(text: str) -> int | float | None:
    if not re.fullmatch(r"-?\d{1,18}(\.\d{1,18})?", text, re.ASCII):
        return None
    return float(text) if "." in text else int(text)


def _lower(text: str) -> str:
    return text.translate(_LOWER)  # as SQLite's NOCASE and LIKE: A-Z only


def _values(value: Any) -> Iterator[Any]:
    """Yield what a field holds, as json_each does: a list's elements, a map's values."""
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, list | tuple):
        yield from value
    elif value is not None:
        yield value


def _equal(value: Any, wanted: str) -> bool:
    if isinstance(value, bool):
        value = "true" if value else "false"
    elif isinstance(value, int | float):
        number = _number(wanted)
        return number is not None and value == number
    if not isinstance(value, str):
        return False
    if "*" not in wanted:
        return _lower(value) == _lower(wanted)
    pattern = ".*".join(re.escape(part) for part in _lower(wanted).split("*"))
    return re.fullmatch(pattern, _lower(value), re.DOTALL) is not None


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _contains(text: str, word: str) -> bool:
    return _lower(word) in _lower(text)


_AS_TEXT = "(CASE type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE value END)"


def _escaped(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text)


def _pattern(value: str) -> tuple[str, str]:
    if "*" not in value:
        return "= ? COLLATE NOCASE", value
    return "LIKE ? ESCAPE '\\'", "%".join(_escaped(part) for part in value.split("*"))


def _each(field: str, condition: str, *params: Any) -> Sql:
    """Return that one value of *field*, whose name holds no quote, meets *condition*."""
    path = f'$."{field}"'
    where = f"EXISTS (SELECT 1 FROM json_each(fields, ?) WHERE {condition})"  # noqa: S608 - ours
    return Sql(where, [path, *params])


def _text_sql(word: str) -> Sql:
    pattern = f"%{_escaped(word)}%"
    like = "LIKE ? ESCAPE '\\'"
    inside = "EXISTS (SELECT 1 FROM json_tree(fields) WHERE type = 'text' AND value "
    inside += f"{like})"
    columns = " OR ".join(f"{name} {like}" for name in ("host", "opd", "agent", "kind"))
    if not re.search(r'["\\\x00-\x1f\x7f]', word):  # JSON holds it as it is: look there first
        return Sql(f"({columns} OR (fields {like} AND {inside}))", [pattern] * 6)
    return Sql(f"({columns} OR {inside})", [pattern] * 5)
