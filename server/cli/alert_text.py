"""One alert as a page for an analyst, in the language of the alert's texts."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial

from server.alerts.catalog import N_, translate
from server.cli import safe
from server.cli.output import LEVEL_STYLES, Output, Row, columns_of_terminal, plain, when

_WIDTH = 96
"""Columns of running text, at most."""
MEANING = N_("What it means")
FACTS = N_("Facts")
EVIDENCE = N_("Evidence (masked)")
STEPS = N_("Next steps")
HISTORY = N_("History")
NOTIFICATIONS = N_("Notifications")
EVENTS = N_("Linked events")
COMMANDS = N_("To go on")
LEVEL = N_("Level")
STATUS = N_("Status")
HOST = N_("Host")
ENTITY = N_("Entity")
SEEN = N_("Seen")
RULE = N_("Rule")
ONCE = N_("once")
TIMES = N_("{number} times")
ACTIONS = {
    "opened": N_("opened by {actor}"),
    "acknowledged": N_("acknowledged by {actor}"),
    "closed": N_("closed by {actor}"),
    "reopened": N_("reopened by {actor}"),
}
_MAX_EVENTS = 20
"""Linked events on the page; json has all."""


def alert_page(alert: Row, out: Output) -> str:
    """Return the page, safe for a terminal."""
    say = partial(translate, language=str(alert.get("language", "en")))
    parts = [
        _head(alert, out, say),
        *section(out, say(MEANING), _paragraphs(alert["explanation"])),
        *section(out, say(FACTS), _facts(alert["facts"])),
        *section(out, say(EVIDENCE), map(safe.display, alert["evidence"])),
        *section(out, say(STEPS), numbered(alert["next_steps"])),
        *section(out, say(HISTORY), (_history(entry, say) for entry in alert["history"])),
        *section(out, say(NOTIFICATIONS), map(_message, alert["notifications"])),
        *section(out, say(EVENTS), _events(alert["events"])),
        *section(out, say(COMMANDS), _commands(alert)),
    ]
    return "\n".join(parts) + "\n"


def _head(alert: Row, out: Output, say: Callable[[str], str]) -> str:
    level = str(alert["level"])
    title = safe.display(f"#{alert['id']} {alert['title']}")
    first, last = when(alert["first_seen"]), when(alert["last_seen"])
    count = say(TIMES).replace("{number}", str(alert["count"])) if alert["count"] > 1 else say(ONCE)
    span = first if first == last else f"{first} - {last}"
    rows = (
        (LEVEL, out.style(safe.display(level), LEVEL_STYLES.get(level, ""))),
        (STATUS, safe.display(plain(alert["status"]))),
        (HOST, safe.display(f"{alert['host']} ({alert['opd']})")),
        (ENTITY, safe.display(f"{alert['entity']} ({alert['entity_field']})")),
        (SEEN, safe.display(f"{span}, {count}")),
        (RULE, safe.display(f"{alert['rule']} ({alert['stage']})")),
    )
    width = max(len(say(name)) for name, _ in rows)
    lines = (f"  {say(name):<{width}}  {text}" for name, text in rows)
    return "\n".join([out.style(title, "bold"), *lines])


def section(out: Output, heading: str, lines: Iterable[str]) -> list[str]:
    """Return the section as one block with an empty line before it; nothing when it is empty."""
    body = [f"  {line}" for line in lines]
    return ["\n".join(["", out.style(heading, "bold"), *body])] if body else []


def _paragraphs(text: str) -> list[str]:
    return [line for paragraph in text.splitlines() for line in _wrap(safe.display(paragraph))]


def _facts(facts: list[dict[str, str]]) -> list[str]:
    width = max((len(safe.display(fact["label"])) for fact in facts), default=0)
    return [
        f"{safe.display(fact['label']):<{width}}  {safe.display(plain(fact['value']))}"
        for fact in facts
    ]


def numbered(steps: list[str]) -> list[str]:
    """Return *steps* as numbered lines for this terminal."""
    return [
        line
        for number, step in enumerate(steps, 1)
        for line in _wrap(f"{number}. {safe.display(step)}", indent="   ")
    ]


def _wrap(text: str, indent: str = "") -> list[str]:
    """Return lines for this terminal; a path or a command is not broken inside a word."""
    return textwrap.wrap(
        text,
        min(_WIDTH, columns_of_terminal() - 2),
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _history(entry: Row, say: Callable[[str], str]) -> str:
    note = f": {entry['note']}" if entry["note"] else ""
    words = say(ACTIONS[entry["action"]]) if entry["action"] in ACTIONS else entry["action"]
    done = words.replace("{actor}", str(entry["actor"]))
    return safe.display(f"{when(entry['at'])}  {done}{note}")


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
    if alert["entity_field"] == "file.path":
        path = shlex.quote(safe.display(alert["entity"]))
        lines.append(f"ronda files history {path} --diff")
    if alert["status"] == "open":
        lines.append(f'ronda alerts ack {number} --note "..."')
    if alert["status"] != "closed":
        lines.append(f'ronda alerts close {number} --note "..."')
    else:
        lines.append(f"ronda alerts reopen {number}")
    return lines
