"""What `capture` found, for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from agent.cli.base import print_table, print_wrapped, show_bytes, show_time
from agent.cli.words import N_, P_, Words

if TYPE_CHECKING:
    from collectors.kinds import NetworkContent, NetworkFinding, NetworkFlow, NetworkService
    from collectors.network.messages import Answer
    from collectors.sighting import Sighting

_SHOWN = 20
_SEVERITIES = (N_("flow"), N_("low"), N_("medium"), N_("high"), N_("critical"))
_SAMPLES = 8
"""Texts of a finding that are shown: the ports of a scan, the accounts of a guesser."""


def print_text(words: Words, last: Answer, told: list[Sighting]) -> None:
    """Print findings, content, names and conversations, the worst first; totals to stderr."""
    from collectors.kinds import NetworkContent, NetworkFinding, NetworkFlow, NetworkService

    told = sorted(told, key=lambda one: (-(one.severity or 0), one.observed))
    crossed = [(one.record, one) for one in told if isinstance(one.record, NetworkContent)]
    findings = [(one.record, one) for one in told if isinstance(one.record, NetworkFinding)]
    flows = [one.record for one in told if isinstance(one.record, NetworkFlow)]
    services = [one.record for one in told if isinstance(one.record, NetworkService)]
    if findings:
        click.echo(words.say(N_("FINDINGS")))
        for finding, sighting in findings[:_SHOWN]:
            _entry(words, sighting.severity or 0, *_finding(words, finding))
        _more(words, len(findings))
    if crossed:
        click.echo(words.say(N_("CROSSED IN CLEAR")))
        for content, sighting in crossed[:_SHOWN]:
            _entry(words, sighting.severity or 0, *_content(content))
        _more(words, len(crossed))
    if services:
        click.echo(words.say(N_("NAMES AND VERSIONS")))
        for service in sorted(services, key=lambda one: -one.count)[:_SHOWN]:
            click.echo(f"  {_service(service)}")
        _more(words, len(services))
    rows = _merged(flows)
    if rows:
        _flows(words, rows)
    if not told and last.packets:
        text = N_("None of these packets is of a kind that is read here. Try ronda-agent dissect.")
        print_wrapped("", words.say(text), 0)
    parts = (
        (P_("{number} packet", "{number} packets"), last.packets),
        (P_("{number} conversation", "{number} conversations"), sum(one.count for one in flows)),
        (P_("{number} finding", "{number} findings"), len(findings) + len(crossed)),
    )
    click.echo(", ".join(words.count(*text, number) for text, number in parts), err=True)


def _entry(words: Words, severity: int, title: str, details: str) -> None:
    """Print a finding on two lines, more where the terminal is narrow."""
    level = words.say(_SEVERITIES[severity])
    indent = 4 + max(len(words.say(one)) for one in _SEVERITIES)
    print_wrapped(f"  {level}", title, indent)
    print_wrapped("", details, indent)


def _ends(source: str | None, destination: str | None, port: int | None = None) -> str:
    who = " -> ".join(end for end in (source, destination) if end)
    return f"{who} port {port}" if port else who


def _finding(words: Words, one: NetworkFinding) -> tuple[str, str]:
    from signatures.network_names import NAMES

    named = words.say(NAMES[one.rule]) if one.rule in NAMES else one.rule
    parts = [_ends(one.source, one.destination, one.port)]
    # What it is counted under, less what was just said.
    said = {one.source, one.destination, f"{one.destination}:{one.port}", *one.texts}
    parts += [word for word in (one.entity or "").split() if word not in said]
    if one.count > 1:
        parts.append(f"x{one.count}")
    parts.append(show_time(one.begin))
    samples = [text for text in one.texts if text][:_SAMPLES]
    details = ", ".join(part for part in parts if part)
    return f"{named} ({one.rule})", f"{details}: {', '.join(samples)}" if samples else details


def _content(one: NetworkContent) -> tuple[str, str]:
    held = ", ".join(f"{tally.count} {tally.type}" for tally in one.tallies)
    parts = [_ends(one.source, one.destination), one.what, one.account, show_time(one.begin)]
    details = ", ".join(str(part) for part in parts if part)
    samples = [sample for tally in one.tallies for sample in tally.samples]
    return held, f"{details}: {samples[0]}" if samples else details


def _merged(flows: Iterable[NetworkFlow]) -> list[list[str | int]]:
    """Return who spoke to whom over all minutes: ends, service, how often, bytes out and in."""
    rows: dict[tuple[str, str, str], list[str | int]] = {}
    for one in flows:
        service = f"{one.port}/{one.transport}" if one.port else one.transport
        source = str(one.source or "")
        key = (source, str(one.destination or "-"), service)
        row = rows.setdefault(key, [*key, 0, 0, 0, 0])
        row[3] = max(int(row[3]), one.peers)
        for place, number in enumerate((one.count, one.sent, one.answered), 4):
            row[place] = int(row[place]) + number
    # What had no line of its own is no peer: it stands below.
    return sorted(rows.values(), key=lambda row: (not row[0], -int(row[5]) - int(row[6])))


def _flows(words: Words, rows: Sequence[list[str | int]]) -> None:
    headings = (N_("CLIENT"), N_("SERVER"), N_("SERVICE"), N_("COUNT"), N_("OUT"), N_("IN"))
    named = [row for row in rows if row[0]]
    shown = [*named[:_SHOWN], *(row for row in rows if not row[0])]
    others = P_("{number} other", "{number} others")
    cells = [
        (
            source or words.count(*others, int(peers)),
            destination,
            service,
            count,
            show_bytes(int(sent)),
            show_bytes(int(answered)),
        )
        for source, destination, service, peers, count, sent, answered in shown
    ]
    print_table([words.say(one) for one in headings], cells)
    _more(words, len(named))


def _more(words: Words, count: int) -> None:
    if count > _SHOWN:
        text = N_("  and {number} more; all of them with --json")
        click.echo(words.say(text, number=count - _SHOWN))


def _service(one: NetworkService) -> str:
    name = one.domain or one.question or one.destination or "-"
    parts = [one.protocol, name, one.version, one.question_type, one.response_code, one.software]
    if one.certificate:
        parts.append(f"{one.subject or '-'} / {one.issuer or '-'}")
    return " ".join(str(part) for part in parts if part) + f" x{one.count}"
