"""Alerts as messages: short enough for a phone, with what to do and where to look. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from server.alerts.catalog import N_, translate
from server.alerts.model import LEVELS
from server.alerts.render import LEVEL_WORDS, clean, moment, number, render_text, render_title
from server.alerts.sentences import fill
from server.notify.channels import Message

MAX_BODY = 3500
"""Characters; several services cut off at 4096."""

LISTED = 8
"""Alerts named in a digest."""

TITLE = N_("[{level}] {title} on {host}")
AGAIN = N_("[{level}] Again ({count} times): {title} on {host}")
SEEN = N_("Seen: {when}")
STEPS = N_("What to do:")
MORE = N_("More: ronda alerts show {alert}")
DIGEST_TITLE = N_("[{level}] and {number} more alerts")
DIGEST_BODY = N_("Too many alerts for single messages. These came since the last one:")
DIGEST_MORE = N_("See all: ronda alerts list")
AND_MORE = N_("... and {number} more")
TEST_TITLE = N_("Test message from Ronda")
TEST_BODY = N_("If you can read this, alerts reach you through the channel {channel}.")

_TYPES: Mapping[str, str] = {"critical": "failure", "high": "failure", "medium": "warning"}


def alert_message(row: Mapping[str, Any], reason: str, language: str) -> Message:
    """Return the message for a row of table ``alert``; *reason* is the outbox row's."""
    text = render_text(row, language)
    words = _words(row, language)
    first = reason == "opened"
    template = TITLE if first else AGAIN
    # The message may be late, and the three days of the law run from when it was seen.
    seen = moment(int(row["first_seen" if first else "last_seen"]))
    steps = [f"{place}. {step}" for place, step in enumerate(text["next_steps"], 1)]
    parts = [
        text["explanation"],
        fill(translate(SEEN, language), {"when": seen}),
        "\n".join([translate(STEPS, language), *steps]) if steps else "",
        fill(translate(MORE, language), words),
    ]
    return Message(
        title=fill(translate(template, language), words),
        body="\n\n".join(part for part in parts if part)[:MAX_BODY],
        type=_TYPES.get(str(row["level"]), "info"),
    )


def digest_message(rows: Sequence[Mapping[str, Any]], language: str) -> Message:
    """Return one message for many rows of table ``alert``, the worst first."""
    ordered = sorted(rows, key=lambda row: -LEVELS.index(row["level"]))
    worst = str(ordered[0]["level"])
    levels = Counter(str(row["level"]) for row in ordered)
    counts = ", ".join(
        f"{number(count, language)} {translate(LEVEL_WORDS[level], language)}"
        for level, count in sorted(levels.items(), key=lambda item: -LEVELS.index(item[0]))
    )
    listed = [
        f"- {fill(translate(TITLE, language), _words(row, language))}" for row in ordered[:LISTED]
    ]
    left = len(ordered) - len(listed)
    if left:
        listed.append(fill(translate(AND_MORE, language), {"number": number(left, language)}))
    title = {"level": _level(worst, language), "number": number(len(ordered), language)}
    parts = [translate(DIGEST_BODY, language), counts, "\n".join(listed)]
    return Message(
        title=fill(translate(DIGEST_TITLE, language), title),
        body="\n\n".join([*parts, translate(DIGEST_MORE, language)])[:MAX_BODY],
        type=_TYPES.get(worst, "info"),
    )


def trial_message(channel: str, language: str) -> Message:
    """Return what ``ronda notify test`` sends."""
    body = fill(translate(TEST_BODY, language), {"channel": clean(channel)})
    return Message(title=translate(TEST_TITLE, language), body=body)


def _level(level: str, language: str) -> str:
    return translate(LEVEL_WORDS[level], language).upper()


def _words(row: Mapping[str, Any], language: str) -> dict[str, str]:
    return {
        "level": _level(str(row["level"]), language),
        "title": render_title(row, language),
        "host": clean(str(row["host"])),
        "count": number(row["count"], language),
        "alert": str(row["id"]),
    }
