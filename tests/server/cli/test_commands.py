"""The whole way: command line, socket, real stores. Exit codes are a promise to scripts."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from server.cli.events import unknown_kinds
from server.store.events import NewSkip
from tests.patience import PATIENCE, until
from tests.server.api.collector import AGENT, OTHER, RONDA, T0, Collector, batch, event

HOSTILE = "/var/www/\x1b[2J\u202egpj\x9b\u2028.sql"


def test_without_a_collector_one_sentence_says_what_to_do(tmp_path: Path) -> None:
    done = subprocess.run(
        [RONDA, "--socket", str(tmp_path / "none"), "alerts", "list"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 5
    assert "collector is not running; start it with: systemctl start ronda-server" in done.stderr
    assert not done.stdout


def test_a_socket_that_nobody_serves_is_unreachable(collector: Collector) -> None:
    collector.stop(signal.SIGKILL)
    assert collector.socket.exists()
    assert collector.call("status").returncode == 5
    collector.start()
    assert collector.call("hosts", "list").returncode == 0


def test_the_table_of_alerts(collector: Collector) -> None:
    first = collector.raise_alert()
    collector.raise_alert()
    second = collector.raise_alert(
        entity="/etc/passwd", level="medium", title="New title", observed=T0 - 60 * 10**9
    )
    assert collector.call("alerts", "list", "--since", "2026-11-24").stdout == (
        "ID  LEVEL     STATUS  COUNT  LAST SEEN            HOST  OPD              "
        "TITLE                                          ENTITY\n"
        f" {first}  critical  open        2  2026-11-24 13:00:00  web1  Dinas Kesehatan  "
        "Many citizens' identity numbers in a web root  /var/www/dump.sql\n"
        f" {second}  medium    open        1  2026-11-24 12:59:00  web1  Dinas Kesehatan  "
        "New title                                      /etc/passwd\n"
    )


def test_the_forms_of_output(collector: Collector) -> None:
    alert = collector.raise_alert(entity="=cmd|' /C calc'!A0")
    listed = collector.json("alerts", "list")
    assert listed[0]["id"] == alert
    assert listed[0]["last_seen"] == "2026-11-24T06:00:00.000000Z"
    assert listed[0]["tags"] == ["attack.t1567"]
    after = collector.call("alerts", "list", "-o", "jsonl").stdout
    assert [json.loads(line) for line in after.splitlines()] == listed
    rows = list(csv.DictReader(io.StringIO(collector.call("-o", "csv", "alerts", "list").stdout)))
    assert rows[0]["id"] == str(alert)
    assert rows[0]["entity"] == "'=cmd|' /C calc'!A0"


def test_nothing_is_an_empty_list_and_a_remark(collector: Collector) -> None:
    assert collector.json("alerts", "list") == []
    done = collector.call("alerts", "list")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "no alerts\n")


def test_filters_of_alerts(collector: Collector) -> None:
    high = collector.raise_alert(entity="/a", level="high")
    low = collector.raise_alert(entity="/b", level="low", host="web2", opd="Dinas Sosial")

    def ids(*words: str) -> list[int]:
        return [row["id"] for row in collector.json("alerts", "list", *words)]

    assert ids() == [low, high]
    assert ids("--level", "medium") == [high]
    assert ids("--host", "WEB2") == [low]
    assert ids("--opd", "Dinas Sosial") == [low]
    assert ids("--rule", "nothing") == []
    assert ids("--until", "2026-11-01") == []
    assert ids("--limit", "1") == [low]
    assert "only the newest 1" in collector.call("alerts", "list", "--limit", "1").stderr
    assert collector.call("alerts", "list", "--level", "worse").returncode == 2


def test_what_people_do_with_an_alert(collector: Collector) -> None:
    alert = str(collector.raise_alert())
    assert collector.call("alerts", "show", "99").returncode == 3
    assert collector.call("alerts", "ack", "99").returncode == 3
    assert collector.call("alerts", "show", "x").returncode == 2
    done = collector.call("alerts", "ack", alert, "--note", "I look\x1b[2J")
    assert (done.returncode, done.stdout) == (0, "")
    assert "acknowledged" in done.stderr
    again = collector.call("alerts", "ack", alert)
    assert again.returncode == 1
    assert f"alert {alert} is acknowledged already" in again.stderr
    assert collector.call("alerts", "close", alert, "-n", "moved away").returncode == 0
    assert collector.json("alerts", "list") == []
    (closed,) = collector.json("alerts", "reopen", alert)
    assert closed["status"] == "open"
    history = collector.json("alerts", "show", alert)["history"]
    assert [entry["action"] for entry in history] == [
        "opened",
        "acknowledged",
        "closed",
        "reopened",
    ]
    me = collector.json("alerts", "show", alert)["history"][1]["actor"]
    assert (
        me == subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout[:-1]
    )
    audited = collector.state.query("SELECT actor, action FROM audit ORDER BY id")
    assert [row["action"] for row in audited][-3:] == [
        "alert.acknowledged",
        "alert.closed",
        "alert.reopened",
    ]
    assert {row["actor"] for row in audited[-3:]} == {me}


def test_the_page_of_an_alert_has_all_that_an_analyst_needs(collector: Collector) -> None:
    alert = collector.raise_alert()
    page = collector.call("alerts", "show", str(alert)).stdout
    for needed in (
        f"#{alert} Many citizens' identity numbers in a web root",
        "critical",
        "web1 (Dinas Kesehatan)",
        "/var/www/dump.sql (file.path)",
        "2026-11-24 13:00:00, once",
        "What it means",
        "120 citizens' identity",
        "Identity numbers are used for fraud.",
        "Evidence (masked)\n  3273**********02",
        "1. Move the file out of the web root.",
        "opened by collector",
        f"{AGENT}.1.1",
        f"ronda events show {AGENT}.1.1",
        f"ronda hosts show {AGENT}",
        "ronda files history ",
        f"search --since 2026-11-24T12:50 --until 2026-11-24T13:10 agent={AGENT}",
        f'ronda alerts ack {alert} --note "..."',
    ):
        assert needed in page, page


def test_alerts_speak_the_language_asked_for(collector: Collector) -> None:
    alert = str(collector.raise_alert())
    english = collector.json("alerts", "show", alert)["title"]
    indonesian = collector.json("alerts", "show", alert, "--lang", "id")["title"]
    assert english == "Many citizens' identity numbers in a web root"
    assert indonesian != english
    assert collector.json("alerts", "list", "--lang", "id")[0]["title"] == indonesian
    assert collector.call("alerts", "list", "--lang", "fr").returncode == 2


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv"])
def test_no_hostile_character_reaches_the_terminal(collector: Collector, form: str) -> None:
    alert = collector.raise_alert(
        entity=HOSTILE, host=HOSTILE, title=HOSTILE, opd=HOSTILE, agent=HOSTILE
    )
    collector.add_agent(host=HOSTILE, opd=HOSTILE, problems=json.dumps([HOSTILE]), healthy=0)
    collector.write(batch(event(1, file__path=HOSTILE, file__target_path=HOSTILE)))
    for words in (
        ("alerts", "list"),
        ("alerts", "show", str(alert)),
        ("events", "search", "--since", "2026-11-01"),
        ("events", "show", f"{AGENT}.1.1"),
        ("hosts", "list"),
        ("hosts", "show", AGENT),
        ("delivery",),
        ("status",),
    ):
        done = collector.call("-o", form, *words)
        assert done.returncode in {0, 1}, (words, done)
        assert done.stdout, words
        for stream in (done.stdout, done.stderr):
            assert all(c.isprintable() or c == "\n" for c in stream), (words, stream)


def test_searching_events(collector: Collector) -> None:
    collector.write(
        batch(
            event(1, file__path="/srv/a.txt", event__action="created"),
            event(2, file__path="/srv/dump.sql", event__action="created", severity=3),
            event(3, kind="agent.state", event__action="started", observed=T0 + 10**9),
        )
    )

    def found(*words: str) -> list[int]:
        words = ("events", "search", "--since", "2026-11-01", *words)
        return [row["event.sequence"] for row in collector.json(*words)]

    assert found() == [3, 2, 1]
    assert found("kind=file.change", "file.path=*dump*") == [2]
    assert found("severity>=3") == [2]
    assert found("dump") == [2]
    assert found("--until", "2026-11-24T06:00:01Z") == [2, 1]
    assert found("--limit", "1") == [3]
    wrong = collector.call("events", "search", "severity>=x")
    assert wrong.returncode == 2, wrong
    table = collector.call("events", "search", "--since", "2026-11-01", "dump").stdout
    assert table.splitlines()[1].split() == [
        *("2026-11-24", "13:00:00", "high", "file.change", "web1", "Dinas", "Kesehatan"),
        *("created", "/srv/dump.sql", f"{AGENT}.1.2"),
    ]


def test_one_event(collector: Collector) -> None:
    collector.write(batch(event(1, file__path="/srv/a.txt", file__mtime=T0)))
    shown = collector.json("events", "show", f"{AGENT}.1.1")
    assert shown["file.path"] == "/srv/a.txt"
    assert shown["file.mtime"] == shown["@timestamp"] == "2026-11-24T06:00:00.000000Z"
    page = collector.call("events", "show", f"{AGENT}.1.1").stdout
    assert "2026-11-24T06:00:00.000000Z (2026-11-24 13:00:00 local)" in page
    assert collector.call("events", "show", f"{AGENT}.1.2").returncode == 3
    assert collector.call("events", "show", "nonsense").returncode == 2


def test_hosts(collector: Collector) -> None:
    assert "ronda enroll token" in collector.call("hosts", "list").stderr
    collector.add_agent(coverage=json.dumps({"files": {"directories": 12}}))
    collector.add_agent(OTHER, host="web2", opd="Dinas Sosial", silent_since=T0, last_seen=T0)
    states = {row["host"]: row["state"] for row in collector.json("hosts", "list")}
    assert states == {"web1": "ok", "web2": "silent"}
    assert len(collector.json("hosts", "list", "--opd", "Dinas Sosial")) == 1
    assert collector.call("hosts", "show", "web3").returncode == 3
    page = collector.call("hosts", "show", "WEB1").stdout
    assert "Sensor files" in page
    assert "directories: 12" in page


def test_one_name_for_two_agents_is_not_guessed(collector: Collector) -> None:
    collector.add_agent()
    collector.add_agent(OTHER)
    done = collector.call("hosts", "show", "web1")
    assert done.returncode == 1
    assert AGENT in done.stderr
    assert OTHER in done.stderr


def test_revoking(collector: Collector) -> None:
    collector.add_agent()
    done = collector.call("hosts", "revoke", "web1", input="n\n")
    assert done.returncode == 1
    assert "nothing was changed" in done.stderr
    assert collector.call("hosts", "revoke", "web1", "--yes", "--reason", "stolen").returncode == 0
    assert collector.json("hosts", "list") == []
    assert collector.json("hosts", "list", "--all")[0]["state"] == "revoked"
    audited = collector.state.query("SELECT detail FROM audit WHERE action = 'agent.revoke'")
    assert audited == [{"detail": "stolen"}]


def test_delivery_explains_every_gap(collector: Collector) -> None:
    collector.add_agent(epoch=1)
    collector.write(batch(event(1), event(2), event(6), skipped=(NewSkip(3, 5, "spool_full", 1),)))
    collector.state.execute("INSERT INTO agent_epoch VALUES (?, 1, 8, ?, ?)", (AGENT, T0, T0))
    done = collector.call("delivery", "web1")
    assert done.returncode == 0, done
    assert "3 events: 1-2, 6" in done.stdout
    assert "up to 6 of 8" in done.stdout
    assert "3 (low 3)" in done.stdout
    assert "3-5 (3 events): dropped by the agent because its spool was full" in done.stdout
    assert "7-8 (2 events): still on the host, on their way" in done.stdout


def test_delivery_fails_when_something_cannot_be_explained(collector: Collector) -> None:
    collector.add_agent()
    collector.write(batch(event(1), event(3)), batch(event(1), epoch=2))
    done = collector.call("delivery")
    assert done.returncode == 1
    assert "2 (1 event): unexplained" in done.stdout
    assert collector.json("delivery")["explained"] is False
    assert collector.call("delivery", "web9").returncode == 3


def test_a_token_is_one_string_on_stdout(collector: Collector) -> None:
    assert collector.call("enroll", "token").returncode == 2
    done = collector.call("enroll", "token", "--opd", "Dinas Kesehatan", "--ttl", "2h")
    assert done.returncode == 0
    assert done.stdout.startswith("ronda1.")
    assert len(done.stdout.split()) == 1
    assert done.stdout.strip() not in done.stderr
    assert "for 2 h" in done.stderr
    (token,) = collector.json("enroll", "list")
    assert (token["state"], token["host"], token["opd"]) == ("open", None, "Dinas Kesehatan")
    assert done.stdout.strip() not in json.dumps(token)
    assert collector.call("enroll", "token", "--opd", "x", "--ttl", "90d").returncode == 2


def test_rules_are_tested_without_a_collector(tmp_path: Path) -> None:
    good = subprocess.run(
        [RONDA, "--socket", "/none", "rules", "test"], capture_output=True, text=True, check=False
    )
    assert good.returncode == 0, good
    assert ", 0 problems" in good.stderr
    bad = tmp_path / "bad.yml"
    bad.write_text("title: Bad\nid: nonsense\n")
    done = subprocess.run(
        [RONDA, "rules", "test", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "bad.yml:" in done.stdout


def test_without_channels_a_test_of_notifications_fails(collector: Collector) -> None:
    assert collector.call("notify", "test").returncode == 1
    assert collector.call("notify", "test", "phone").returncode == 3
    assert collector.call("notify", "status").returncode == 0


def test_watch_prints_alerts_as_they_arise_and_ends_on_ctrl_c(collector: Collector) -> None:
    process = subprocess.Popen(
        [RONDA, "alerts", "watch"],
        env=collector.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        assert process.stdout is not None
        assert "waiting for alerts" in process.stderr.readline()
        alert = collector.raise_alert()
        line = process.stdout.readline()
        assert line == (
            f"2026-11-24 13:00:00  critical       #{alert}  web1 (Dinas Kesehatan)  "
            "Many citizens' identity numbers in a web root: /var/www/dump.sql\n"
        )
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=PATIENCE)
        assert rest == ("", "")
        assert process.returncode == 130
    finally:
        process.kill()
        process.communicate()


def test_watch_says_when_the_collector_goes(collector: Collector) -> None:
    process = subprocess.Popen(
        [RONDA, "alerts", "watch"], env=collector.environment, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    process.stderr.readline()
    collector.stop()
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 5
    assert "the collector has stopped" in errors


def test_a_reader_that_has_enough_is_no_error_message(collector: Collector) -> None:
    collector.write(batch(*(event(n, file__path="/x" * 400) for n in range(1, 500))))
    done = subprocess.run(
        f"set -o pipefail; {RONDA} events search --since 2026-11-01 --limit 1000 | head -n 1",
        shell=True,
        executable="/bin/bash",
        # Unbuffered, Python drops the rest of a write that the reader cut short, without a word.
        env={**collector.environment, "PYTHONUNBUFFERED": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 141
    assert not done.stderr


def on_a_terminal(collector: Collector, *words: str, **variables: str) -> str:
    """Return what the command writes when stdout is a terminal."""
    main, other = pty.openpty()
    with subprocess.Popen(
        [RONDA, *words],
        env={**collector.environment, "TERM": "xterm-256color", "COLUMNS": "150", **variables},
        stdout=other,
        stderr=subprocess.DEVNULL,
    ) as process:
        os.close(other)
        written = b""
        while True:
            try:
                part = os.read(main, 65536)
            except OSError:
                break
            if not part:
                break
            written += part
        process.wait(PATIENCE)
    os.close(main)
    return written.decode()


def test_colours_only_where_they_are_wanted(collector: Collector) -> None:
    collector.raise_alert(entity="[red]/x[/red]:smile:" + HOSTILE)
    coloured = on_a_terminal(collector, "alerts", "list")
    assert "\x1b[1;31mcritical" in coloured
    assert "[red]/x[/red]:smile:" in coloured
    assert "\x1b[2J" not in coloured
    for plain in (
        on_a_terminal(collector, "alerts", "list", NO_COLOR="1"),
        on_a_terminal(collector, "--no-color", "alerts", "list"),
        on_a_terminal(collector, "alerts", "list", TERM="dumb"),
    ):
        assert "critical" in plain
        assert "\x1b[1;31m" not in plain
        assert "\x1b[2J" not in plain


def test_the_same_in_a_terminal_without_unicode(collector: Collector) -> None:
    collector.raise_alert(entity="/var/www/données.sql")
    done = subprocess.run(
        [RONDA, "alerts", "list"],
        env={**collector.environment, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "donn\\xe9es.sql" in done.stdout


def status_of(collector: Collector) -> Any:
    return collector.json("status")


def test_status_names_every_reason(collector: Collector) -> None:
    collector.add_agent(OTHER, host="web2", silent_since=T0)
    collector.add_agent(healthy=0, problems=json.dumps(["files is blind in /srv"]))
    done = collector.call("status")
    assert done.returncode == 1
    assert "NOT HEALTHY" in done.stdout
    assert "no sign of life from web2" in done.stdout
    assert "files is blind in /srv" in done.stdout


def test_status_notices_detection_that_lags(collector: Collector) -> None:
    collector.write(batch(event(1), event(2), event(3)))
    until(lambda: status_of(collector)["detection"]["events_behind"] == 3, "the lag")
    before = time.time_ns()
    assert status_of(collector)["detection"]["lag_seconds"] < 60
    assert time.time_ns() - before < 60 * 10**9
    (day,) = [path.stem for path in collector.config.events_dir.glob("*.db")]
    collector.state.execute("INSERT INTO cursor VALUES ('detect', ?, 3)", (day,))
    assert status_of(collector)["detection"] == {"lag_seconds": 0.0, "events_behind": 0}


@pytest.mark.parametrize(
    ("query", "hints"),
    [
        ("kind=file.change", []),
        ("kind=file.* mankind=x", []),
        ("host=web1 kind=file.chnge", ["did you mean 'file.change'?"]),
        ("ronda.kind=zzz", ["there are: "]),
    ],
)
def test_a_kind_that_does_not_exist_is_named(query: str, hints: list[str]) -> None:
    lines = unknown_kinds(query)
    assert len(lines) == len(hints)
    assert all(hint in line for hint, line in zip(hints, lines, strict=True))


def test_output_on_a_full_disk_is_one_line_not_a_traceback(collector: Collector) -> None:
    collector.raise_alert()
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [RONDA, "alerts", "list"],
            env=collector.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "ronda: the output cannot be written: the disk is full\n"
