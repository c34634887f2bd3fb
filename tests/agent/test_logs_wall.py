"""What a stranger's sensor, a message or a traceback says: no identifier in it may be kept."""

from __future__ import annotations

import io
import json
import logging
import sys
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

from agent.clock import SystemClock
from agent.health import Health
from agent.logs import WallFormatter
from agent.supervisor.runner import Parts, SensorRunner, describe
from collectors.api import Coverage, Keys, SensorFactory, Settings
from collectors.paths import PathGuard
from collectors.redact import excerpt
from tests.agent.spool_helpers import open_spool
from tests.patience import PATIENCE, until

NIK = "3271046504930002"
PASSWORD = "R4hasiaSekali99"
DSN = f"mysql://simpeg:{PASSWORD}@10.0.0.1/db"


def leaks(text: str) -> bool:
    """Tell whether six or more characters of a planted value stand in *text*."""
    return any(
        value[at : at + 6] in text for value in (NIK, PASSWORD) for at in range(len(value) - 5)
    )


class Loose:
    """A sensor that tells everything it knows, at the wrong places."""

    name: ClassVar[str] = "loose"
    settings_type: ClassVar[type[Settings]] = Settings

    def __init__(self, settings: Settings, state_dir: Path) -> None:
        """Take nothing."""

    def check(self) -> list[str]:
        """See `Sensor`."""
        return [f"cannot read /srv/{NIK}.jpg", f"no answer from {DSN}"]

    def run(self, context: Any) -> None:
        """See `Sensor`."""
        context.stopping.wait(PATIENCE)

    def coverage(self) -> Coverage:
        """See `Sensor`."""
        return {f"last {NIK}": 1, "last": f"/srv/ktp_{NIK}.jpg", "seen": 3}


@pytest.mark.parametrize("padding", range(170, 200))
def test_cutting_a_message_does_not_open_it(padding: int) -> None:
    said = describe(RuntimeError("x" * padding + NIK + " and more " * 50))
    assert not leaks(said)
    assert not leaks(excerpt("x" * padding + NIK + " and more " * 50, 200))
    assert not leaks(excerpt("x" * padding + DSN + " and more " * 50, 200))
    assert len(excerpt("x" * padding + NIK + "y" * 500, 200)) == 200


def test_warnings_and_coverage_of_a_stranger(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    spool = open_spool(tmp_path)
    parts = Parts(
        state_dir=tmp_path,
        spool=spool,
        guard=PathGuard(b"p" * 32),
        keys=Keys(fleet=b"f" * 32, fleet_epoch=1),
        clock=SystemClock(),
        on_problem=lambda _source, _text: None,
    )
    factory = cast("SensorFactory", Loose)
    runner = SensorRunner("loose", factory, Settings(), parts, lambda _name, _paths: None)
    runner.start()
    try:
        until(lambda: runner.state == "running")
        snapshot = runner.snapshot()
    finally:
        runner.ask_to_stop()
        assert runner.join(PATIENCE)
        spool.close()
    assert not leaks(json.dumps(snapshot))
    assert snapshot["coverage"]["seen"] == 3
    assert len(snapshot["warnings"]) == 2
    assert not leaks(caplog.text)


def test_problems() -> None:
    health = Health()
    health.set(f"sensor {NIK}", f"cannot open /srv/{NIK}.jpg and {DSN}")
    assert not leaks(str(health.problems()))
    health.set(f"sensor {NIK}", None)
    assert health.problems() == []


def test_log_lines_and_tracebacks() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(WallFormatter())
    logger = logging.Logger("stranger", logging.DEBUG)  # noqa: LOG001 - not in the tree
    logger.addHandler(handler)
    logger.debug("looking at %s", f"/srv/{NIK}.jpg")
    logger.warning("%r", OSError(13, "Permission denied", b"/srv/\x91" + NIK.encode()))
    try:
        raise RuntimeError(f"query failed: {DSN}")
    except RuntimeError:
        logger.exception("stranger's sensor")
    text = stream.getvalue()
    assert "RuntimeError" in text
    assert text.count("\n") > 4
    assert not leaks(text)
    logger.info("a\x1b[31mb\u202ec\\d")
    assert stream.getvalue().endswith("a\\x1b[31mb\\u202ec\\d\n")


def test_uncaught_exceptions() -> None:
    """In threads and in the main one; Python's own hooks would print them as they are."""
    import subprocess

    script = (
        "import threading\nfrom agent.logs import configure\nconfigure('debug')\n"
        f"def fail(): raise RuntimeError('{NIK} {DSN}')\n"
        "thread = threading.Thread(target=fail)\nthread.start()\nthread.join()\nfail()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr.count("RuntimeError") == 2
    assert not leaks(done.stderr + done.stdout)
