"""`ronda files` and `ronda hosts files`, the whole way: what is printed, and the exit codes."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
from typing import Any

import pytest

from collectors.kinds import Severity
from tests.server.api.collector import OTHER, RONDA, T0, Collector, batch, event

HASH, BEFORE = "ab12" * 16, "cd34" * 16
DUMP = "/var/www/dump.sql"
HOSTILE = "/var/www/\x1b[2J\u202egpj.sql"


def change(sequence: int, action: str, path: str = DUMP, **fields: Any) -> Any:
    return event(
        sequence,
        observed=T0 + sequence * 10**9,
        file__path=path,
        event__action=action,
        ronda__file__found_by="watch",
        **fields,
    )


def life(collector: Collector) -> None:
    """Store what becomes of a dump in a web root."""
    collector.add_agent()
    owned: dict[str, Any] = {"file__uid": "33", "file__gid": "33", "file__mode": "0644"}
    seen: dict[str, Any] = {"file__hash__sha256": HASH, "file__size": 120, **owned}
    collector.write(
        batch(
            change(1, "created", file__hash__sha256=BEFORE, file__size=7, **owned),
            change(2, "modified", ronda__file__previous__sha256=BEFORE, **seen),
            event(
                3,
                "exposure.finding",
                observed=T0 + 3 * 10**9,
                severity=Severity.CRITICAL,
                file__path=DUMP,
                file__hash__sha256=HASH,
                ronda__data__types=["nik", "kk"],
                ronda__data__count=12,
                ronda__data__score=90,
                ronda__data__reachable="web_root",
                event__module="exposure",
            ),
            change(4, "deleted", ronda__file__previous__sha256=HASH),
            event(
                5,
                "exposure.cleared",
                observed=T0 + 5 * 10**9,
                file__path=DUMP,
                event__reason="deleted",
                event__module="exposure",
            ),
            change(6, "created", "/var/www2/x", **seen),
        )
    )


def test_the_history_of_a_file(collector: Collector) -> None:
    life(collector)
    done = collector.call("files", "history", DUMP)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line[:86].rstrip() for line in done.stdout.splitlines()] == [
        "TIME                 HOST  OPD              ACTION    SHA256        BEFORE        SIZE",
        "2026-11-24 13:00:01  web1  Dinas Kesehatan  created   cd34cd34cd34                   7",
        "2026-11-24 13:00:02  web1  Dinas Kesehatan  modified  ab12ab12ab12  cd34cd34cd34   120",
        "2026-11-24 13:00:03  web1  Dinas Kesehatan  finding   ab12ab12ab12",
        "2026-11-24 13:00:04  web1  Dinas Kesehatan  deleted                 ab12ab12ab12",
        "2026-11-24 13:00:05  web1  Dinas Kesehatan  cleared",
    ]
    assert "12 of nik, kk; score 90, web_root" in done.stdout
    rows = collector.json("files", "history", DUMP)
    assert rows[1]["sha256"] == HASH
    assert rows[1]["previous_sha256"] == BEFORE
    assert (rows[1]["owner"], rows[1]["found_by"]) == ("33:33", "watch")
    assert collector.json("files", "history", DUMP + "/", "--limit", "1") == rows[-1:]
    few = collector.call("files", "history", DUMP, "--limit", "1")
    assert "only the newest 1" in few.stderr
    lines = collector.call("-o", "jsonl", "files", "history", DUMP, "--host", "WEB1").stdout
    assert [json.loads(line) for line in lines.splitlines()] == rows
    table = csv.DictReader(
        io.StringIO(collector.call("files", "history", DUMP, "-o", "csv").stdout)
    )
    assert [row["sha256"] for row in table][:2] == [BEFORE, HASH]


def test_who_and_why(collector: Collector) -> None:
    collector.add_agent()
    told = change(
        1,
        "modified",
        "/var/www/app/index.php",
        process__executable="/usr/bin/vim",
        user__id="0",
        ronda__process__login="1000",
        ronda__process__confidence="proc",
        ronda__file__role="web_page",
        ronda__window__id="w1a2b3c4d",
        ronda__file__git="modified",
        ronda__file__diff="@@ -1,1 +1,1 @@\n-old\n+new\x1b[2J",
    )
    collector.write(batch(told, change(2, "modified", "/var/www/app/plain.php")))
    for row in (
        collector.json("files", "history", "/var/www/app/index.php")[0],
        collector.json("hosts", "files", "web1", "--since", "2026-11-01")[1],
    ):
        assert row["who"] == "/usr/bin/vim uid 0 login 1000 (proc)"
        assert row["why"] == "window w1a2b3c4d, git modified"
        assert row["role"] == "web_page"
        assert "diff" not in row
    plain = collector.call("files", "history", "/var/www/app/index.php")
    assert "+new" not in plain.stdout
    shown = collector.call("files", "history", "/var/www/app/index.php", "--diff").stdout
    assert shown.splitlines()[1:] == ["    @@ -1,1 +1,1 @@", "    -old", "    +new\\x1b[2J"]
    assert collector.json("files", "history", "/var/www/app/index.php", "--diff")[0]["diff"]
    event_id = collector.json("files", "history", "/var/www/app/index.php")[0]["event"]
    page = collector.call("events", "show", event_id).stdout
    assert "\x1b" not in page
    assert [line.split(None, 1)[1] for line in page.splitlines() if "file.diff" in line] == [
        "@@ -1,1 +1,1 @@",
        "-old",
        "+new\\x1b[2J",
    ]
    nothing = collector.json("files", "history", "/var/www/app/plain.php")[0]
    assert (nothing["who"], nothing["why"], nothing["role"]) == (None, None, None)


@pytest.mark.parametrize(
    "words",
    [
        ["files", "history", "/nowhere"],
        ["files", "history", DUMP, "--host", "web9"],
        ["files", "history", DUMP, "--until", "2026-11-01"],
        ["files", "history", "--token", "abcdef01"],
        ["files", "where", "00000000"],
        ["hosts", "files", "web1", "--since", "2026-11-24", "--under", "/var/ww"],
        ["hosts", "files", "web9"],
    ],
)
@pytest.mark.parametrize("form", ["table", "json"])
def test_nothing_found_is_exit_3(collector: Collector, words: list[str], form: str) -> None:
    life(collector)
    done = collector.call("-o", form, *words)
    assert done.returncode == 3
    assert done.stdout in {"", "[]\n"}
    assert done.stderr.startswith("ronda: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ["history"],
        ["history", DUMP, "--token", "abcdef01"],
        ["history", "dump.sql"],
        ["where", "xyz"],
        ["where"],
    ],
)
def test_what_cannot_be_meant_is_exit_2(collector: Collector, words: list[str]) -> None:
    assert collector.call("files", *words).returncode == 2


def test_where_a_content_is(collector: Collector) -> None:
    life(collector)
    collector.add_agent(OTHER, host="db1", opd="Dinas Sosial")
    collector.write(batch(change(1, "created", "/tmp/c", file__hash__sha256=HASH), agent=OTHER))
    done = collector.call("files", "where", HASH[:12])
    assert done.returncode == 0
    first, *rows = [line.split("  ") for line in done.stdout.splitlines()]
    assert first[0] == "STILL THERE"
    assert rows[0][0] == "yes"
    assert rows[0][-2].strip() == HASH[:12]
    assert done.stdout.count("no, deleted 2026-11-24 13:00:04") == 1
    found = collector.json("files", "where", HASH)
    assert [(row["present"], row["path"]) for row in found] == [
        ("yes", "/var/www2/x"),
        ("no", DUMP),
        ("yes", "/tmp/c"),
    ]
    collector.write(batch(change(7, "created", "/y", file__hash__sha256=HASH[:-1] + "0")))
    several = collector.call("files", "where", HASH[:12])
    assert several.returncode == 1
    assert HASH in several.stderr
    assert HASH[:-1] + "0" in several.stderr


def test_what_changed_on_a_host(collector: Collector) -> None:
    life(collector)
    since = ("--since", "2026-11-24")
    done = collector.call("hosts", "files", "web1", *since)
    assert (done.returncode, done.stderr) == (0, "")
    head, *rows = done.stdout.splitlines()
    assert head.split()[:6] == ["LAST", "CHANGE", "HOST", "OPD", "CHANGES", "LAST"]
    assert [row.split()[-2] for row in rows] == ["/var/www2/x", DUMP]
    (below,) = collector.json("hosts", "files", "web1", *since, "--under", "/var/www/")
    assert (below["path"], below["changes"], below["action"]) == (DUMP, 3, "deleted")
    assert (below["created"], below["modified"], below["deleted"]) == (1, 1, 1)
    assert len(collector.json("hosts", "files", "web1", *since, "--under", "/")) == 2
    assert (
        "only the newest 1"
        in collector.call("hosts", "files", "web1", *since, "--limit", "1").stderr
    )


def test_what_tables_print_can_be_asked_and_never_paints_the_screen(collector: Collector) -> None:
    collector.add_agent()
    token = "ab12cd34" * 4
    collector.write(
        batch(
            change(1, "created", HOSTILE),
            change(2, "created", "/srv/b\\xff"),
            change(3, "created", "/srv/ktp_3273**02~1a2b3c4d", ronda__path__token=token),
        )
    )
    shown = collector.call("hosts", "files", "web1", "--since", "2026-11-24").stdout
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    printed = "/var/www/\\x1b[2J\\u202egpj.sql"
    assert printed in shown
    for path in (printed, "/srv/b\\xff", "/srv/ktp_3273**02~1a2b3c4d"):
        assert collector.call("files", "history", path).returncode == 0, path
    assert collector.call("files", "history", "--token", token[:8]).returncode == 0
    assert collector.call("files", "history", "--token", token).returncode == 0
    typed = subprocess.run(
        [RONDA, b"files", b"history", b"/srv/b\xff"],
        env=collector.environment | {"PATH": os.environ["PATH"]},
        capture_output=True,
        check=False,
    )
    assert typed.returncode == 0, typed.stderr
