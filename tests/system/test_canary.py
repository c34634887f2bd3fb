"""A canary, the whole way: made, shipped as tokens, found by a real agent, told once."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from agent.knowledge import installed
from tests.patience import until
from tests.system.deployment import Deployment


def known(here: Deployment) -> int:
    """Return how many canaries the agent knows."""
    manifest = installed(here.agent_state)
    return len(manifest.canaries) if manifest else 0


def critical(here: Deployment) -> list[dict[str, Any]]:
    """Return the critical alerts, in English."""
    found: list[dict[str, Any]] = here.ronda_json(
        "--lang", "en", "alerts", "list", "--level", "critical"
    )
    return found


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_canary_is_silent_where_it_was_planted_and_critical_elsewhere(tmp_path: Path) -> None:
    with Deployment(tmp_path / "d") as here:
        here.install()
        here.start_agent()
        until(here.watching, "baseline")
        host = os.uname().nodename
        bait = here.web / "data" / "warga.csv"
        made = json.loads(
            here.ronda(
                *(
                    "-o",
                    "json",
                    "canary",
                    "create",
                    "--opd",
                    "Disdukcapil",
                    "--note",
                    "tabel warga",
                ),
                *("--planted-at", f"{host}:{bait.parent}/"),
            )
        )
        key = json.loads(
            here.ronda("-o", "json", "canary", "create", "--opd", "Kominfo", "--kind", "database")
        )
        until(lambda: known(here) == 2, "bundle")
        forms = made["forms"]
        bait.parent.mkdir()
        bait.write_text(f"{forms['csv header']}\n{forms['csv']}\n")
        stolen = here.web / "tmp.log"
        stolen.write_text(f"2026-11-24 request took 33 ms {forms['sql']}\n" + "order 12345\n" * 50)
        secret = here.web / "config.env"
        secret.write_text(key["forms"]["env"] + "\n")
        alerts = until(
            lambda: found if len(found := critical(here)) >= 2 else None,
            "alerts",
        )
        told = {alert["entity"]: alert for alert in alerts if "canary" in alert["title"].lower()}
        assert set(told) == {str(stolen), str(secret)}
        page = here.ronda("--lang", "en", "alerts", "show", str(told[str(stolen)]["id"]))
        assert "Disdukcapil" in page
        assert f"tabel warga, {host}:{bait.parent}/" in page.replace("\n  ", " ")
        until(lambda: not here.agent_status().get("pending"), "delivery")
        paths = {
            event.fields["file.path"] for event in here.events() if event.kind == "exposure.finding"
        }
        assert str(bait) not in paths
        copy = tmp_path / "copy.log"
        copy.write_text(f"export of {forms['csv']}\n")
        seen = json.loads(here.ronda_agent("scan", "-o", "json", str(copy)))
        assert made["id"] in json.dumps(seen["results"])
        listed = here.ronda_json("canary", "list")
        assert {row["id"]: row["alerts"] for row in listed} == {made["id"]: 1, key["id"]: 1}
        here.ronda("canary", "retire", key["id"])
        assert len(here.ronda_json("canary", "list")) == 1
        here.stop_agent(signal.SIGKILL)
        here.stop_server(signal.SIGKILL)
        nik = forms["csv"].partition(",")[0].encode()
        password = key["forms"]["env"].partition("=")[2].encode()
        kept = [
            *(path for path in here.agent_state.rglob("*") if path.is_file()),
            *(path for path in here.server_state.rglob("*") if path.is_file()),
            *here.root.glob("*.log"),
        ]
        for path in kept:
            data = path.read_bytes()
            assert nik not in data, path
            assert password not in data, path
        assert any(path.name == "bundle.msgpack" for path in kept)
