"""Scans one file: bare, or whatever it holds; counts, judges, says what could not be read."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable, Sequence

from collectors.content.extract import kinds
from collectors.content.extract.budget import Budget, PartError, Stop
from collectors.content.extract.source import BytesSource, FileSource, Source, pieces_of
from collectors.content.extract.walk import Failure, Leaf, Walk
from collectors.content.gather import Gathered
from collectors.content.glance import may_tell
from collectors.content.known import Known
from collectors.content.reader import Reader, is_windows
from collectors.content.result import (
    CLEAN,
    CRASHED,
    DAMAGED,
    ENCRYPTED,
    FOUND,
    SAMPLED,
    TIMED_OUT,
    TOO_LARGE,
    UNREADABLE,
    UNSUPPORTED,
    Init,
    Request,
    ScanResult,
)
from collectors.content.rules import RuleSets
from collectors.kinds import Tally
from collectors.redact import Redactor
from signatures.yara_rules import hits

_QUICK = 1 << 20
"""Bytes of a file that is read at once; a larger one is cut into blocks."""
_WORST = (TIMED_OUT, CRASHED, TOO_LARGE, DAMAGED, ENCRYPTED, UNREADABLE, UNSUPPORTED)
# What a reader of formats may stumble over in bytes that somebody has bent on purpose.
_MALFORMED = (ValueError, LookupError, ArithmeticError, EOFError, RecursionError, struct.error)


class Scanner:
    """Holds what files have in common: rules and keys."""

    def __init__(self, init: Init) -> None:
        self._init = init
        self._redactor = Redactor(init.key, init.epoch)
        self._rules = RuleSets(init.custom)
        self._known = Known(init.key, self._redactor, init.canaries)

    def scan(self, descriptor: int, request: Request, registers: Sequence[int] = ()) -> ScanResult:
        """Look into the file behind *descriptor*; *registers* are descriptors, too."""
        budget = Budget(request.seconds)
        quick = self._quick(descriptor, request, budget)
        if isinstance(quick, ScanResult):
            return quick
        gathered = self._gathered(budget, registers, quick)
        source = FileSource(descriptor, request.size)
        try:
            kind = kinds.kind_of(source.read(0, kinds.HEAD))
            if kind == kinds.PLAIN and request.again:
                gathered.failures.add((), CRASHED, "left out after a crash of the scanner")
                return _answer(gathered, complete=False)
            if kind == kinds.PLAIN:
                return self._bare(descriptor, request, gathered, quick)
        except OSError:
            gathered.failures.add((), UNREADABLE, "reading failed")
            return _answer(gathered, complete=False)
        self._container(source, request, gathered)
        return _answer(gathered, complete=not budget.cut, sha256=lambda: self._hash(source))

    def _quick(
        self, descriptor: int, request: Request, budget: Budget
    ) -> ScanResult | tuple[bytes, set[str]] | None:
        """Return the answer for text in which nothing stands, as in 19 of 20 files.

        What takes a closer look gets none; it is told the bytes and what the rules say of them.
        The answer is the same as that of the long way, at a fraction of its cost.
        """
        most = min(_QUICK, self._init.whole)
        if request.again or self._init.custom or not 0 < request.size <= most:
            return None
        try:
            data = os.pread(descriptor, request.size + 1, 0)
        except OSError:
            return None
        head = data[: kinds.HEAD]
        if (
            len(data) != request.size
            or kinds.kind_of(head) != kinds.PLAIN
            or b"\0" in head
            or (not head.isascii() and is_windows(head))
        ):
            return None
        try:
            matched = hits(self._rules.text, data, budget.seconds_left())
            if may_tell(data, matched):
                return data, matched
            budget.check_time()
        except (TimeoutError, Stop):
            return None  # the long way finds that time is over
        return ScanResult(outcome=CLEAN, scanned=len(data))

    def scan_bytes(
        self, data: bytes, name: str, seconds: float, registers: Sequence[int] = ()
    ) -> ScanResult:
        """Look into *data*, held in memory, as into a file called *name*."""
        budget = Budget(seconds)
        gathered = self._gathered(budget, registers)
        request = Request(name=name, size=len(data), seconds=seconds)
        self._container(BytesSource(data), request, gathered)
        return _answer(gathered, complete=not budget.cut)

    def _gathered(
        self,
        budget: Budget,
        registers: Sequence[int],
        matched: tuple[bytes, set[str]] | None = None,
    ) -> Gathered:
        return Gathered(
            self._rules,
            self._redactor,
            budget,
            whole=self._init.whole,
            sample_every=self._init.sample_every,
            watch=self._known.watch(registers),
            matched=matched,
        )

    def _bare(
        self,
        descriptor: int,
        request: Request,
        gathered: Gathered,
        quick: tuple[bytes, set[str]] | None,
    ) -> ScanResult:
        reader = Reader(
            descriptor,
            request.size,
            whole=self._init.whole,
            sample_every=self._init.sample_every,
            held=quick[0] if quick else None,
        )
        try:
            gathered.bare(reader, extension(request.name))
        except Stop as stop:
            gathered.failures.add((), stop.outcome, stop.detail)
        except OSError:
            gathered.failures.add((), UNREADABLE, "reading failed")
        return _answer(gathered, complete=reader.complete, sha256=lambda: reader.sha256)

    def _container(self, source: Source, request: Request, gathered: Gathered) -> None:
        leaf: Leaf | None = None
        try:
            for found in Walk(gathered.budget, again=request.again).file(source, request.name):
                if isinstance(found, Failure):
                    gathered.failures.add(found.where, found.outcome, found.detail)
                    continue
                leaf = found
                try:
                    gathered.leaf(leaf, extension(leaf.name))
                except Stop:
                    raise
                except PartError as error:
                    gathered.failures.add(leaf.where, error.outcome, error.detail)
                except _MALFORMED:
                    gathered.failures.add(leaf.where, DAMAGED, "malformed")
        except Stop as stop:
            gathered.failures.add(leaf.where if leaf else (), stop.outcome, stop.detail)
        except _MALFORMED:
            gathered.failures.add(leaf.where if leaf else (), DAMAGED, "malformed")
        except OSError:
            gathered.failures.add((), UNREADABLE, "reading failed")

    def _hash(self, source: FileSource) -> str | None:
        if source.size > self._init.whole:
            return None
        digest = hashlib.sha256()
        try:
            for piece in pieces_of(source):
                digest.update(piece)
        except OSError:
            return None
        return digest.hexdigest()


def _answer(
    gathered: Gathered, *, complete: bool, sha256: Callable[[], str | None] = lambda: None
) -> ScanResult:
    if gathered.empty and complete:
        return ScanResult(outcome=CLEAN, format=gathered.format or "text", scanned=gathered.scanned)
    unread = gathered.failures.told()
    tallies = gathered.tallies(exact=complete and not unread)
    parts = gathered.parts.told({tally.type for tally in tallies})
    return ScanResult(
        outcome=_outcome({one.outcome for one in unread}, tallies, complete=complete),
        format=parts[0].format if parts else gathered.format or "text",
        tallies=tuple(tallies),
        sha256=sha256() if tallies else None,
        scanned=gathered.scanned,
        parts=parts,
        unread=unread,
        canaries=gathered.watch.canaries(),
        people=gathered.watch.people(),
    )


def _outcome(failed: set[str], tallies: list[Tally], *, complete: bool) -> str:
    for outcome in _WORST:
        if outcome in failed:
            return outcome
    if not complete:
        return SAMPLED
    return FOUND if tallies else CLEAN


def extension(name: str) -> str:
    """Return the extension of *name* in lower case, that of the content for ``x.sql.gz``."""
    parts = name.rpartition("/")[2].lower().split(".")
    if len(parts) > 2 and parts[-1] in ("gz", "bak", "old", "orig", "save"):
        return parts[-2]
    return parts[-1] if len(parts) > 1 else ""
