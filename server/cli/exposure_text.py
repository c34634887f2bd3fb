"""One exposure as a page for an analyst, in the language of the texts."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from server.alerts.catalog import N_, translate
from server.cli import safe
from server.cli.alert_text import (
    COMMANDS,
    EVIDENCE,
    HOST,
    LEVEL,
    SEEN,
    STEPS,
    numbered,
    section,
)
from server.cli.output import LEVEL_STYLES, Output, Row, plain, when

FILE = N_("File")
HOLDS = N_("Holds")
REACHABLE = N_("Reachable")
STILL_THERE = N_("Still there")
ADDRESS = N_("Web address")
CANARIES = N_("Canary")
REGISTERS = N_("Register")
WHY = N_("Why it is judged so")
PLACES = N_("Where in the file")
UNREAD = N_("Could not be read")
COLUMN = N_("column {name}")
DISTINCT = N_("{number} different")
REGISTERED = N_("{number} of them registered citizens")
CONFIDENCE = N_("confidence {number} %")
LEAST = N_("at least {number}")
ABOUT = N_("about {number}")
FIRST = N_("the first at {place}")
BYTE = N_("byte {number}")
LINE = N_("line {number}")
PAGE = N_("page {number}")
FACTS = (
    ("format", N_("Format")),
    ("size", N_("Size in bytes")),
    ("mode", N_("Mode")),
    ("owner", N_("Owner (uid)")),
    ("mtime", N_("Last changed")),
    ("sha256", N_("SHA-256")),
)
PRESENT = {"yes": N_("yes"), "no": N_("no"), "unknown": N_("not known")}
_MAX_PLACES = 20


def exposure_page(found: Row, out: Output) -> str:
    """Return the page, safe for a terminal."""
    say = partial(translate, language=str(found.get("language", "en")))
    parts = [
        _head(found, out, say),
        *section(out, say(HOLDS), (line for one in found["evidence"] for line in _tally(one, say))),
        *section(out, say(EVIDENCE), _samples(found)),
        *section(out, say(PLACES), _places(found, say)),
        *section(out, say(UNREAD), _unread(found)),
        *section(out, say(WHY), map(safe.display, found["reasons"])),
        *section(out, say(STEPS), numbered(found["next_steps"])),
        *section(out, say(COMMANDS), _commands(found)),
    ]
    return "\n".join(parts) + "\n"


def _put(say: Callable[[str], str], message: str, **words: object) -> str:
    text = say(message)
    for name, value in words.items():
        text = text.replace(f"{{{name}}}", plain(value))
    return text


def _head(found: Row, out: Output, say: Callable[[str], str]) -> str:
    level = str(found["level"])
    first, last = when(found["first_seen"]), when(found["last_seen"])
    present = say(PRESENT.get(found["present"], plain(found["present"])))
    if found["ended"]:
        present += f", {found['end']} {when(found['ended'])}"
    rows = [
        (LEVEL, out.style(safe.display(level), LEVEL_STYLES.get(level, ""))),
        (HOST, safe.display(f"{found['host']} ({found['opd']})")),
        (FILE, safe.display(plain(found["path"]))),
        (REACHABLE, safe.display(plain(found["reach"]))),
        (STILL_THERE, safe.display(present)),
        (SEEN, safe.display(first if first == last else f"{first} - {last}")),
    ]
    if address := found.get("url") or found["url_path"]:
        rows.insert(4, (ADDRESS, safe.display(plain(address))))
    for name, label in FACTS:
        if found.get(name) not in (None, ""):
            value = when(found[name]) if name == "mtime" else found[name]
            rows.append((label, safe.display(plain(value))))
    width = max(len(say(name)) for name, _ in rows)
    lines = [f"  {say(name):<{width}}  {text}" for name, text in rows]
    title = safe.display(f"{found['id']}  {', '.join(map(plain, found['types']))}")
    return "\n".join([out.style(title, "bold"), *lines])


def _tally(one: Mapping[str, Any], say: Callable[[str], str]) -> Iterator[str]:
    count = plain(one["count"])
    if one.get("about") is not None:
        count = _put(say, ABOUT, number=one["about"])
    elif not one["exact"]:
        count = _put(say, LEAST, number=one["count"])
    words = [f"{count} {one['name']}", _put(say, DISTINCT, number=one["distinct"])]
    if one.get("registered"):
        words.append(_put(say, REGISTERED, number=one["registered"]))
    if one.get("column"):
        words.append(_put(say, COLUMN, name=one["column"]))
    if isinstance(one.get("confidence"), (int, float)):
        words.append(_put(say, CONFIDENCE, number=round(100 * one["confidence"])))
    yield safe.display(", ".join(words))


def _samples(found: Row) -> Iterator[str]:
    for one in found["evidence"]:
        if one["samples"]:
            yield safe.display(f"{plain(one['type'])}: {', '.join(one['samples'])}")


def _places(found: Row, say: Callable[[str], str]) -> Iterator[str]:
    for part in (found.get("parts") or [])[:_MAX_PLACES]:
        if not isinstance(part, Mapping):
            continue
        where = [
            _put(say, message, number=part[name])
            for name, message in (("page", PAGE), ("row", LINE), ("offset", BYTE))
            if part.get(name) is not None
        ]
        name = plain(part.get("path")) or plain(found["path"]).rpartition("/")[2]
        types = plain(part.get("types"))
        holds = f"{plain(part.get('count'))} {types}"
        first = [_put(say, FIRST, place=", ".join(where))] if where else []
        yield safe.display(f"{name}: {', '.join([holds, *first])}")


def _unread(found: Row) -> Iterator[str]:
    for part in (found.get("unread") or [])[:_MAX_PLACES]:
        if isinstance(part, Mapping):
            words = (part.get("count"), part.get("outcome"), part.get("path"), part.get("detail"))
            yield safe.display(" ".join(plain(word) for word in words if word))


def _commands(found: Row) -> Iterator[str]:
    path = shlex.quote(safe.display(plain(found["path"])))
    for alert in found.get("alerts", [])[:5]:
        state = f"({alert['level']}, {alert['status']})"
        yield safe.display(f"ronda alerts show {alert['id']}    {state}")
    yield f"ronda exposure overlap --id {safe.display(plain(found['id']))} --by file"
    if found["token"]:
        yield f"ronda files history --token {safe.display(plain(found['token']))}"
        yield f"ronda-agent locate {safe.display(plain(found['token']))}"
    else:
        yield f"ronda files history {path}"
    yield safe.display(f"ronda events show {found['event']}")
