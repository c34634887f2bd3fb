"""How right the exposure scanner is: precision and recall per type on a labelled corpus.

Synthetic documents in many formats, as many that look alike but hold nothing of the kind, all
made from one seed: ``python -P -m bench.exposure_accuracy [DOCUMENTS] [SEED]``. With
``--clean PATH...`` it scans real software instead, and counts findings of medium or more.
"""

from __future__ import annotations

import functools
import os
import random
import secrets
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable

import msgspec

from bench.exposure_credentials import credential
from bench.exposure_documents import (
    Chance,
    Document,
    contact,
    letter,
    personal,
    registry,
    salaries,
    wrapped,
)
from bench.exposure_harder import HARDER
from bench.exposure_lookalikes import EITHER, LOOKALIKES
from collectors.content.result import Init, Request, ScanResult
from collectors.content.worker import start


def lookalike(chance: Chance) -> Document:
    """Make a document that holds nothing."""
    make = chance.choice((*LOOKALIKES, *HARDER))
    extension, text = make(chance)
    return wrapped(chance, extension, text, {}, EITHER.get(make, frozenset()))


@functools.cache
def _handler() -> Callable[[bytes, list[int]], bytes]:
    return start(msgspec.msgpack.encode(Init(key=secrets.token_bytes(32), epoch=1)))


def scan(file: str, data: bytes) -> ScanResult:
    """Scan as the bounded child does."""
    descriptor = os.memfd_create("document")
    with open(os.dup(descriptor), "wb") as out:
        out.write(data)
    request = msgspec.msgpack.encode(Request(name=file, size=len(data)))
    return msgspec.msgpack.decode(_handler()(request, [descriptor]), type=ScanResult)


MAKERS: tuple[Callable[[Chance], Document], ...] = (
    personal,
    personal,
    personal,
    personal,
    credential,
    credential,
    credential,
)
MAKERS += (contact, salaries, registry, letter)
GROUPS = {
    "nik+kk": frozenset({"nik", "kk"}),
    "credentials": frozenset(
        [
            "private_key",
            "dsn",
            "password",
            "app_key",
            "aws_key",
            "gcp_key",
            "azure_key",
            "jwt",
            "telegram_token",
            "payment_key",
            "password_hash",
            "git_token",
            "secret",
            "keepass",
        ]
    ),
}
"""Types that are also counted as one: a family card without a name is a NIK for a machine."""


class Counts:
    """Documents in which a type was told or not told, rightly or wrongly."""

    def __init__(self) -> None:
        self.right: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()
        self.missed: Counter[str] = Counter()
        self.shares: dict[str, list[float]] = defaultdict(list)

    def add(self, document: Document, found: dict[str, int]) -> list[str]:
        """Count one document; return what was wrong."""
        mistakes = []
        truth = document.truth
        for type_ in sorted(truth.keys() | found.keys()):
            if type_ in truth and type_ in found:
                self.right[type_] += 1
                self.shares[type_].append(found[type_] / truth[type_])
            elif type_ in document.either:
                continue
            elif type_ in truth:
                self.missed[type_] += 1
                mistakes.append(f"missed {type_}")
            else:
                self.wrong[type_] += 1
                mistakes.append(f"wrong {type_}")
        for name, types in GROUPS.items():
            there, told = types & truth.keys() - document.either, types & found.keys()
            self.right[name] += bool(there and told)
            self.missed[name] += bool(there and not told)
            self.wrong[name] += bool(told and not types & truth.keys())
        return mistakes

    def line(self, type_: str) -> tuple[str, float]:
        """Return the row of the table, and the precision."""
        right, wrong, missed = self.right[type_], self.wrong[type_], self.missed[type_]
        precision = right / (right + wrong) if right + wrong else 1.0
        recall = right / (right + missed) if right + missed else 1.0
        shares = self.shares[type_]
        share = f"{sum(shares) / len(shares):.3f}" if shares else ""
        text = f"{type_:<15} {right + missed:>9} {precision:>9.3f} {recall:>7.3f} {share:>6}"
        return text, precision


def measure(documents: int, seed: int) -> bool:
    """Scan *documents* and print the table; False when a precision is below 0.99."""
    chance = random.Random(seed)
    counts = Counts()
    for number in range(documents):
        maker = MAKERS[number // 2 % len(MAKERS)] if number % 2 else lookalike
        document = maker(chance)
        found = {tally.type: tally.count for tally in scan(document.file, document.data).tallies}
        mistakes = counts.add(document, found)
        if mistakes and os.environ.get("RONDA_SHOW"):
            print(mistakes, document.truth, found, document.file, document.data[:200])
    print(f"{documents} documents, seed {seed}; every second one holds nothing")
    print(f"{'type':<15} {'documents':>9} {'precision':>9} {'recall':>7} {'count':>6}")
    good = True
    for type_ in sorted(counts.right.keys() | counts.wrong.keys() | counts.missed.keys()):
        text, precision = counts.line(type_)
        good = good and precision >= 0.99
        print(text)
    return good


def clean(paths: list[str]) -> bool:
    """Scan real files; print every finding of medium or more; False when there is one."""
    from collectors.api import Keys
    from collectors.exposure.scan import FileResult, scan_paths
    from collectors.exposure.settings import ExposureSettings
    from collectors.kinds import SensitiveData, Severity
    from collectors.paths import PathGuard

    found: Counter[str] = Counter()

    def keep(result: FileResult) -> None:
        if isinstance(result.record, SensitiveData):
            severity = Severity(result.severity or 0)
            found[severity.name] += 1
            types = [(one.type, one.count, one.confidence) for one in result.record.tallies]
            print(severity.name, result.path, types)

    began = time.monotonic()
    outcomes = scan_paths(
        [os.fsencode(path) for path in paths],
        ExposureSettings(web_roots=(), exclude=("__pycache__",)),
        PathGuard(secrets.token_bytes(32)),
        Keys(fleet=secrets.token_bytes(32), fleet_epoch=1),
        keep,
    )
    print(f"{dict(outcomes)} in {time.monotonic() - began:.0f} s; findings {dict(found)}")
    return not any(found[name] for name in ("MEDIUM", "HIGH", "CRITICAL"))


def main() -> int:
    """Run what the arguments say; exit code 1 when the aim is missed."""
    words = sys.argv[1:]
    if words[:1] == ["--clean"]:
        return 0 if clean(words[1:]) else 1
    documents = int(words[0]) if words else 3000
    return 0 if measure(documents, int(words[1]) if len(words) > 1 else 20261124) else 1


if __name__ == "__main__":
    raise SystemExit(main())
