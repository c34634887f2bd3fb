"""One alert as a page for an analyst. Its own words are English; the alert's are as rendered."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from datetime import datetime, timedelta

from server.cli import safe
from server.cli.output import LEVEL_STYLES, Output, Row, plain, when

_WIDTH = 96
"""Columns of running text."""
_MAX_EVENTS = 20
"""Linked events on the page; json has all."""


def alert_page(alert: Row, out: Output) -> str:
    """Return the page, safe for a terminal."""
    parts = [
        _head(alert, out),
        *_section(out, "What it means", _paragraphs(alert["explanation"])),
        *_section(out, "Facts", _facts(alert["facts"])),
        *_section(out, "Evidence (masked)", map(safe.display, alert["evidence"])),
        *_section(out, "Next steps", _numbered(alert["next_steps"])),
        *_section(out, "History", map(_history, alert["history"])),
        *_section(out, "Notifications", map(_message, alert["notifications"])),
        *_section(out, "Linked events", _events(alert["events"])),
        *_section(out, "To go on", _commands(alert)),
    ]
    return "\n".join(parts) + "\n"


def _head(alert: Row, out: Output) -> str:
    level = str(alert["level"])
    title = safe.display(f"#{alert['id']} {alert['title']}")
    seen = f"{when(alert['first_seen'])} to {when(alert['last_seen'])}, {alert['count']} times"
    if alert["count"] == 1:
        seen = f"{when(alert['first_seen'])}, once"
    rows = (
        ("Level", out.style(safe.display(level), LEVEL_STYLES.get(level, ""))),
        ("Status", safe.display(plain(alert["status"]))),
        ("Host", safe.display(f"{alert['host']} ({alert['opd']})")),
        ("Entity", safe.display(f"{alert['entity']} ({alert['entity_field']})")),
        ("Seen", safe.display(seen)),
        ("Rule", safe.display(f"{alert['rule']} ({alert['stage']})")),
    )
    return "\n".join([out.style(title, "bold"), *(f"  {name:<8}{text}" for name, text in rows)])


def _section(out: Output, heading: str, lines: Iterable[str]) -> list[str]:
    """Return the section as one block with an empty line before it; nothing when it is empty."""
    body = [f"  {line}" for line in lines]
    return ["\n".join(["", out.style(heading, "bold"), *body])] if body else []


def _paragraphs(text: str) -> list[str]:
    return [
        line
        for paragraph in text.splitlines()
        for line in textwrap.wrap(safe.display(paragraph), _WIDTH, break_long_words=False)
    ]


def _facts(facts: list[dict[str, str]]) -> list[str]:
    width = max((len(safe.display(fact["label"])) for fact in facts), default=0)
    return [
        f"{safe.display(fact['label']):<{width}}  {safe.display(plain(fact['value']))}"
        for fact in facts
    ]


def _numbered(steps: list[str]) -> list[str]:
    return [
        line
        for number, step in enumerate(steps, 1)
        for line in textwrap.wrap(
            f"{number}. {safe.display(step)}",
            _WIDTH,
            subsequent_indent="   ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    ]


def _history(entry: Row) -> str:
    note = f": {entry['note']}" if entry["note"] else ""
    return safe.display(f"{when(entry['at'])}  {entry['action']} by {entry['actor']}{note}")


def _message(message: Row) -> str:
    text = f"{message['channel']}: {message['status']}"
    if message["delivered"]:
        text += f" {when(message['delivered'])}"
    if message["error"] and message["status"] != "delivered":
        text += f" after {message['attempts']} attempts: {message['error']}"
    return safe.display(text)


def _events(ids: list[str]) -> list[str]:
    shown = [safe.display(event) for event in ids[:_MAX_EVENTS]]
    more = len(ids) - len(shown)
    return [*shown, f"... and {more} more (-o json has all)"] if more else shown


def _near(iso: str, minutes: int) -> str:
    """Return the local minute so many *minutes* from *iso*, as --since and --until take it."""
    moment = datetime.fromisoformat(iso) + timedelta(minutes=minutes)
    return moment.astimezone().strftime("%Y-%m-%dT%H:%M")


def _commands(alert: Row) -> list[str]:
    number = alert["id"]
    lines = [safe.display(f"ronda events show {alert['last_event']}")]
    if alert["agent"] != "collector":
        around = (
            f"--since {_near(alert['first_seen'], -10)} --until {_near(alert['last_seen'], 10)}"
        )
        lines.append(safe.display(f"ronda events search {around} agent={alert['agent']}"))
        lines.append(safe.display(f"ronda hosts show {alert['agent']}"))
    if alert["status"] == "open":
        lines.append(f'ronda alerts ack {number} --note "..."')
    if alert["status"] != "closed":
        lines.append(f'ronda alerts close {number} --note "..."')
    else:
        lines.append(f"ronda alerts reopen {number}")
    return lines
