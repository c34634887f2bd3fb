"""A process for one thing: never left behind."""

from __future__ import annotations

import pytest

from agent.errand import Errand, Outcome
from tests.patience import until


def run(errand: Errand, now: float = 0.0) -> Outcome:
    done = until(lambda: errand.poll(now), "its end")
    assert done is not None
    return done


def test_nothing_runs_before_it_is_asked_to() -> None:
    errand = Errand("pass", seconds=5)
    assert not errand.running
    assert errand.poll(0.0) is None
    assert errand.finish() == ""
    errand.close()


@pytest.mark.parametrize(
    ("program", "outcome"),
    [
        ("pass", Outcome(0, "")),
        ("import sys; sys.exit('first\\nlast words')", Outcome(1, "last words")),
        ("import sys; sys.stderr.write('x' * 400); sys.exit(3)", Outcome(3, "x" * 300)),
    ],
)
def test_how_it_ended(program: str, outcome: Outcome) -> None:
    errand = Errand(program, seconds=60)
    errand.start(0.0)
    assert run(errand) == outcome
    assert not errand.running


def test_one_that_hangs_is_killed() -> None:
    errand = Errand("import time; time.sleep(60)", seconds=5)
    errand.start(0.0)
    assert run(errand, now=6.0).code == -9
    errand.start(0.0)
    errand.close()
    assert not errand.running
