"""`ronda canary`, the whole way: what is refused, printed once, listed masked, retired."""

from __future__ import annotations

import json

import pytest

from tests.server.api.collector import Collector


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["create"], 2, "--opd"),
        (["create", "--opd", "a", "--kind", "ufo"], 2, "ufo"),
        (["create", "--opd", "a", "--planted-at", "/srv/a"], 2, "HOST:/path"),
        (["create", "--opd", "a", "--planted-at", "web1:srv"], 2, "HOST:/path"),
        (["create", "--opd", "a", "--regency", "0000"], 2, "no regency"),
        (["retire", "c0"], 3, "no canary"),
    ],
)
def test_what_is_refused(collector: Collector, words: list[str], code: int, why: str) -> None:
    done = collector.call("canary", *words)
    assert done.returncode == code
    assert why in done.stderr
    assert collector.json("canary", "list") == []


def test_it_is_printed_once_and_kept_masked(collector: Collector) -> None:
    done = collector.call(
        *("canary", "create", "--opd", "Disdukcapil", "--note", "tabel warga"),
        *("--planted-at", "WEB1:/srv/data/", "--planted-at", "db:/var/lib/mysql/"),
    )
    assert (done.returncode, "not shown again" in done.stderr) == (0, True)
    assert "INSERT INTO penduduk" in done.stdout
    row = done.stdout.splitlines()[3]
    nik = row.partition(",")[0]
    assert len(nik) == 16
    (listed,) = collector.json("canary", "list", "--opd", "disdukcapil")
    assert listed["planted_at"] == ["db:/var/lib/mysql/", "web1:/srv/data/"]
    assert listed["shown"] == f"{nik[:4]}**********{nik[-2:]}"
    for path in (collector.root / "state").rglob("*"):
        if path.is_file():
            assert nik.encode() not in path.read_bytes()
    assert collector.json("canary", "list", "--opd", "other") == []


def test_a_wrong_opd_is_asked_about(collector: Collector) -> None:
    collector.add_agent()
    for opd, asked in (("Nope", True), ("dinas kesehatan", False)):
        done = collector.call("canary", "create", "--opd", opd)
        assert (done.returncode, "is the name right?" in done.stderr) == (0, asked), opd


def test_a_place_whose_name_is_no_text(collector: Collector) -> None:
    """Nothing breaks, and it stands there as agents report it."""
    words = ("canary", "create", "--opd", "a", "--planted-at")
    assert collector.call(*words, "web1:/srv/\udcff/").returncode == 0
    assert collector.call(*words, "\udcff:/srv/").returncode == 2
    (listed,) = collector.json("canary", "list")
    assert listed["planted_at"] == ["web1:/srv/\\xff/"]


def test_credentials_have_forms_of_their_own_and_can_be_retired(collector: Collector) -> None:
    made = [
        collector.json("canary", "create", "--opd", "a", "--kind", kind)
        for kind in ("credential", "aws", "app_key", "telegram")
    ]
    assert [one["kind"] for one in made] == ["database", "aws", "app_key", "telegram"]
    assert "DB_PASSWORD=" in made[0]["forms"]["env"]
    first = made[0]["id"]
    rule = "6a0f4a0b-92c2-5d1e-8f3b-3d4d4f4a7c11"
    collector.raise_alert(rule=rule, fields={"facts": {"canaries": [first]}})
    assert {row["id"]: row["alerts"] for row in collector.json("canary", "list")}[first] == 1
    done = collector.call("canary", "retire", first, made[1]["id"])
    assert (done.returncode, done.stderr.count("retired")) == (0, 2)
    assert len(collector.json("canary", "list")) == 2
    every = json.loads(collector.call("canary", "list", "--all", "-o", "json").stdout)
    assert sum(row["retired"] is not None for row in every) == 2
    assert collector.call("canary", "retire", first).returncode == 1
    audit = collector.state.query("SELECT action FROM audit WHERE action LIKE 'canary.%'")
    assert [row["action"] for row in audit].count("canary.retire") == 2
