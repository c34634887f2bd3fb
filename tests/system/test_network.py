"""The network sensor, the whole way: what crosses in clear is an alert on the collector."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bench.web_servers import missing
from collectors.registry import load_sensors
from tests.collectors.content.citizens import make_niks
from tests.collectors.network.namespaces import Cable, run
from tests.patience import until
from tests.system.deployment import BIN

PEOPLE = make_niks(1204, seed=7)
HERE, THERE = "203.0.113.1", "203.0.113.9"
"""The second is outside: documentation addresses count as public (RFC 5737)."""

pytestmark = [
    pytest.mark.root,
    pytest.mark.mounts,
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(bool(missing("nginx")), reason=missing("nginx")),
    pytest.mark.skipif("network" not in load_sensors(), reason="the sensor is not registered"),
]


class Running:
    """A deployment in one namespace, its clients in the other."""

    def __init__(self, root: Path, cable: Cable) -> None:
        self.root = root
        self.cable = cable

    def ronda(self, *words: str) -> Any:
        """Return what the collector's command line says."""
        environment = {
            **os.environ,
            "RONDA_SOCKET": str(self.root / "d" / "api.sock"),
            "RONDA_CONFIG": str(self.root / "d" / "server.toml"),
        }
        done = subprocess.run(
            [BIN / "ronda", "-o", "json", "--lang", "en", *words],
            env=environment,
            capture_output=True,
            timeout=60,
            check=True,
        )
        return json.loads(done.stdout or b"null")

    def serve(self, name: str, text: str) -> None:
        """Have nginx hand it out."""
        (self.root / "served" / name).write_text(text)

    def fetch(self, path: str, login: str = "") -> int:
        """Download it from outside, perhaps with ``user:password``; return the number of bytes."""
        program = (
            "import base64, sys, urllib.request; "
            "made = urllib.request.Request(sys.argv[1]); "
            "login = base64.b64encode(sys.argv[2].encode()).decode(); "
            "sys.argv[2] and made.add_header('Authorization', 'Basic ' + login); "
            "print(len(urllib.request.urlopen(made, timeout=20).read()))"
        )
        url = f"http://{HERE}{path}"
        words = ("ip", "netns", "exec", self.cable.right, sys.executable, "-c", program)
        return int(run(*words, url, login))

    def alerts(self, level: str) -> list[dict[str, Any]]:
        """Return the alerts of a level and above."""
        found: list[dict[str, Any]] = self.ronda("alerts", "list", "--level", level)
        return [one for one in found if "clear" in one["title"] or "canary" in one["title"]]

    def content(self) -> list[dict[str, Any]]:
        """Return what was found in traffic."""
        found: list[dict[str, Any]] = self.ronda("network", "findings", "--since", "1h")
        return [one for one in found if one["finding"].startswith("content")]


