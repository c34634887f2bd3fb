"""How fast the exposure scanner sweeps real text, against Debian's ``yara`` with the same rules.

``python -P -m bench.exposure [MIB] [PATH...]``: both look at the same files (text below PATH, by
default /usr/share and /usr/lib, about MIB of it), one thread each, warm, in turns. CPU time of the
best round counts: that is what a quiet machine's clock would show, and other load does not change
it. YARA's program is taken from PATH or from RONDA_YARA.
"""

from __future__ import annotations

import math
import os
import random
import resource
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator

import msgspec

from collectors.content.result import Init, Request
from collectors.content.worker import start
from collectors.exposure.select import LOOK, by_magic, by_name
from signatures.yara_rules import expand, families, sources

ROUNDS = 3
LARGEST = 32 << 20


def text_files(roots: list[str], limit: int) -> list[str]:
    """Return about *limit* bytes of the files that a sweep would look into.

    Every n-th in the order of their sizes: so a slice has small and large files as the whole has
    them, and no folder or single large file rules it. They come in a fixed order, mixed.
    """
    found = [(os.path.getsize(path), path) for root in roots for path in _walk(root)]
    found = sorted((size, path) for size, path in found if size <= LARGEST and _is_text(path))
    step = max(1, math.ceil(sum(size for size, _ in found) / limit))
    chosen = [path for _, path in found[step // 2 :: step]]
    random.Random(1).shuffle(chosen)
    return chosen


def _walk(root: str) -> Iterator[str]:
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path) and os.path.getsize(path) >= 12:
                yield path


def _is_text(path: str) -> bool:
    if by_name(os.fsencode(path)) != LOOK:
        return False
    with open(path, "rb") as file:
        head = file.read(4096)
    return by_magic(head[:16]) == LOOK and b"\0" not in head


def scanner(files: list[str]) -> Callable[[], None]:
    """Return what scans *files* as the bounded child does, without the pipe."""
    handle = start(msgspec.msgpack.encode(Init(key=secrets.token_bytes(32), epoch=1)))

    def run() -> None:
        for path in files:
            descriptor = os.open(path, os.O_RDONLY)
            size = os.fstat(descriptor).st_size
            handle(msgspec.msgpack.encode(Request(name=path, size=size)), [descriptor])

    return run


def peer(files: list[str], folder: str) -> Callable[[], None] | None:
    """Return what runs ``yara`` over *files*, or None when there is no such program."""
    program = os.environ.get("RONDA_YARA") or shutil.which("yara")
    if program is None:
        return None
    rules, listed = os.path.join(folder, "rules.yar"), os.path.join(folder, "files")
    with open(rules, "w", encoding="utf-8") as out:
        out.writelines(expand(one) for family in families() for one in sources(family))
    with open(listed, "w", encoding="utf-8") as out:
        out.writelines(path + "\n" for path in files)
    command = [program, "-w", "-f", "-p", "1", "--scan-list", rules, listed]

    def run() -> None:
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    return run


def spent() -> float:
    """Return the CPU seconds of this process and of its ended children."""
    ours = resource.getrusage(resource.RUSAGE_SELF)
    theirs = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ours.ru_utime + ours.ru_stime + theirs.ru_utime + theirs.ru_stime


def main() -> int:
    """Print MB/s of both and their ratio."""
    limit = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    files = text_files(sys.argv[2:] or ["/usr/share", "/usr/lib"], limit << 20)
    size = sum(os.path.getsize(path) for path in files) / 1e6
    with tempfile.TemporaryDirectory() as folder:
        both = {"ronda": scanner(files), "yara": peer(files, folder)}
        best: dict[str, float] = {}
        for _ in range(ROUNDS):
            for name, run in both.items():
                if run is not None:
                    began = spent()
                    run()
                    best[name] = min(best.get(name, 1e9), spent() - began)
    print(f"{len(files)} files, {size:.0f} MB, best of {ROUNDS}")
    for name, seconds in best.items():
        print(f"{name:<6} {size / seconds:7.0f} MB/s")
    if "yara" in best:
        print(f"ratio  {best['yara'] / best['ronda']:7.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
