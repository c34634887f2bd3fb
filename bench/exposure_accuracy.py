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

from bench.exposure_documents import Chance, Document, credential, personal, wrapped
from bench.exposure_lookalikes import LOOKALIKES
from collectors.content.result import Init, Request, ScanResult
from collectors.content.worker import start


def lookalike(chance: Chance) -> Document:
    """Make a document that holds nothing."""
    extension, text = chance.choice(LOOKALIKES)(chance)
    return wrapped(chance, extension, text, {})


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


def measure(documents: int, seed: int) -> bool:
    """Scan *documents* and print the table; False when a precision is below 0.99."""
    chance = random.Random(seed)
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    counted: dict[str, list[float]] = defaultdict(list)
    makers = (personal, personal, credential, lookalike, lookalike, lookalike)
    for number in range(documents):
        maker = makers[number % len(makers)]
        file, data, truth = maker(chance)
        found = {tally.type: tally.count for tally in scan(file, data).tallies}
        for type_ in truth.keys() | found.keys():
            if type_ in truth and type_ in found:
                right[type_] += 1
                counted[type_].append(found[type_] / truth[type_])
            elif type_ in truth:
                missed[type_] += 1
            else:
                wrong[type_] += 1
            if (type_ in truth) != (type_ in found) and os.environ.get("RONDA_SHOW"):
                what = "MISSED" if type_ in truth else "WRONG"
                print(what, type_, truth, found, file, data[:160])
    print(f"{documents} documents, seed {seed}")
    print(f"{'type':<12} {'documents':>9} {'precision':>9} {'recall':>7} {'count':>6}")
    good = True
    for type_ in sorted(right.keys() | wrong.keys() | missed.keys()):
        told, there = right[type_] + wrong[type_], right[type_] + missed[type_]
        precision = right[type_] / told if told else 1.0
        recall = right[type_] / there if there else 1.0
        share = sum(counted[type_]) / len(counted[type_]) if counted[type_] else 0.0
        good = good and precision >= 0.99
        print(f"{type_:<12} {there:>9} {precision:>9.3f} {recall:>7.3f} {share:>6.3f}")
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
