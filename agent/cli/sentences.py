"""What other parts say in English sentences, in the reader's language.

The parsers and children know no language. Their sentences are known here with a ``{name}`` for what
varies; one that is not known is shown as it came. Pure.
"""

from __future__ import annotations

import functools
import re

from agent.cli.words import N_, Words

SENTENCES = (
    # The system's own, of files.
    N_("No such file or directory"),
    N_("Permission denied"),
    N_("Operation not permitted"),
    N_("Is a directory"),
    N_("Not a directory"),
    N_("File exists"),
    N_("No space left on device"),
    N_("Read-only file system"),
    # Capture files (collectors.network.pcap, pcapng, dissector).
    N_("this is no capture file: it has fewer than 4 bytes"),
    N_("this is no capture file: it begins with {magic}"),
    N_("the capture file ends in its header"),
    N_("the capture file ends within a packet, at byte {number}"),
    N_("the capture file ends within a packet"),
    N_("the capture file ends within a block, at byte {number}"),
    N_("a packet of {size} bytes at byte {number}"),
    N_("a block of {size} bytes at byte {number}"),
    N_("a section without byte order at byte {number}"),
    N_("a packet without its interface, or longer than its block"),
    N_("{number} packets left out: {why}"),
    # Interfaces (collectors.network.replay, sockets).
    N_("no interface {name} that is up"),
    N_("packet sockets do not work here: {why}"),
    # Lists of indicators (collectors.network.detect.ioc).
    N_("no address"),
    N_("no network"),
    N_("no domain"),
    N_("not {number} hexadecimal digits"),
    N_("no JA4"),
    N_("unknown type {type}; there are {types}"),
    N_("unknown severity {severity}; there are {severities}"),
    N_("too many sources"),
    N_("no table of indicators: {why}"),
)
"""The first that fits counts: the ones with more words stand first."""


@functools.cache
def _pattern(sentence: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.*?)", re.escape(sentence)), re.DOTALL)


def sentence(words: Words, text: str) -> str:
    """Return *text* in the language, unchanged if it is not known."""
    for one in SENTENCES:
        found = _pattern(one).fullmatch(text)
        if found is not None:
            parts: dict[str, object] = dict(found.groupdict())
            if "why" in parts:
                parts["why"] = sentence(words, str(parts["why"]))
            return words.say(one, **parts)
    return text


def why(words: Words, error: OSError) -> str:
    """Return what went wrong with a file, in the language."""
    return sentence(words, error.strerror or str(error))
