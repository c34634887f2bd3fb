"""Exact data match, the whole way: built, given out, found by a real agent, told in words."""

from __future__ import annotations

import csv
import os
import signal
from pathlib import Path

import pytest

from agent.knowledge import installed
from tests.collectors.content.citizens import make_niks
from tests.patience import until
from tests.system.deployment import Deployment

EVERYBODY = make_niks(4000, seed=11)
MEMBERS, STRANGERS = EVERYBODY[:3000], EVERYBODY[3000:]
NAMES = {nik: f"Warga Kota Nomor {chr(65 + n % 26)}{n}" for n, nik in enumerate(MEMBERS)}


def write(path: Path, people: list[str]) -> None:
    """Put *people* into a list as offices keep it."""
    rows = "\n".join(f"{nik};{NAMES.get(nik, 'Orang Lain').upper()}" for nik in people)
    path.write_text(f"NIK;NAMA\n{rows}\n")


def alerts(here: Deployment) -> dict[str, dict[str, object]]:
    """Return the alerts about registered people, by path."""
    found = here.ronda_json("--lang", "en", "alerts", "list", "--limit", "500")
    return {one["entity"]: one for one in found if "Registered" in one["title"]}


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_registered_people_are_told_and_nobody_else(tmp_path: Path) -> None:
    with Deployment(tmp_path / "d") as here:
        here.install()
        table = tmp_path / "penduduk.csv"
        with table.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["nik", "nama_lengkap"])
            writer.writerows([nik, NAMES[nik]] for nik in MEMBERS)
        register = tmp_path / "penduduk.edm"
        here.ronda(
            *("edm", "build", str(table), "--out", str(register)),
            *("--column", "nik=NIK", "--column", "nama=NAMA_LENGKAP"),
        )
        table.unlink()
        here.web.joinpath("old.csv").touch()
        write(here.web / "old.csv", MEMBERS[:1204])
        here.start_agent()
        until(here.watching, "baseline")
        until(lambda: here.ronda_json("exposure", "list"), "the old list as a finding")
        assert alerts(here) == {}
        here.ronda("edm", "add", str(register), "--name", "penduduk")
        until(lambda: (installed(here.agent_state) or 0) != 0, "bundle")
        write(here.web / "new.csv", [*MEMBERS[2000:2012], *STRANGERS[:100]])
        write(here.web / "strangers.csv", STRANGERS)
        until(lambda: len(alerts(here)) == 2, "alerts", seconds=90)
        until(lambda: len(here.ronda_json("exposure", "list")) == 3, "strangers")
        assert set(alerts(here)) == {str(here.web / "old.csv"), str(here.web / "new.csv")}
        old = alerts(here)[str(here.web / "old.csv")]
        page = here.ronda("--lang", "en", "alerts", "show", str(old["id"]))
        assert "1,204 registered citizens" in " ".join(page.split())
        halaman = here.ronda("--lang", "id", "alerts", "show", str(old["id"]))
        assert "1.204 warga terdaftar" in " ".join(halaman.split())
        rows = {row["path"]: row for row in here.ronda_json("exposure", "list")}
        assert rows[str(here.web / "new.csv")]["registered"] == 12
        assert rows[str(here.web / "strangers.csv")]["registered"] == 0
        shown = here.ronda_json("exposure", "show", rows[str(here.web / "old.csv")]["id"])
        assert shown["evidence"][0]["registered"] == 1204
        assert "registered" in shown["reason_keys"]
        (listed,) = here.ronda_json("edm", "list")
        assert (listed["people"], listed["confirms"]) == (3000, True)
        here.ronda("edm", "remove", "penduduk")
        until(lambda: not list(here.agent_state.glob("knowledge/*.edm")), "removal")
        until(lambda: not here.agent_status().get("pending"), "delivery")
        here.stop_agent(signal.SIGKILL)
        here.stop_server(signal.SIGKILL)
        kept = [p for base in (here.agent_state, here.server_state) for p in base.rglob("*")]
        kept += [*here.root.glob("*.log"), register]
        secrets = [nik.encode() for nik in MEMBERS[:1300]]
        secrets += [NAMES[nik].upper().encode() for nik in MEMBERS[:1204:40]]
        for path in kept:
            if path.is_file():
                data = path.read_bytes()
                assert [one for one in secrets if one in data] == [], path
        assert os.path.getsize(register) < 60_000
