"""The detect process as the collector starts it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from server.alerts.queries import list_alerts
from server.store.state import StateStore
from tests.patience import PATIENCE, until
from tests.server.detect.detect_samples import Source, change

_RUN = """
import logging, sys
from pathlib import Path
from server.config import parse
from server.detect.role import run
logging.basicConfig(level="INFO", format="%(message)s")
text = sys.argv[2]
run(parse(text, Path("server.toml")))
"""


class Process:
    def __init__(self, root: Path) -> None:
        self.log = root / "log"
        text = (
            f'names = ["localhost"]\nstate_dir = "{root}"\n'
            '[[notify.channels]]\nname = "chat"\nurl = "json://127.0.0.1:9"\n'
        )
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _RUN, "-", text], stderr=log, stdout=log
            )
        self.pid = self._process.pid

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        return self._process.wait(PATIENCE)

    def said(self, text: str) -> bool:
        return text in self.log.read_text()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    with closing(Process(tmp_path)) as made:
        yield made


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateStore]:
    with closing(StateStore.open(tmp_path / "state.db")) as store:
        yield store


def test_from_a_stored_event_to_an_alert_and_a_waiting_message(
    process: Process, state: StateStore, tmp_path: Path
) -> None:
    until(lambda: process.said("rules in force"))
    with closing(Source(tmp_path / "events")) as source:
        source.store(change("/etc/hosts"), change("/etc/ld.so.preload"))
        until(lambda: len(list_alerts(state)) == 1)
    (row,) = list_alerts(state)
    assert row["title"] == "Library forced into every program"
    assert [r["channel"] for r in state.query("SELECT channel FROM outbox")] == ["chat"]
    process.signal(signal.SIGTERM)
    assert process.wait() == 0


def test_reload_takes_new_rules_and_reports_broken_ones(
    process: Process, state: StateStore, tmp_path: Path
) -> None:
    until(lambda: process.said("rules in force"))
    own = tmp_path / "rules"
    own.mkdir()
    (own / "mine.yml").write_text(
        "title: Mine\nid: 22222222-2222-4222-8222-222222222222\nlevel: low\n"
        "logsource: {product: ronda, category: file_event}\n"
        "detection:\n  s:\n    file.path: /mine\n  condition: s\nronda: {stage: test}\n"
    )
    (own / "broken.yml").write_text("title: x\n")
    process.signal(signal.SIGHUP)
    until(lambda: process.said(f"{own}/broken.yml:1: "))
    until(lambda: len(state.query("SELECT id FROM rule WHERE error <> ''")) == 1)
    with closing(Source(tmp_path / "events")) as source:
        source.store(change("/mine"))
        until(lambda: [row["title"] for row in list_alerts(state)] == ["Mine"])


def test_idle_it_needs_next_to_no_processor(process: Process, tmp_path: Path) -> None:
    with closing(Source(tmp_path / "events")) as source:
        source.store(change("/x"))
        until(lambda: process.said("rules in force"))
        time.sleep(0.5)  # what is written just now is looked at more often
        ticks = os.sysconf("SC_CLK_TCK")

        def used() -> float:
            with contextlib.closing(open(f"/proc/{process.pid}/stat", encoding="ascii")) as file:
                fields = file.read().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / ticks

        before, begin = used(), time.monotonic()
        time.sleep(3)
        # Of one core, and many times what is measured on a quiet machine.
        assert (used() - before) / (time.monotonic() - begin) < 0.05
