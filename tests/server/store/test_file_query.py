"""A condition finds what it names and nothing else, however JSON wrote it."""

from __future__ import annotations

import json
import sqlite3

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.store import days
from server.store.file_query import Question, escaped, forms, hash_begins, path_is, path_under
from server.store.file_query import token_begins as token
from server.store.query import EventQuery, Sql

names = st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1, max_size=12)
paths = st.lists(names, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
HASH = "ab12" * 16


def finds(condition: Sql, fields: dict[str, object], *, ascii_only: bool = False) -> bool:
    text = json.dumps(fields) if ascii_only else msgspec.json.encode(fields).decode()
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(days.SCHEMA)
        row = ("a", 1, 1, 5, 5, "file.change", 1, "o", "h", text)
        connection.execute(days.INSERT, row)
        where, params = Question(EventQuery(), (condition,)).sql(5, 6)
        sql = f"SELECT count(*) FROM event WHERE {where}"
        return bool(connection.execute(sql, params).fetchone()[0])
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        ("/etc/passwd-", "/etc/passwd"),
        ("/etc/Passwd", "/etc/passwd"),
        ("/srv/etc/passwd", "/etc/passwd"),
        ("/etc/a", "/etc/*"),
        ("/etc/ab", "/etc/a_"),
        ("/etc/ab", "/etc/a%"),
        ("/etc/'", "/etc/' OR 1 --"),
    ],
)
def test_another_path_is_not_found(stored: str, asked: str) -> None:
    assert not finds(path_is(asked), {"file.path": stored})
    assert not finds(path_is(asked), {"file.path": "/x", "file.target_path": asked})


@pytest.mark.parametrize("stored", ["/srv/wwwx/a", "/srv/ww", "/srv/www0", "/srv/WWW/a", "/"])
def test_what_lies_beside_a_directory_is_not_under_it(stored: str) -> None:
    assert not finds(path_under("/srv/www/"), {"file.path": stored})


@pytest.mark.parametrize(
    "stored", ["/srv/www", "/srv/www/a", "/srv/www/a/b", "/srv/www/\U0010ffff"]
)
def test_what_lies_below_a_directory_is_under_it(stored: str) -> None:
    assert finds(path_under("/srv/www"), {"file.path": stored})
    assert finds(path_under("/srv/www//"), {"file.path": stored})
    assert finds(path_under("/"), {"file.path": stored})


@given(paths, st.booleans())
def test_every_path_that_an_event_holds_is_found(path: str, ascii_only: bool) -> None:
    fields: dict[str, object] = {"file.path": escaped(path)}
    assert finds(path_is(path), fields, ascii_only=ascii_only)
    assert finds(path_is(escaped(path)), fields, ascii_only=ascii_only)
    assert finds(path_under(path + "/.."), {"file.path": escaped(path) + "/../x"})


@given(paths)
def test_forms_can_be_stored_and_hold_the_path_itself(path: str) -> None:
    assert (path.rstrip("/") or "/") in forms(path)
    for form in forms(path):
        form.encode()


def test_bytes_and_escapes_are_read_as_agents_and_tables_write_them() -> None:
    assert forms("/a\udcff") == ["/a\\xff"]
    assert forms("/a\n\\") == ["/a\n\\", "/a\\n\\\\"]
    assert "/\u202egpj" in forms("/\\u202egpj")
    assert forms("/\\ud800") == ["/\\ud800", "/\\\\ud800"]
    assert forms("/\\U00110000") == ["/\\U00110000", "/\\\\U00110000"]


@pytest.mark.parametrize("field", ["file.hash.sha256", "ronda.file.previous.sha256"])
def test_a_hash_is_found_by_its_beginning_only(field: str) -> None:
    assert finds(hash_begins(HASH), {field: HASH})
    assert finds(hash_begins(HASH[:8]), {field: HASH})
    assert not finds(hash_begins("b12ab12a"), {field: HASH})
    assert not finds(hash_begins(HASH[:8]), {"other": HASH, field: "00" * 32})
    assert not finds(hash_begins(HASH), {field: HASH[:-1]})


def test_a_token_is_found_by_its_beginning_only() -> None:
    assert finds(token("ab12ab12"), {"ronda.path.token": HASH[:32]})
    assert not finds(token("b12ab12a"), {"ronda.path.token": HASH[:32]})
    assert not finds(token("ab12ab12"), {"file.hash.sha256": HASH})


def test_time_and_the_query_hold_as_well() -> None:
    question = Question(EventQuery(opds=frozenset({"other"})), (path_is("/a"),))
    where, params = question.sql(since=1)
    assert "opd IN" in where
    assert params[0] == "other"
    assert params[-1] == 1
