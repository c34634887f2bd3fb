"""What must not happen: a parser is left out of fuzzing because its target fails by itself."""

from __future__ import annotations

import random

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
