"""How the agent is, in a few lines for people: what is watched, blind, lost and due. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from agent.cli.base import number_of, show_bytes, show_time
from agent.cli.summary_network import network
from agent.cli.words import N_, Words
from agent.clock import SECOND
from agent.health import Status

HEALTHY = N_("healthy")
UNHEALTHY = N_("NOT HEALTHY ({number})")
STATES = {
    "not started": N_("not started"),
    "first baseline": N_("first baseline: what is there is being recorded"),
    "comparing": N_("comparing with the baseline"),
    "watching": N_("watching"),
    "running": N_("running"),
    "stopped": N_("stopped"),
    "starting": N_("starting"),
    "crashed": N_("crashed; it is tried again"),
    "unsupported": N_("cannot run on this host"),
}
UNKNOWN = {
    "sampled": N_("{number} looked into in part"),
    "too_large": N_("{number} too large"),
    "timed_out": N_("{number} took too long"),
    "encrypted": N_("{number} encrypted"),
    "unreadable": N_("{number} not to be read"),
    "damaged": N_("{number} damaged"),
    "unsupported": N_("{number} of a form that is not known"),
    "crashed": N_("{number} that end the reader"),
}
"""What the exposure sensor counts that is not clean."""
NOTHING = N_("nothing")


class Line(NamedTuple):
    """One line of the page; wrapped by whoever prints it."""

    label: str
    text: str


def summary(found: Status, pending: int, words: Words) -> Iterator[Line]:
    """Yield the lines about agent, delivery and each sensor."""
    say = words.say
    since = show_time(found.started)
    yield Line(
        say(N_("agent")),
        say(
            N_("{agent} of {opd}, version {version}, since {since}"),
            agent=found.agent,
            opd=found.opd,
            version=found.version,
            since=since,
        ),
    )
    yield Line(say(N_("collector")), _collector(found, words))
    size, most = (show_bytes(found.spool.get(key, 0)) for key in ("bytes", "max_bytes"))
    waiting = say(
        N_("{number} events wait ({size} of {most})"), number=pending, size=size, most=most
    )
    yield Line(say(N_("delivery")), waiting if pending else say(N_("everything is delivered")))
    for name, sensor in found.sensors.items():
        yield from _sensor(name, sensor, words)


def _collector(found: Status, words: Words) -> str:
    uplink, say = found.uplink, words.say
    answered = uplink.get("last_answer")
    last = (
        say(N_("last answer {time} ago"), time=words.ago((found.written - answered) / SECOND))
        if answered
        else say(N_("no answer yet"))
    )
    state = say(N_("connected")) if uplink.get("connected") else say(N_("NOT CONNECTED"))
    until = show_time(uplink.get("certificate_until"))
    certificate = say(N_("certificate until {until}"), until=until)
    return f"{uplink.get('collector', '-')} {state}, {last}; {certificate}"


def _sensor(name: str, sensor: Mapping[str, Any], words: Words) -> Iterator[Line]:
    facts: Mapping[str, Any] = sensor.get("coverage", {})
    state = str(sensor.get("state", ""))
    if state == "running" and facts.get("state"):
        state = str(facts["state"])
    text = words.say(STATES[state]) if state in STATES else state
    if sensor.get("restarts"):
        text += ", " + words.say(N_("restarted {number} times"), number=sensor["restarts"])
    if sensor.get("reason"):
        text += f" ({sensor['reason']})"
    yield Line(name, text)
    lines = {"files": _files, "exposure": _exposure, "network": network}.get(name)
    if lines is None or state in ("unsupported", "starting", "not started"):
        return
    for label, sentence in lines(facts, words):
        yield Line(f"  {label}", sentence)


def _files(facts: Mapping[str, Any], words: Words) -> Iterator[Line]:
    say = words.say
    number = partial(number_of, facts)
    watched, total = number("watched_directories"), number("total_directories")
    yield Line(
        say(N_("watched")),
        say(
            N_("{watched} of {total} directories, {entries} names; heard by {backend}"),
            watched=watched,
            total=max(watched, total),
            entries=number("entries"),
            backend=facts.get("backend", "-"),
        ),
    )
    blind, lost = number("blind_directories"), number("overflows")
    yield Line(
        say(N_("blind")),
        _counted(
            words, N_("{number} directories; changes there are only found by comparing"), blind
        ),
    )
    yield Line(
        say(N_("lost")),
        _counted(
            words,
            N_("events, {number} times since the start; all is compared after it"),
            lost,
            N_("nothing since the start"),
        ),
    )
    yield Line(say(N_("due")), "; ".join(_due(facts, words)))
    waiting = "; ".join(_open(facts, words))
    yield Line(say(N_("open")), waiting or say(NOTHING))


def _counted(words: Words, text: str, number: int, none: str = NOTHING) -> str:
    return words.say(text, number=number) if number else words.say(none)


def _due(facts: Mapping[str, Any], words: Words) -> Iterator[str]:
    say = words.say
    age, interval = float(facts.get("last_reconcile_age", -1)), facts.get("reconcile_interval", 0)
    if age < 0:
        yield say(N_("not compared with the baseline yet"))
    else:
        again = words.ago(float(interval))
        yield say(N_("compared {time} ago, again every {again}"), time=words.ago(age), again=again)
    left = float(facts.get("rehash_eta", -1))
    if left >= 0:
        percent = f"{float(facts.get('rehash_percent', 0)):.0f}"
        yield say(
            N_("contents read again: {percent}%, {time} left"),
            percent=percent,
            time=words.ago(left),
        )


def _open(facts: Mapping[str, Any], words: Words) -> Iterator[str]:
    say, number = words.say, partial(number_of, facts)
    held, git = number("held"), number("git_held")
    windows, drift = number("windows"), number("drift")
    if held:
        yield say(N_("{number} changes wait for the end of a package run"), number=held)
    if git:
        yield say(N_("{number} changes wait for git"), number=git)
    if windows:
        yield say(N_("{number} change windows: ronda-agent expect --list"), number=windows)
    if drift:
        yield say(
            N_("{number} differ from the accepted state: ronda-agent baseline diff"), number=drift
        )


def _exposure(facts: Mapping[str, Any], words: Words) -> Iterator[Line]:
    say, number = words.say, partial(number_of, facts)
    found, waiting = number("findings"), number("waiting")
    yield Line(
        say(N_("found")),
        _counted(words, N_("{number} files hold personal data or credentials"), found),
    )
    yield Line(
        say(N_("due")),
        _counted(words, N_("{number} files wait to be looked into"), waiting),
    )
    unknown = [say(text, number=number(key)) for key, text in UNKNOWN.items() if number(key)]
    yield Line(say(N_("unclear")), ", ".join(unknown) or say(NOTHING))
