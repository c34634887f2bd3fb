"""How the network sensor is, in a few lines for people. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agent.cli.base import number_of
from agent.cli.words import N_, P_, Words

_INTERFACE = "interface "
"""Begins the name of the line that the sensor writes for each interface."""
_REFUSED = "not watched: "
_DOWN = ", down"


def network(facts: Mapping[str, Any], words: Words) -> Iterator[tuple[str, str]]:
    """Yield label and sentence of each line."""
    say = words.say
    if "interfaces" not in facts:  # the process that reads packets has not answered yet
        yield say(N_("watched")), say(N_("nothing yet"))
        return
    seen, flows = number_of(facts, "packets"), number_of(facts, "flows")
    yield (
        say(N_("watched")),
        say(
            N_("{interfaces}; {packets} packets since the start, {flows} conversations now"),
            interfaces=facts["interfaces"],
            packets=seen,
            flows=flows,
        ),
    )
    yield say(N_("blind")), "; ".join(_blind(facts, words)) or say(N_("nothing"))
    yield say(N_("lost")), "; ".join(_lost(facts, words)) or say(N_("nothing since the start"))


def _blind(facts: Mapping[str, Any], words: Words) -> Iterator[str]:
    say = words.say
    for key, text in facts.items():
        name = key.removeprefix(_INTERFACE)
        if name == key:
            continue
        if str(text).startswith(_REFUSED):
            yield f"{name}: {str(text).removeprefix(_REFUSED)}"
        elif str(text).endswith(_DOWN):
            yield say(N_("{interface} is down"), interface=name)
    beyond = number_of(facts, "interfaces_beyond")
    beyond += number_of(facts, "interfaces_without_printable_name")
    if beyond:
        yield words.count(
            *P_(
                "{number} more interface is not watched", "{number} more interfaces are not watched"
            ),
            beyond,
        )
    if facts.get("indicators"):
        yield say(N_("indicators {reason}"), reason=facts["indicators"])
    if facts.get("missing"):
        yield say(N_("without {names}"), names=facts["missing"])
    if str(facts.get("processes", "")).startswith("users only"):
        yield say(N_("programs of other users (programs.conf lets them be named)"))


def _lost(facts: Mapping[str, Any], words: Words) -> Iterator[str]:
    lost, received = number_of(facts, "lost"), number_of(facts, "received")
    if lost:
        share = f"{100 * lost / max(1, received):.2f} %"
        yield words.count(
            *P_("{number} packet ({share})", "{number} packets ({share})"), lost, share=share
        )
    unseen = facts.get("unseen_percent", 0)
    if isinstance(unseen, (int, float)) and unseen >= 0.01:
        text = N_("{share} of acknowledged bytes never came by")
        yield words.say(text, share=f"{unseen:.2f} %")
    content = number_of(facts, "content_dropped")
    if content:
        yield words.count(
            *P_(
                "{number} piece of content was not looked into",
                "{number} pieces of content were not looked into",
            ),
            content,
        )
    died = number_of(facts, "child_restarts")
    if died:
        yield words.count(
            *P_(
                "what was on its way when the reading process died, {number} time",
                "what was on its way when the reading process died, {number} times",
            ),
            died,
        )
