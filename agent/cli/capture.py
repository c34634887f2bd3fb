"""capture: look at network traffic now, from a file or an interface."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from agent.cli.base import fail, load_config
from agent.cli.sentences import sentence, why
from agent.cli.words import N_, Words, lang_option, language

if TYPE_CHECKING:
    from pathlib import Path

    from collectors.kinds import Kind
    from collectors.network.contents import Contents
    from collectors.network.messages import Answer
    from collectors.network.settings import NetworkSettings
    from collectors.sighting import Sighting


@click.command()
@click.option("--pcap", type=click.Path(dir_okay=False), help="Capture file: pcap or pcapng.")
@click.option("--interface", help="Interface to watch instead; as root or with CAP_NET_RAW.")
@click.option("--seconds", type=click.FloatRange(0.1, 86400), default=10.0, show_default=True)
@click.option(
    "--local", multiple=True, metavar="ADDRESS", help="Of the host that the file is about."
)
@click.option(
    "--indicators",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Bad addresses and names to look for: a table, or a list in CSV.",
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
    indicators: str | None,
    lines: bool,
    lang: str | None,
) -> None:
    """Look at network traffic now: conversations, names, findings.

    Reads a capture file, or watches an interface for a while, through the same process as the
    sensor. Nothing is sent and nothing is kept; names are shown scrubbed. With --local the
    directions are those of that host. --indicators takes what ronda-agent indicators takes or
    makes; without it the table that agent.toml names is used. Exit code 0 whatever was found, 1
    when the file is damaged (what came before the damage is shown).
    """
    from collectors.api import Unsupported
    from collectors.child import ChildError

    words = Words(language(lang))
    if bool(pcap) == bool(interface):
        raise click.UsageError(words.say(N_("say either --pcap FILE or --interface NAME")), ctx)
    source = _Source(pcap, str(interface), seconds, _addresses(words, local))
    try:
        last, told = _collect(ctx, words, source, indicators)
    except ChildError as error:
        text = N_("{name}: the process that reads packets gave no answer ({why})")
        fail(words.say(text, name=pcap or interface, why=error))
    except Unsupported as error:
        fail(sentence(words, str(error)))
    except OSError as error:
        fail(
            words.say(
                N_("cannot read {name}: {why}"), name=pcap or interface, why=why(words, error)
            )
        )
    if lines:
        _print_lines(last, told)
    else:
        from agent.cli.capture_text import print_text

        print_text(words, last, told)
    if last.damage:
        fail(f"{pcap}: {sentence(words, last.damage)}")


class _Source(NamedTuple):
    """Where the packets come from."""

    pcap: str | None
    interface: str
    seconds: float
    local: tuple[bytes, ...]


def _collect(
    ctx: click.Context, words: Words, source: _Source, indicators: str | None
) -> tuple[Answer, list[Sighting]]:
    """Return the last answer and all that was told."""
    from collectors.network.replay import read_file, read_interface
    from collectors.network.settings import NetworkSettings

    config = load_config(ctx)
    settings = config.sensors.get("network")
    if not isinstance(settings, NetworkSettings):
        settings = NetworkSettings()
    key = secrets.token_bytes(32)
    told: list[Sighting] = []
    answer: Answer | None = None
    with ExitStack() as stack:
        descriptor = -1
        if source.pcap is not None:
            descriptor = os.open(source.pcap, os.O_RDONLY | os.O_CLOEXEC)
            stack.callback(os.close, descriptor)
        table = _table(words, indicators, settings)
        if table is not None:
            stack.callback(os.close, table)
        contents = _contents(config.state_dir, key, told, settings, live=source.pcap is None)
        stack.callback(contents.stop)
        contents.start()
        if source.pcap is None:
            answers = read_interface(
                source.interface, source.seconds, key, settings, contents=contents, indicators=table
            )
        else:
            answers = read_file(
                descriptor, key, settings, source.local, contents=contents, indicators=table
            )
        for answer in answers:
            told += answer.sightings
            for problem in answer.problems:
                fail(f"{problem.interface}: {sentence(words, problem.reason)}")
    if answer is None:
        raise AssertionError("there is always an answer")
    return answer, told


def _table(words: Words, indicators: str | None, settings: NetworkSettings) -> int | None:
    """Return a descriptor of the table to compare with."""
    from agent.cli.indicators import open_table

    if indicators:
        return open_table(words, indicators)
    if settings.indicators and os.access(settings.indicators, os.R_OK):
        return open_table(words, settings.indicators)
    return None


def _contents(
    state_dir: Path, key: bytes, told: list[Sighting], settings: NetworkSettings, *, live: bool
) -> Contents:
    """Return what looks into cleartext. Its tokens are of a key that nobody keeps."""
    from collectors.api import Keys
    from collectors.network.contents import Contents
    from collectors.sighting import Sighting

    def emit(record: Kind, observed: int, severity: int | None) -> None:
        told.append(Sighting(record=record, observed=observed, module="network", severity=severity))

    keys = Keys(fleet=key, fleet_epoch=0)
    return Contents(keys, state_dir, emit, identifiers=settings.identifiers, live=live)


def _addresses(words: Words, texts: Iterable[str]) -> tuple[bytes, ...]:
    import ipaddress

    found = []
    for text in texts:
        try:
            found.append(ipaddress.ip_address(text).packed)
        except ValueError as error:
            reason = words.say(N_("{name} is no address"), name=repr(text))
            raise click.BadParameter(reason, param_hint="--local") from error
    return tuple(found)


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
