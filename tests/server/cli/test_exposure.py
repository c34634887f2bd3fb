"""`ronda exposure`, the whole way: what is printed, in both languages, and the exit codes."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from tests.server.api.collector import OTHER, T0, Collector, batch, event

HOSTILE = "/srv/\x1b[2J\u202egpj.sql"


def tally(type_: str = "nik", **more: Any) -> dict[str, Any]:
    return {
        "type": type_,
        "count": 1500,
        "distinct": 1200,
        "exact": True,
        "confidence": 0.99,
        "column": "nik",
        "samples": ["1571**********01", "1571**********02", "1571**********03", "1571**********04"],
        "tokens": [f"{number:032x}" for number in range(64)],
        **more,
    }


def finding(sequence: int, path: str, *tallies: dict[str, Any], **fields: Any) -> Any:
    return event(
        sequence,
        "exposure.finding",
        **{
            "observed": T0 + sequence * 10**9,
            "severity": 4,
            "file__path": path,
            "file__size": 4096,
            "file__mode": "0644",
            "ronda__data__tallies": list(tallies),
            "ronda__data__types": [one["type"] for one in tallies],
            "ronda__data__count": sum(one["count"] for one in tallies),
            "ronda__data__score": 88,
            "ronda__data__reasons": ["in_web_root", "bulk", "from_the_future"],
            "ronda__data__reachable": "web_root",
            "ronda__data__parts": [{"format": "sql", "count": 3, "types": ["nik"], "row": 7}],
            "url__path": "/dump.sql",
            "event__module": "exposure",
            **fields,
        },
    )


def life(collector: Collector) -> None:
    """Store two OPDs that hold the same people, and a file that is gone."""
    collector.add_agent()
    collector.add_agent(OTHER, host="web2", opd="Disdukcapil")
    collector.write(
        batch(
            finding(1, "/var/www/dump.sql", tally(), tally("dsn", count=1, distinct=1, tokens=[])),
            finding(2, HOSTILE, tally("kk"), severity=2),
            finding(3, "/tmp/gone", tally()),
            event(4, "exposure.cleared", file__path="/tmp/gone", event__reason="deleted"),
        )
    )
    same = [f"{number:032x}" for number in range(32, 96)]
    other = batch(finding(1, "/srv/warga.csv", tally(tokens=same, distinct=1000)), agent=OTHER)
    collector.write(other._replace(opd="Disdukcapil", host="web2"))


@pytest.fixture
def living(collector: Collector) -> Collector:
    life(collector)
    return collector


def test_the_list_is_safe_and_has_every_form(living: Collector) -> None:
    done = living.call("exposure", "list")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout
    lines = done.stdout.splitlines()
    assert len(lines) == 4
    assert "critical" in lines[1]
    assert "medium" in lines[3]
    assert "/tmp/gone" not in done.stdout
    rows = living.json("exposure", "list")
    assert {row["path"] for row in rows} == {"/var/www/dump.sql", HOSTILE, "/srv/warga.csv"}
    dump = next(row for row in rows if row["path"] == "/var/www/dump.sql")
    assert (dump["count"], dump["distinct"], dump["types"]) == (1501, 1200, ["nik", "dsn"])
    everything = living.call("exposure", "list", "--all").stdout
    assert "no, deleted 2026-11-24" in everything
    table = csv.DictReader(io.StringIO(living.call("exposure", "list", "-o", "csv").stdout))
    assert {row["level"] for row in table} == {"critical", "medium"}
    jsonl = living.call("exposure", "list", "-o", "jsonl").stdout.splitlines()
    assert [json.loads(line) for line in jsonl] == rows


def test_the_list_can_be_narrowed_and_summed_up(living: Collector) -> None:
    few = living.json("exposure", "list", "--opd", "disdukcapil", "--level", "high")
    assert [row["path"] for row in few] == ["/srv/warga.csv"]
    assert living.json("exposure", "list", "--type", "kk", "--host", "WEB1")[0]["path"] == HOSTILE
    empty = living.call("exposure", "list", "--type", "card")
    assert (empty.returncode, empty.stdout, empty.stderr) == (0, "", "no exposures\n")
    groups = living.json("exposure", "list", "--by", "opd")
    assert [(one["opd"], one["files"], one["count"]) for one in groups] == [
        ("Dinas Kesehatan", 2, 3001),
        ("Disdukcapil", 1, 1500),
    ]
    hosts = living.call("exposure", "list", "--by", "host").stdout
    assert "HOST" in hosts
    assert "web2" in hosts
    assert "only the gravest 1" in living.call("exposure", "list", "--limit", "1").stderr


def test_a_wrong_name_is_not_answered_with_nothing(living: Collector) -> None:
    for words in (("list",), ("overlap",)):
        for option in ("--host", "--opd"):
            done = living.call("exposure", *words, option, "nope")
            assert (done.returncode, "nope" in done.stderr) == (3, True), (words, option)


def test_all_evidence_of_one_in_words(living: Collector) -> None:
    rows = living.json("exposure", "list")
    name = next(row["id"] for row in rows if row["path"] == "/var/www/dump.sql")
    page = living.call("exposure", "show", name[:8]).stdout
    for words in (
        "1500 citizens' identity numbers (NIK), 1200 different, column nik, confidence 99 %",
        "nik: 1571**********01, 1571**********02, 1571**********03\n",
        "dump.sql: 3 nik, the first at line 7",
        "It lies where the web server hands files out.",
        "from_the_future",
        "1. Move the file out of the web root, or delete it, today.",
        f"ronda exposure overlap --id {name}",
        "/dump.sql",
    ):
        assert words in page
    assert "1571**********04" not in page
    halaman = living.call("--lang", "id", "exposure", "show", name).stdout
    assert "Letaknya di tempat server web membagikan berkas." in halaman
    assert "1200 berbeda, kolom nik" in halaman
    hostile = next(row["id"] for row in rows if row["path"] == HOSTILE)
    assert "\x1b" not in living.call("exposure", "show", hostile).stdout
    record = living.json("exposure", "show", hostile)
    assert len(record["evidence"][0]["samples"]) == 3
    assert living.call("exposure", "show", "00000000ffff").returncode == 3
    assert living.call("exposure", "show", "x").returncode == 2


def test_the_same_values_at_two_opds(living: Collector) -> None:
    (row,) = living.json("exposure", "overlap")
    assert (row["left_opd"], row["right_opd"]) == ("Dinas Kesehatan", "Disdukcapil")
    assert (row["type"], row["shared"], row["exact"]) == ("nik", 32, False)
    assert row["estimate"] == 600  # 32 of 64 of 1200
    assert 0 < row["error"] < 120
    assert "about 600 +- " in living.call("exposure", "overlap").stdout
    assert living.json("exposure", "overlap", "--type", "kk") == []
    (gone,) = living.json("exposure", "overlap", "--all", "--opd", "Disdukcapil", "--by", "opd")
    assert gone["pairs"] == 2
    files = living.json("exposure", "overlap", "--by", "file", "--id", row["right_exposure"])
    assert [one["left_path"] for one in files] == ["/var/www/dump.sql"]
    nothing = living.call("exposure", "overlap", "--level", "critical", "--type", "card")
    assert nothing.stderr == "no values in common\n"
