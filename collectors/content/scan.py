"""Scans one file: reads it, has its contents counted, says what came out."""

from __future__ import annotations

from collectors.content.contents import Contents, RuleSets
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


class Scanner:
    """Holds what files have in common: rules and keys."""

    def __init__(self, init: Init) -> None:
        self._init = init
        self._redactor = Redactor(init.key, init.epoch)
        self._rules = RuleSets(init.custom)

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
        contents: Contents | None = None
        outcome = ""
        try:
            for data in reader.blocks():
                if contents is None:
                    contents = Contents(
                        self._rules,
                        self._redactor,
                        head=reader.head,
                        suffix=suffix,
                        binary=reader.binary,
                    )
                contents.feed(data)
        except OSError:
            outcome = UNREADABLE
        except Damaged:
            outcome = DAMAGED
        tallies = contents.tallies(exact=reader.complete and not outcome) if contents else []
        return ScanResult(
            outcome=outcome or _outcome(tallies, complete=reader.complete),
            format=contents.format if contents else "text",
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