@contextmanager
def inside(cable: Cable, root: Path) -> Iterator[Running]:
    """Run `tests.system.inside` in the left namespace."""
    for name, end, address in ((cable.left, "left", HERE), (cable.right, "right", THERE)):
        run("ip", "-n", name, "address", "add", f"{address}/24", "dev", end)
    words = ("ip", "netns", "exec", cable.left, sys.executable, "-m", "tests.system.inside")
    process = subprocess.Popen(
        [*words, str(root), "left", HERE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield Running(root, cable)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(60) == 0


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    cable = Cable()
    try:
        cable.plug()
        with inside(cable, tmp_path) as made:
            yield made
    finally:
        cable.close()


def clocked(action: Callable[[], object], seen: Callable[[], Any]) -> tuple[Any, float]:
    """Return what was *seen* after *action*, and the seconds that it took."""
    begin = time.monotonic()
    action()
    return until(seen, "alert"), time.monotonic() - begin


def test_a_dump_downloaded_from_nginx(running: Running) -> None:
    row = "{},{},Jalan Merdeka,Jambi\n"
    running.serve("page.html", "<html><body>Selamat datang</body></html>\n" * 200)
    running.serve("own.csv", "nik,nama\n" + f"{make_niks(1, seed=8)[0]},Budi\n")
    small = "nik,nama,alamat,kota\n" + "".join(row.format(nik, "Budi") for nik in PEOPLE)
    running.serve("export.csv", small)
    assert running.fetch("/page.html") > 1000
    assert running.fetch("/own.csv") > 10
    own = until(running.content, "a page of one's own")
    assert [one["level"] for one in own] == ["low"], own
    assert running.alerts("medium") == [], "a welcome, and a citizen's own page"

    told, seconds = clocked(
        lambda: running.fetch("/export.csv"), lambda: running.alerts("critical")
    )
    print(f"a critical alert {seconds:.2f} s after the request began")
    (alert,) = told
    assert alert["title"] == "Many citizens' numbers left the server in clear"
    assert alert["entity"] == THERE
    page = running.ronda("alerts", "show", str(alert["id"]))
    assert "1,205 citizens' identity numbers" in page["summary"], page["summary"]
    assert "GET 203.0.113.1/export.csv (200)" in page["summary"]
    assert not any(nik in json.dumps(page) for nik in PEOPLE)

    again, _ = clocked(lambda: running.fetch("/export.csv"), lambda: running.alerts("critical"))
    assert len(again) == 1
    seen = [one for one in running.content() if one["level"] == "critical"]
    assert [one["count"] for one in seen] == [1205], "the page of one's own, too"
    for path in running.root.rglob("*"):
        if path.is_file() and "served" not in path.parts and path.stat().st_size:
            data = path.read_bytes()
            assert not any(nik.encode() in data for nik in PEOPLE[:200]), path


def test_a_large_one_is_told_by_its_head(running: Running) -> None:
    many = make_niks(60_000, seed=3)
    running.serve("all.csv", "nik,nama\n" + "".join(f"{nik},Budi\n" for nik in many))
    (alert,), _ = clocked(lambda: running.fetch("/all.csv"), lambda: running.alerts("critical"))
    page = running.ronda("alerts", "show", str(alert["id"]))
    facts = {one["label"]: one["value"] for one in page["facts"]}
    about = int(str(facts["Estimate for the whole"]).replace(",", ""))
    assert 0.95 * len(many) < about < 1.05 * len(many)
    assert "at least" in facts["Holds"]


def test_what_the_operator_defined_for_files_is_found_in_traffic(running: Running) -> None:
    records = [f"RM-{70_000_000 + 37 * number}" for number in range(150)]
    running.serve("page.html", "<html><body>RM-12 Selamat datang</body></html>\n" * 200)
    running.serve("rekam.csv", "no_rm,poli\n" + "".join(f"{one},Gigi\n" for one in records))
    assert running.fetch("/page.html") > 1000
    (alert,), _ = clocked(lambda: running.fetch("/rekam.csv"), lambda: running.alerts("critical"))
    page = running.ronda("alerts", "show", str(alert["id"]))
    assert "medical_record" in json.dumps(page)
    assert not any(one in json.dumps(page) for one in records)
    (found,) = running.content()
    assert (found["count"], found["level"]) == (150, "critical")


def test_a_password_in_clear(running: Running) -> None:
    secret = secrets.token_urlsafe(12)
    running.serve("page.html", "<html><body>Selamat datang</body></html>\n" * 200)
    (alert,), _ = clocked(
        lambda: running.fetch("/page.html", f"budi:{secret}"), lambda: running.alerts("medium")
    )
    assert (alert["title"], alert["entity"]) == ("A password crossed the network in clear", HERE)
    page = running.ronda("alerts", "show", str(alert["id"]))
    assert "the password of budi for http crossed in clear" in page["summary"]
    for path in running.root.rglob("*"):
        if path.is_file() and "served" not in path.parts:
            assert secret.encode() not in path.read_bytes(), path
