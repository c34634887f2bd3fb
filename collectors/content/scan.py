"""Scans one file: read, match, validate, count, judge."""

from __future__ import annotations

import functools

import numpy as np

from collectors.content.credentials import Credentials, with_data
from collectors.content.digits import Bytes
from collectors.content.layout import choose
from collectors.content.named import Named
from collectors.content.numbers import Numbers
from collectors.content.reader import Damaged, Reader
from collectors.content.result import (
    CLEAN,
    DAMAGED,
    FOUND,
    SAMPLED,
    UNREADABLE,
    Init,
    Request,
    ScanResult,
)
from collectors.kinds import Tally
from collectors.redact import Redactor
from signatures.yara_rules import Rules, compile_family, hits

_YARA_SECONDS = 60


class Scanner:
    """Holds what files have in common: rules and keys."""

    def __init__(self, init: Init) -> None:
        self._init = init
        self._redactor = Redactor(init.key, init.epoch)
        self._rules = compile_family("credentials", "context")

    @functools.cached_property
    def _personal(self) -> Rules:
        # Text does not need them: numpy sees its digits faster. Compiled at the first binary.
        return compile_family("personal")

    def scan(self, descriptor: int, request: Request) -> ScanResult:
        """Look into the file behind *descriptor*."""
        reader = Reader(
            descriptor,
            request.size,
            whole=self._init.whole,
            sample_every=self._init.sample_every,
        )
        return self._count(reader, extension(request.name))

    def _count(self, reader: Reader, suffix: str) -> ScanResult:
        credentials = Credentials(self._redactor)
        numbers: Numbers | None = None
        named: Named | None = None
        seen: set[str] = set()
        format_ = "text"
        outcome = ""
        try:
            for data in reader.blocks():
                if numbers is None:
                    layout = choose(reader.head, suffix)
                    format_ = "binary" if reader.binary else layout.format
                    numbers = Numbers(layout, self._redactor)
                    named = Named(layout, self._redactor)
                rules = hits(self._rules, data, _YARA_SECONDS)
                seen |= rules
                credentials.feed(data, rules)
                if not reader.binary or hits(self._personal, data, _YARA_SECONDS):
                    block: Bytes = np.frombuffer(data, np.uint8)
                    layout.begin(data)
                    numbers.feed(data, block, seen)
                    named.feed(data, block, seen)
        except OSError:
            outcome = UNREADABLE
        except Damaged:
            outcome = DAMAGED
        exact = reader.complete and not outcome
        tallies = numbers.tallies(exact=exact) if numbers else []
        types = {tally.type for tally in tallies}
        if named is not None:
            tallies += named.tallies(types, exact=exact)
        tallies += with_data(credentials.tallies(exact=exact), {tally.type for tally in tallies})
        return ScanResult(
            outcome=outcome or _outcome(tallies, complete=reader.complete),
            format=format_,
            tallies=tuple(sorted(tallies, key=lambda tally: -tally.count)),
            sha256=reader.sha256,
            scanned=reader.scanned,
        )


def _outcome(tallies: list[Tally], *, complete: bool) -> str:
    if not complete:
        return SAMPLED
    return FOUND if tallies else CLEAN


def extension(name: str) -> str:
    """Return the extension of *name* in lower case, that of the content for ``x.sql.gz``."""
    parts = name.rpartition("/")[2].lower().split(".")
    if len(parts) > 2 and parts[-1] in ("gz", "bak", "old", "orig", "save"):
        return parts[-2]
    return parts[-1] if len(parts) > 1 else ""
