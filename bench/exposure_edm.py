"""Registers of protected people: size, build time, look-ups, false positives, cost of a scan.

Run: python -m bench.exposure_edm [--people N] [--tries N] [--rows N]. All stays in a temporary
directory. The dump is scanned by the agent's own child with its limits, once without and once with
the register, after a first file that is not counted.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np

from collectors.child import BoundedChild, Limits
from collectors.content.result import TARGET, Init, Request, ScanResult
from signatures.edm.build import Columns, Made, make
from signatures.edm.lookup import Lookup
from signatures.edm.scalar import value_key
from signatures.edm.vector import hash_numbers
from signatures.edm.xor import FALSE
from signatures.identifiers.regions import districts

KEY = b"f" * 32
_PIECE = 10_000_000
_MEMORY = {"peak": "VmHWM", "address space": "VmPeak"}


def numbers(count: int, seed: int) -> list[str]:
    """Return *count* different NIKs of one city."""
    source = random.Random(seed)
    codes = [f"1571{districts()['1571'][at : at + 2]}" for at in range(0, 20, 2)]
    found: dict[str, None] = {}
    while len(found) < count:
        day = source.randint(1, 28) + source.choice((0, 40))
        found[
            f"{source.choice(codes)}{day:02d}{source.randint(1, 12):02d}"
            f"{source.randint(0, 99):02d}{source.randint(1, 99):04d}"
        ] = None
    return list(found)


def people(niks: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield rows of a table."""
    for index, nik in enumerate(niks):
        yield nik, f"WARGA NOMOR {index}"


def measure_filter(path: Path, niks: Sequence[str], tries: int) -> None:
    """Print what the filters alone do."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        lookup = Lookup(descriptor)
    finally:
        os.close(descriptor)
    members = np.array([int(nik) for nik in niks], np.uint64)
    begin = time.perf_counter()
    hashes = hash_numbers(value_key(KEY, "nik"), members)
    hashing = time.perf_counter() - begin
    missed = int((~lookup.contains("nik", hashes)).sum())
    generator = np.random.default_rng()
    found = {"numbers": 0, "pairs": 0}
    seconds = 0.0
    for _ in range(0, tries, _PIECE):
        strangers = generator.integers(0, 2**64, _PIECE, np.uint64, endpoint=False)
        begin = time.perf_counter()
        found["numbers"] += int(lookup.contains("nik", strangers).sum())
        seconds += time.perf_counter() - begin
        found["pairs"] += int(lookup.pairs["nik"].contains(strangers).sum())
    say(
        f"members missed: {missed} of {len(niks)}",
        f"hashing {len(niks) / hashing / 1e6:.1f} M/s, look-ups {tries / seconds / 1e6:.1f} M/s",
        f"strangers found: {found} of {tries} each (expected {tries * FALSE:.2f})",
    )


def write_dump(path: Path, niks: Sequence[str], rows: int) -> None:
    """Write a dump with the people, again and again."""
    with path.open("w", buffering=1 << 22) as file:
        file.write("CREATE TABLE `p` (`id` int, `nik` varchar(16), `nama` varchar(99));\n")
        for begin in range(0, rows, 1000):
            values = ",".join(
                f"({at},'{niks[at % len(niks)]}','WARGA NOMOR {at % len(niks)}')"
                for at in range(begin, min(rows, begin + 1000))
            )
            file.write(f"INSERT INTO `p` VALUES {values};\n")


def measure_scan(folder: Path, register: Path, rows: int) -> None:
    """Print what a register costs when a dump is scanned."""
    dump = folder / "dump.sql"
    init = msgspec.msgpack.encode(Init(key=KEY, epoch=1, whole=1 << 40))
    for title, registers in (("without", []), ("with", [register])):
        with BoundedChild(TARGET, limits=Limits(cpu=300), init=init) as child:
            ask(child, register, registers)
            begin = time.perf_counter()
            result = ask(child, dump, registers)
            seconds = time.perf_counter() - begin
            status = Path(f"/proc/{child.pid}/status").read_text()
        memory = {
            name: int(line.split()[1]) >> 10
            for name, key in _MEMORY.items()
            for line in status.splitlines()
            if line.startswith(key + ":")
        }
        seen = [f"{one.distinct} people, {one.confirmed} confirmed" for one in result.people]
        say(
            f"scan of {dump.stat().st_size >> 20} MiB, {rows} rows, {title} the register:"
            f" {seconds:.2f} s, MB {memory}; {'; '.join(seen) or 'nobody'}"
        )


def ask(child: BoundedChild, path: Path, registers: Sequence[Path]) -> ScanResult:
    """Have *child* scan one file."""
    descriptors = [os.open(one, os.O_RDONLY) for one in (path, *registers)]
    try:
        request = Request(name=path.name, size=path.stat().st_size, seconds=300)
        answer = child.call(msgspec.msgpack.encode(request), descriptors, 300)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    return msgspec.msgpack.decode(answer, type=ScanResult)


def say(*lines: str) -> None:
    """Print."""
    sys.stdout.write("\n".join([*lines, ""]))


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=600_000)
    parser.add_argument("--tries", type=int, default=1_000_000_000)
    parser.add_argument("--rows", type=int, default=2_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        register = folder / "people.edm"
        niks = numbers(options.people, seed=3)
        with register.open("wb") as out:
            made: Made = make(people(niks), Columns({"nik": "nik"}, ["nama"]), KEY, 1, out)
        per_million = made.size / options.people
        say(
            f"{options.people} people with a name: {made.size / 1e6:.2f} MB"
            f" ({per_million:.2f} MB for each million), built in {made.seconds:.1f} s"
        )
        measure_filter(register, niks, options.tries)
        write_dump(folder / "dump.sql", niks, options.rows)
        measure_scan(folder, register, options.rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
