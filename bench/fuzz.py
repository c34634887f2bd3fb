"""Coverage-guided fuzzing of one parser, in a process of its own with little memory.

``python -m bench.fuzz TARGET [SECONDS]`` (``list`` names the targets; ``all`` takes each in turn).
Needs atheris (``pip install atheris``), which is no dependency of the project. An exception, an
input that takes longer than two seconds, and more than 512 MB of memory end the run; the input that
did it is then a file in the folder that is printed. What was learnt is kept in ``RONDA_FUZZ``, a
folder, so that the next run goes on from there.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tempfile
from typing import Any

_MEGABYTES = 512
_SLOWEST = 2
"""Seconds for one input."""
_LONGEST = 4096
"""Bytes of an input."""


def _run(target: str, corpus: str, options: list[str]) -> None:
    """Fuzz in this process; never returns."""
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["collectors.network"]):
        from bench.fuzz_targets import TARGETS
    atheris.Setup([sys.argv[0], *options, corpus], TARGETS[target].run)
    atheris.Fuzz()


def fuzz(target: str, seconds: int, folder: str) -> int:
    """Fuzz *target* in a child; returns its exit status."""
    from bench.fuzz_targets import TARGETS

    corpus = os.path.join(folder, target)
    os.makedirs(corpus, exist_ok=True)
    for number, seed in enumerate(TARGETS[target].seeds()):
        with open(os.path.join(corpus, f"seed{number}"), "wb") as file:
            file.write(seed)
    options = [
        f"-max_total_time={seconds}",
        f"-rss_limit_mb={_MEGABYTES}",
        f"-timeout={_SLOWEST}",
        f"-max_len={_LONGEST}",
        f"-artifact_prefix={folder}/{target}-",
        "-print_final_stats=1",
        "-verbosity=1",
    ]
    return subprocess.run(
        [sys.executable, "-m", "bench.fuzz", "--child", target, corpus, *options], check=False
    ).returncode


def main() -> int:
    """Run what the command line says."""
    if sys.argv[1:2] == ["--child"]:
        _run(sys.argv[2], sys.argv[3], sys.argv[4:])
    from bench.fuzz_targets import TARGETS

    if sys.argv[1:] in ([], ["list"]):
        print(*TARGETS, sep="\n")
        return 0
    chosen = list(TARGETS) if sys.argv[1] == "all" else [sys.argv[1]]
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 600
    folder = os.environ.get("RONDA_FUZZ") or tempfile.mkdtemp(prefix="ronda-fuzz-")
    print(f"inputs: {folder}", flush=True)
    failed = [target for target in chosen if fuzz(target, seconds, folder)]
    print("failed:", *failed or ["none"])
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
