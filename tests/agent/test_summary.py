"""What must not happen: a page of counters, and what is blind or lost somewhere among them."""

from __future__ import annotations

from typing import Any

import pytest

from agent.cli.summary import summary
from agent.cli.words import LANGUAGES, Words
from agent.health import Status
from collectors.files.status import Status as FilesStatus

NOW = 1_800_000_000 * 10**9


def page(pending: int = 0, lang: str = "en", **facts: Any) -> dict[str, str]:
    """Return the lines by label."""
    coverage = {**FilesStatus().coverage(), "state": "watching", "backend": "inotify", **facts}
    exposure = {"findings": facts.get("findings", 0), "encrypted": facts.get("encrypted", 0)}
    found = Status(
        written=NOW,
        pid=1,
        version="0.1.0",
        agent="a1b2",
        opd="Dinas A",
        started=NOW - 10**12,
        spool={"bytes": 1 << 20, "max_bytes": 1 << 30},
        uplink={"connected": True, "last_answer": NOW - 12 * 10**9, "collector": "https://x:8443"},
        sensors={
            "files": {"state": "running", "restarts": 0, "reason": "", "coverage": coverage},
            "exposure": {"state": "running", "restarts": 2, "reason": "", "coverage": exposure},
            "other": {"state": "unsupported", "restarts": 0, "reason": "no disk", "coverage": {}},
        },
    )
    lines: dict[str, str] = {}
    for line in summary(found, pending, Words(lang)):
        lines.setdefault(line.label.strip(), line.text)
    return lines


def test_all_is_well() -> None:
    lines = page(
        watched_directories=18204,
        total_directories=18204,
        entries=140112,
        last_reconcile_age=60.0,
        reconcile_interval=300.0,
    )
    assert lines["watched"] == "18,204 of 18,204 directories, 140,112 names; heard by inotify"
    assert (lines["files"], lines["blind"]) == ("watching", "nothing")
    assert lines["lost"] == "nothing since the start"
    assert lines["due"] == "compared 60 s ago, again every 5 min"
    assert lines["open"] == "nothing"
    assert lines["delivery"] == "everything is delivered"
    assert lines["exposure"] == "running, restarted 2 times"
    assert lines["unclear"] == "nothing"
    assert lines["other"] == "cannot run on this host (no disk)"
    assert "connected, last answer 12 s ago" in lines["collector"]


def test_what_is_not() -> None:
    lines = page(
        pending=7,
        blind_directories=3,
        overflows=2,
        held=4,
        windows=1,
        drift=9,
        git_held=5,
        rehash_eta=7200,
        rehash_percent=45.2,
        findings=5,
        encrypted=3,
    )
    assert lines["blind"].startswith("3 directories")
    assert lines["lost"].startswith("events, 2 times")
    assert "contents read again: 45%, 2 h left" in lines["due"]
    for words in ("4 changes wait", "5 changes wait for git", "1 change window", "9 differ"):
        assert words in lines["open"]
    assert lines["delivery"] == "7 events wait (1.0 MiB of 1.0 GiB)"
    assert lines["found"].startswith("5 files")
    assert lines["unclear"] == "3 encrypted"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_first_baseline_and_odd_facts(lang: str) -> None:
    lines = page(lang=lang, state="first baseline", overflows="?", entries="")
    assert lines["files"].startswith("baseline pertama" if lang == "id" else "first baseline")
    assert not any("{" in text for text in lines.values())
