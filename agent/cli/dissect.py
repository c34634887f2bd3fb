"""dissect: a capture file's ARP, DHCP, ICMP, SMB, Kerberos and unknown packets in words."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cli.base import fail
from agent.cli.sentences import sentence, why
from agent.cli.words import N_, Words, lang_option, language

if TYPE_CHECKING:
    from collectors.network.dissect.forms import Explained, Frame

_CATEGORIES = ("arp", "dhcp", "icmp", "smb", "kerberos", "other")


@click.command()
@click.argument("pcap", type=click.Path(dir_okay=False))
@click.option(
    "--only", type=click.Choice(_CATEGORIES), multiple=True, help="Only such packets; repeatable."
)
@click.option("--most", type=click.IntRange(1, 10_000), default=100, show_default=True)
@click.option("--evidence", type=click.Path(dir_okay=False), help="Write them to a capture file.")
@click.option("--payload", is_flag=True, help="Evidence with all bytes, not the headers alone.")
@click.option("--json", "lines", is_flag=True, help="One JSON object for each line.")
@lang_option
def dissect(
    pcap: str,
    *,
    only: tuple[str, ...],
    most: int,
    evidence: str | None,
    payload: bool,
    lines: bool,
    lang: str | None,
) -> None:
    """Show packets of a capture file that the sensor's own parsers do not read, in words.

    Needs scapy, which runs in a process of its own with no access to anything. Names are shown
    scrubbed; passwords, tickets and responses to challenges are not shown. --evidence writes
    headers only, unless --payload is given.
    """
    from collectors.child import ChildError
    from collectors.network.dissect.forms import CATEGORIES, HEADERS, NOTHING, WHOLE
    from collectors.network.dissect.snippet import snippet
    from collectors.network.dissector import available
    from collectors.network.dissector import dissect as ask

    words = Words(language(lang))
    if not available():
        fail(words.say(N_("scapy is not installed here; it comes with the extra [agent]")))
    if payload and not evidence:
        raise click.UsageError(words.say(N_("--payload is for --evidence: say --evidence FILE")))
    wanted = NOTHING if evidence is None else WHOLE if payload else HEADERS
    try:
        descriptor = os.open(pcap, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        fail(words.say(N_("cannot read {name}: {why}"), name=pcap, why=why(words, error)))
    frames: list[Frame] = []
    damage, link = "", 1
    try:
        for answer in ask(descriptor, most=most, categories=only or CATEGORIES, frames=wanted):
            for one in answer.explained:
                click.echo(_line(one, lines=lines))
            frames += answer.frames
            damage, link = answer.damage or damage, answer.link
    except ChildError as error:
        text = N_("{name}: the process that reads packets gave no answer ({why})")
        fail(words.say(text, name=pcap, why=error))
    finally:
        os.close(descriptor)
    if evidence is not None:
        _keep(words, Path(evidence), snippet(frames, link))
    if damage:
        fail(f"{pcap}: {sentence(words, damage)}")


def _keep(words: Words, path: Path, data: bytes) -> None:
    try:
        _write(path, data)
    except FileExistsError:
        text = N_("{name} is there already; evidence is never written over: say another name")
        fail(words.say(text, name=path))
    except OSError as error:
        fail(words.say(N_("cannot write {name}: {why}"), name=path, why=why(words, error)))


def _write(path: Path, data: bytes) -> None:
    # Headers alone are personal data, too: for root only, and never over an older file.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _line(one: Explained, *, lines: bool) -> str:
    import msgspec

    if lines:
        told: dict[str, Any] = msgspec.to_builtins(one)
        return json.dumps(told)
    facts = f"  [{'; '.join(one.facts)}]" if one.facts else ""
    return f"{one.number:>7}  {one.category:<8}  {one.text}{facts}"
