"""Crash proof: agent and collector are killed again and again, and every file is accounted for."""

from __future__ import annotations

import collections
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.patience import until
from tests.system.deployment import Deployment

COUNT = int(os.environ.get("RONDA_CRASH_FILES", "1500"))
SECONDS = float(os.environ.get("RONDA_CRASH_SECONDS", "25"))
SEED = int(os.environ.get("RONDA_CRASH_SEED", "20261124"))
# Long enough for one start of the agent between two kills to have compared the tree.
SEEN_FOR_SURE = 14.0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_file_is_accounted_for_exactly_once(tmp_path: Path) -> None:
    with Deployment(tmp_path, exposure=False) as here:
        here.install(relay=True)
        here.start_agent()
        until(lambda: here.agent_status().get("healthy"), "healthy agent")
        journal = churn_under_fire(here, random.Random(SEED))
        settle(here)
        account(here, journal)


def churn_under_fire(here: Deployment, source: random.Random) -> dict[str, dict[str, Any]]:
    """Run the churn while killing; return its journal."""
    assert here.relay is not None
    script = Path(__file__).with_name("churn.py")
    out = here.root / "journal.json"
    words = [str(here.web), str(COUNT), str(SECONDS), str(SEED), str(out)]
    cuts = sorted(source.uniform(2, SECONDS) for _ in range(2))
    started = time.monotonic()
    kills: collections.Counter[str] = collections.Counter()
    with subprocess.Popen([sys.executable, str(script), *words]) as churn:
        while churn.poll() is None:
            time.sleep(source.uniform(1, 3))
            victim = source.choice(["agent", "collector", "both"])
            kills[victim] += 1
            if victim != "collector":
                here.stop_agent(signal.SIGKILL)
            if victim != "agent":
                here.stop_server(signal.SIGKILL)
                here.start_server(wait=False)
            if victim != "collector":
                here.start_agent()
            if cuts and time.monotonic() - started > cuts[0]:
                cuts.pop(0)
                here.relay.cut()
                time.sleep(source.uniform(1, 3))
                here.relay.mend()
    assert churn.returncode == 0
    print(f"seed {SEED}: {COUNT} files, kills {dict(kills)}, 2 cuts")
    journal: dict[str, dict[str, Any]] = json.loads(out.read_text())
    return journal


def settle(here: Deployment) -> None:
    """Start both anew once more and wait until everything has arrived."""
    here.stop_agent(signal.SIGKILL)
    here.stop_server(signal.SIGKILL)
    here.start_server()
    here.start_agent()

    def quiet() -> bool:
        before = sum(1 for _ in here.events())
        time.sleep(3)
        status = here.agent_status()
        return status.get("pending") == 0 and sum(1 for _ in here.events()) == before

    until(quiet, "everything delivered", seconds=120)


def account(here: Deployment, journal: dict[str, dict[str, Any]]) -> None:
    """Compare what the collector holds with what was done."""
    events: dict[str, list[Any]] = collections.defaultdict(list)
    seen: set[tuple[str, int, int]] = set()
    for event in here.events():
        key = (event.agent, event.epoch, event.sequence)
        assert key not in seen, f"stored twice: {key}"
        seen.add(key)
        if event.kind == "file.change" and event.fields.get("file.type", "file") == "file":
            events[event.fields["file.path"]].append(event)
    short_unseen = 0
    for path, fact in journal.items():
        story = sorted(events.get(path, []), key=lambda event: (event.epoch, event.sequence))
        actions = [event.fields["event.action"] for event in story]
        told = f"{path}: {actions}, {fact}"
        life = (fact["deleted"] or float("inf")) - fact["created"]
        assert actions.count("created") <= 1, told
        if not actions:
            assert life < SEEN_FOR_SURE, told
            short_unseen += 1
            continue
        assert actions[0] == "created", told
        assert actions.count("deleted") == (1 if fact["deleted"] else 0), told
        if fact["deleted"]:
            assert actions[-1] == "deleted", told
        else:
            hashes = [event.fields.get("file.hash.sha256") for event in story]
            assert hashes[-1] == fact["sha256"], told
    print(f"{len(journal)} files, {len(seen)} events, {short_unseen} short-lived ones never seen")
    assert here.ronda("delivery", check=True)
