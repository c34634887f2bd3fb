"""The sensor beside a real nginx: what is open is critical, what is shut goes down, sites are told.

What must not happen: a critical finding about a file that nobody can fetch, a request for a
program, the same application told twice.
"""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.web_servers import missing
from collectors.exposure.sensor import ExposureSensor
from collectors.exposure.settings import ExposureSettings
from collectors.exposure.sweep import Sweep
from collectors.kinds import Record, SensitiveData, Severity, WebApplication
from tests.collectors.content.citizens import make_niks
from tests.collectors.exposure.context import FakeContext
from tests.collectors.exposure.web import real
from tests.patience import PATIENCE, until

pytestmark = [real.needs("nginx"), pytest.mark.slow]
NIKS = make_niks(20)
DUMP = "INSERT INTO `warga` (`nik`) VALUES " + ",".join(f"('{nik}')" for nik in NIKS) + ";\n"


@contextmanager
def running(context: FakeContext, settings: ExposureSettings) -> Iterator[ExposureSensor]:
    sensor = ExposureSensor(settings, context.state_dir)
    thread = threading.Thread(target=sensor.run, args=(context,))
    thread.start()
    try:
        yield sensor
    finally:
        context.stopping.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()
        context.stopping.clear()


def once(context: FakeContext, done: Callable[[list[Record]], bool]) -> list[Record]:
    until(lambda: done(context.records()), "what the sensor tells")
    return context.records()


def findings(records: list[Record], name: str) -> list[SensitiveData]:
    return [
        record
        for record in records
        if isinstance(record, SensitiveData) and str(record.path).endswith(name)
    ]


def test_what_is_shut_goes_down_and_sites_are_told_once(tmp_path: Path) -> None:
    root = tmp_path / "www"
    root.mkdir()
    (root / "cadangan.sql").write_text(DUMP)
    (root / "index.php").write_text("<?php echo 1;")
    context = FakeContext(tmp_path)
    port = real.free_port()
    server = f"listen 127.0.0.1:{port}; server_name dinas.test; root {root};"
    folder = tmp_path / "nginx"
    with real.nginx(folder, f"server {{ {server} }}", [port]) as main:
        settings = ExposureSettings(
            paths=(str(tmp_path / "nothing"),),
            web_roots=(),
            web_configs=(f"nginx:{main}",),
            applications={"*.test": "Dinas Kesehatan"},
        )
        with running(context, settings):
            records = once(
                context,
                lambda told: (
                    bool(findings(told, "cadangan.sql"))
                    and any(isinstance(one, WebApplication) for one in told)
                ),
            )
        (found,) = findings(records, "cadangan.sql")
        assert found.url == f"http://dinas.test:{port}/cadangan.sql"
        assert (found.served, found.checked, found.reachable) == ("downloadable", True, "web_root")
        severities = [one.severity for one in context.sightings if one.record == found]
        assert severities == [Severity.CRITICAL]
        (application,) = [one for one in records if isinstance(one, WebApplication)]
        assert application.names == ("dinas.test",)
        assert (application.state, application.framework) == ("active", "PHP")
        assert (application.owner, application.listening) == ("Dinas Kesehatan", True)

        (folder / "sites.conf").write_text(
            f"server {{ {server} location ~ \\.sql$ {{ deny all; }} }}"
        )
        master = int((folder / "run/nginx.pid").read_text())
        os.kill(master, signal.SIGHUP)
        with running(context, settings):
            records = once(context, lambda told: len(findings(told, "cadangan.sql")) == 2)
            time.sleep(0.3)
        again = findings(records, "cadangan.sql")[1]
        assert (again.served, again.reachable) != ("downloadable", "web_root")
        assert again.served == "forbidden"
        (severity,) = [one.severity for one in context.sightings if one.record == again]
        assert severity is not None
        assert severity < Severity.HIGH
        told = [one for one in context.records() if isinstance(one, WebApplication)]
        assert len(told) <= 2
    assert "index.php" not in (folder / "access.log").read_text()


def test_a_htaccess_that_comes_is_heard_of_and_a_site_that_goes_is_told(tmp_path: Path) -> None:
    if reason := missing("apache"):
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="ronda-web.") as name:
        place = Path(name)
        place.chmod(0o755)
        root = place / "www"
        root.mkdir()
        (root / "cadangan.sql").write_text(DUMP)
        context = FakeContext(tmp_path)
        port = real.free_port()
        block = f"""
<VirtualHost *:{port}>
    ServerName dinas.test
    DocumentRoot {root}
    <Directory {root}>
        AllowOverride All
        Require all granted
    </Directory>
</VirtualHost>
"""
        with real.apache(place / "apache", block, [port]) as main:
            settings = ExposureSettings(
                paths=(str(root),), web_roots=(), web_configs=(f"apache:{main}",)
            )
            with running(context, settings) as sensor:
                once(context, lambda told: bool(findings(told, "cadangan.sql")))
                access = root / ".htaccess"
                access.write_text("Require all denied\n")
                sensor.offer([context.guard.guard(os.fsencode(access))])
                records = once(context, lambda told: len(findings(told, "cadangan.sql")) == 2)
                once(context, lambda told: any(isinstance(one, WebApplication) for one in told))
            served = [one.served for one in findings(records, "cadangan.sql")]
            assert served == ["downloadable", "forbidden"]
            (place / "apache/sites.conf").unlink()
            with running(context, settings):
                once(
                    context,
                    lambda told: any(
                        isinstance(one, WebApplication) and one.state == "gone" for one in told
                    ),
                )
        applications = [one for one in context.records() if isinstance(one, WebApplication)]
        assert {one.names for one in applications if one.state == "gone"} == {("dinas.test",)}


def test_a_sweep_that_does_not_end_keeps_no_site_untold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sweep, "step", lambda _: True)
    (tmp_path / "www").mkdir()
    context = FakeContext(tmp_path)
    port = real.free_port()
    server = f"server {{ listen 127.0.0.1:{port}; server_name dinas.test; root {tmp_path}/www; }}"
    with real.nginx(tmp_path / "nginx", server, [port]) as main:
        settings = ExposureSettings(
            paths=(str(tmp_path / "nothing"),), web_roots=(), web_configs=(f"nginx:{main}",)
        )
        with running(context, settings):
            once(context, lambda told: any(isinstance(one, WebApplication) for one in told))
