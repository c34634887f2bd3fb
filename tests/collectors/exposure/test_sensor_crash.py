"""What must not happen: killed at any moment, a dump that is told twice or never."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from collectors.kinds import ExposureCleared, SensitiveData
from tests.collectors.content.citizens import make_niks
from tests.collectors.files.context import FakeContext
from tests.patience import PATIENCE, until

_SCRIPT = Path(__file__).with_name("run_sensor.py")
_TOP = Path(__file__).parents[3]
NIKS = make_niks(150)


def start(state: Path, root: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(_TOP)}
    return subprocess.Popen(
        [sys.executable, str(_SCRIPT), str(state), str(root)], env=environment, cwd=_TOP
    )


def end(process: subprocess.Popen[bytes], number: signal.Signals) -> int:
    process.send_signal(number)
    return process.wait(PATIENCE)


def drop(root: Path, number: int, chance: random.Random) -> Path:
    """Put one whole dump into the web root, as a finished copy or upload."""
    waiting = root.parent / "upload"
    rows = "".join(f"{index},{nik},Warga {number}\n" for index, nik in enumerate(NIKS))
    waiting.write_text("id,nik,nama\n" + rows)
    folder = root / f"d{chance.randrange(5)}"
    folder.mkdir(exist_ok=True)
    path = folder / f"dump{number}.csv"
    waiting.rename(path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("seed", [81, 82])
def test_every_dump_is_told_once(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    root, state = tmp_path / "web", tmp_path / "state"
    root.mkdir()
    state.mkdir()
    dumps: list[Path] = []
    process = start(state, root)
    for _ in range(7):
        deadline = time.monotonic() + chance.uniform(0.3, 1.6)
        while time.monotonic() < deadline:
            dumps.append(drop(root, len(dumps), chance))
            time.sleep(chance.uniform(0.0, 0.1))
        end(process, signal.SIGKILL)
        dumps.append(drop(root, len(dumps), chance))
        process = start(state, root)
    context = FakeContext(state)

    def told() -> Counter[str]:
        records = [sighting.record for sighting in context.sightings()]
        assert not any(isinstance(record, ExposureCleared) for record in records)
        return Counter(str(one.path) for one in records if isinstance(one, SensitiveData))

    try:
        until(lambda: len(told()) == len(dumps), f"all dumps told, seed {seed}")
        last = drop(root, len(dumps), chance)
        until(lambda: told()[str(last)], "the last one")
        assert end(process, signal.SIGTERM) == 0
        assert told() == dict.fromkeys(map(str, [*dumps, last]), 1)
        assert len(dumps) > 20
    finally:
        if process.poll() is None:
            end(process, signal.SIGKILL)
        context.close()
