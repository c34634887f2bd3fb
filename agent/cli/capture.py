"""capture: look at network traffic now, from a file or an interface."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from agent.cli.base import fail, load_config, print_table, show_bytes
from agent.cli.words import N_, Words, lang_option, language

if TYPE_CHECKING:
    from pathlib import Path

    from collectors.kinds import Kind, NetworkContent, NetworkFinding, NetworkFlow, NetworkService
    from collectors.network.contents import Contents
    from collectors.network.messages import Answer
    from collectors.sighting import Sighting

_SHOWN = 20
_SEVERITIES = (N_("flow"), N_("low"), N_("medium"), N_("high"), N_("critical"))


@click.command()
@click.option("--pcap", type=click.Path(dir_okay=False), help="Capture file: pcap or pcapng.")
@click.option("--interface", help="Interface to watch instead; as root or with CAP_NET_RAW.")
@click.option("--seconds", type=click.FloatRange(0.1, 86400), default=10.0, show_default=True)
@click.option(
    "--local", multiple=True, metavar="ADDRESS", help="Of the host that the file is about."
)
@click.option("--json", "lines", is_flag=True, help="One JSON object for each line.")
@lang_option
@click.pass_context
def capture(
    ctx: click.Context,
    *,
    pcap: str | None,
    interface: str | None,
    seconds: float,
    local: tuple[str, ...],
    lines: bool,
    lang: str | None,
) -> None:
    """Look at network traffic now: conversations, names, findings.

    Reads a capture file, or watches an interface for a while, through the same process as the
    sensor. Nothing is sent and nothing is kept; names are shown scrubbed. With --local the
    directions are those of that host. Exit code 0 whatever was found, 1 when the file is damaged
    (what came before the damage is shown).
    """
    from collectors.api import Unsupported
    from collectors.child import ChildError

    if bool(pcap) == bool(interface):
        raise click.UsageError("say either --pcap FILE or --interface NAME")
    try:
        last, told = _collect(ctx, pcap, interface, seconds, local)
    except (ChildError, Unsupported) as error:
        fail(f"capture failed: {error}")
    except OSError as error:
        fail(f"cannot read {pcap or interface}: {error.strerror or error}")
    if lines:
        _print_lines(last, told)
    else:
        _print_text(Words(language(lang)), last, told)
    if last.damage:
        fail(f"{pcap}: {last.damage}")


def _collect(
    ctx: click.Context,
    pcap: str | None,
    interface: str | None,
    seconds: float,
    local: tuple[str, ...],
) -> tuple[Answer, list[Sighting]]:
    """Return the last answer and all that was told."""
    from collectors.network.replay import read_file, read_interface
    from collectors.network.settings import NetworkSettings

    config = load_config(ctx)
    settings = config.sensors.get("network")
    if not isinstance(settings, NetworkSettings):
        settings = NetworkSettings()
    key, addresses = secrets.token_bytes(32), _addresses(local)
    told: list[Sighting] = []
    answer: Answer | None = None
    descriptor = os.open(pcap, os.O_RDONLY | os.O_CLOEXEC) if pcap is not None else -1
    contents = _contents(config.state_dir, key, told, live=pcap is None)
    contents.start()
    try:
        if pcap is None:
            answers = read_interface(str(interface), seconds, key, settings, contents)
        else:
            answers = read_file(descriptor, key, settings, addresses, contents)
        for answer in answers:
            told += answer.sightings
    finally:
        contents.stop()
        if descriptor >= 0:
            os.close(descriptor)
    if answer is None:
        raise AssertionError("there is always an answer")
    return answer, told


def _contents(state_dir: Path, key: bytes, told: list[Sighting], *, live: bool) -> Contents:
    """Return what looks into cleartext. Its tokens are of a key that nobody keeps."""
    from collectors.api import Keys
    from collectors.network.contents import Contents
    from collectors.sighting import Sighting

    def emit(record: Kind, observed: int, severity: int | None) -> None:
        told.append(Sighting(record=record, observed=observed, module="network", severity=severity))

    return Contents(Keys(fleet=key, fleet_epoch=0), state_dir, emit, live=live)


def _addresses(texts: Iterable[str]) -> tuple[bytes, ...]:
    import ipaddress

    try:
        return tuple(ipaddress.ip_address(text).packed for text in texts)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--local") from error


def _print_lines(last: Answer, told: list[Sighting]) -> None:
    import msgspec

    from collectors.kinds import Severity

    for sighting in told:
        record: dict[str, Any] = msgspec.to_builtins(sighting.record)
        severity = sighting.severity
        if severity is None:
            severity = type(sighting.record).default_severity
        record["@timestamp"] = sighting.observed
        record["event.severity"] = int(Severity(severity))
        click.echo(json.dumps(record))
    total = {"packets": last.packets, "evicted": last.evicted, "damage": last.damage or None}
    click.echo(json.dumps({"total": total}))


def _print_text(words: Words, last: Answer, told: list[Sighting]) -> None:
    from collectors.kinds import NetworkContent, NetworkFinding, NetworkFlow, NetworkService

    crossed = [one for one in told if isinstance(one.record, NetworkContent)]
    findings = [one for one in told if isinstance(one.record, NetworkFinding)]
    flows = [one.record for one in told if isinstance(one.record, NetworkFlow)]
    services = [one.record for one in told if isinstance(one.record, NetworkService)]
    if findings:
        findings.sort(key=lambda one: (-(one.severity or 0), one.observed))
        click.echo(words.say(N_("FINDINGS")))
        for one in findings[:_SHOWN]:
            if isinstance(one.record, NetworkFinding):
                click.echo(f"  {_finding(words, one.record, one.severity or 0)}")
        _more(words, len(findings))
    if crossed:
        crossed.sort(key=lambda one: (-(one.severity or 0), one.observed))
        click.echo(words.say(N_("CROSSED IN CLEAR")))
        for one in crossed[:_SHOWN]:
            if isinstance(one.record, NetworkContent):
                click.echo(f"  {_content(words, one.record, one.severity or 0)}")
        _more(words, len(crossed))
    if services:
        click.echo(words.say(N_("NAMES AND VERSIONS")))
        for service in sorted(services, key=lambda one: -one.count)[:_SHOWN]:
            click.echo(f"  {_service(service)}")
        _more(words, len(services))
    if flows:
        _flows(words, flows)
    text = N_("{packets} packets, {flows} lines of conversations, {findings} findings")
    click.echo(
        words.say(text, packets=last.packets, flows=len(flows), findings=len(findings)), err=True
    )


def _flows(words: Words, flows: list[NetworkFlow]) -> None:
    flows = sorted(flows, key=lambda one: -(one.sent + one.answered))
    headings = (N_("CLIENT"), N_("SERVER"), N_("SERVICE"), N_("COUNT"), N_("OUT"), N_("IN"))
    rows = [
        (
            one.source or words.say(N_("{number} others"), number=one.peers),
            one.destination or "-",
            f"{one.port}/{one.transport}" if one.port else one.transport,
            one.count,
            show_bytes(one.sent),
            show_bytes(one.answered),
        )
        for one in flows[:_SHOWN]
    ]
    print_table([words.say(one) for one in headings], rows)
    _more(words, len(flows))


def _more(words: Words, count: int) -> None:
    if count > _SHOWN:
        text = N_("  and {number} more; all of them with --json")
        click.echo(words.say(text, number=count - _SHOWN))


def _finding(words: Words, one: NetworkFinding, severity: int) -> str:
    from signatures.network_names import NAMES

    who = " -> ".join(str(end) for end in (one.source, one.destination) if end)
    if one.port:
        who += f" port {one.port}"
    named = words.say(NAMES[one.rule]) if one.rule in NAMES else one.rule
    text = f"{words.say(_SEVERITIES[severity])}: {named} ({one.rule}) {who}"
    service = f"{one.destination}:{one.port}"
    if one.entity and one.entity not in {one.source, one.destination, service}:
        text += f" {one.entity.removeprefix(service).strip()}"
    shown = [other for other in one.texts if other and other not in text]
    return text + (f": {', '.join(shown[:2])}" if shown else "")


def _content(words: Words, one: NetworkContent, severity: int) -> str:
    who = " -> ".join(str(end) for end in (one.source, one.destination) if end)
    held = ", ".join(f"{tally.count} {tally.type}" for tally in one.tallies)
    text = f"{words.say(_SEVERITIES[severity])}: {held} {who} {one.what}"
    if one.account:
        text += f" {one.account}"
    samples = [sample for tally in one.tallies for sample in tally.samples]
    return f"{text}: {samples[0]}" if samples else text


def _service(one: NetworkService) -> str:
    name = one.domain or one.question or one.destination or "-"
    parts = [one.protocol, name, one.version, one.question_type, one.response_code, one.software]
    if one.certificate:
        parts.append(f"{one.subject or '-'} / {one.issuer or '-'}")
    return " ".join(str(part) for part in parts if part) + f" x{one.count}"
