"""What must not happen: a parser is left out of fuzzing because its target fails by itself."""

from __future__ import annotations

import json
import random
import subprocess
import sys

import pytest

from bench.fuzz_targets import TARGETS, read_script, script


@pytest.mark.parametrize("name", TARGETS)
def test_valid_inputs_and_damaged_ones_pass(name: str) -> None:
    source = random.Random(7)
    seeds = list(TARGETS[name].seeds())
    assert seeds
    for seed in seeds:
        TARGETS[name].run(seed)
        for _ in range(10):
            damaged = bytearray(seed)
            damaged[source.randrange(len(damaged))] = source.randrange(256)
            TARGETS[name].run(bytes(damaged[: source.randrange(len(damaged) + 1)]))


def test_a_script_is_read_as_it_was_written() -> None:
    turns = [(True, b"abc"), (False, b"y"), (False, b"x" * 300)]
    assert read_script(script(turns)) == turns


CONFINED = """
import json, sys
from bench.fuzz_targets import TARGETS
seeds = {name: [bytes.fromhex(seed) for seed in of] for name, of in json.load(sys.stdin).items()}
run = {name: target.run for name, target in TARGETS.items()}
def refuse(event, args):
    if event in ("import", "open"):
        raise SystemExit(f"{current}: {event} {args[0]}")
current = ""
sys.addaudithook(refuse)
for current, of in seeds.items():
    for seed in of:
        run[current](seed)
"""


def test_nothing_is_loaded_or_opened_once_packets_come() -> None:
    # The child that parses may not: Landlock and seccomp refuse it by then.
    seeds = {name: [seed.hex() for seed in target.seeds()] for name, target in TARGETS.items()}
    done = subprocess.run(
        [sys.executable, "-c", CONFINED],
        input=json.dumps(seeds),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
