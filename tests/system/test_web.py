"""What a web server hands out, the whole way: nginx, agent, collector, alert, applications.

What must not happen: a critical alert about a password file that the server refuses, a request for
a program, a NIK in what anybody reads.
"""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path
from typing import Any

import pytest

from tests.collectors.content.citizens import make_niks
from tests.collectors.exposure.web import real
from tests.patience import until
from tests.system.deployment import Deployment

pytestmark = real.needs("nginx")


def alerts(here: Deployment) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = here.ronda_json("--lang", "en", "alerts", "list") or []
    return found


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_backup_that_anybody_can_download(tmp_path: Path) -> None:
    password = f"DB_PASSWORD={secrets.token_urlsafe(18)}\n"
    nik = make_niks(1)[0]
    with Deployment(tmp_path / "d") as here:
        port = real.free_port()
        block = f"""
server {{ listen 127.0.0.1:{port}; server_name dinas.test; root {here.web};
    location ~ /\\.(env|git) {{ deny all; }}
    location ~ \\.php$ {{ fastcgi_pass 127.0.0.1:9; }} }}
"""
        nginx = tmp_path / "nginx"
        old = time.time() - 800 * 86400
        (here.web / "index.html").write_text("<h1>Dinas</h1>")
        os.utime(here.web / "index.html", (old, old))
        with real.nginx(nginx, block, [port]) as main:
            with here.agent_toml.open("a") as settings:
                settings.write(f'web_configs = ["nginx:{main}"]\n')
            here.install()
            here.start_agent()
            until(here.watching, "baseline")
            (here.web / ".env").write_text(password)
            (here.web / "config.php").write_text(f"<?php define('{password.strip()}');")
            backup = here.web / f"salinan-{nik}.env.bak"
            backup.write_text(password)
            until(lambda: [one for one in alerts(here) if one["level"] == "critical"], "alert")
            applications = until(
                lambda: here.ronda_json("exposure", "applications", "--dormant"), "inventory"
            )
            time.sleep(1)
            said = here.ronda("--lang", "en", "alerts", "list", "-o", "json")
            raised = alerts(here)
        log = (nginx / "access.log").read_text()
    assert [one["level"] for one in raised if ".env.bak" in str(one)] == ["critical"]
    assert [one for one in raised if str(one.get("entity", "")).endswith("/.env")] == []
    assert nik not in said
    (application,) = applications
    assert (application["names"], application["state"]) == (["dinas.test"], "dormant")
    assert "config.php" not in log
    assert "GET /salinan-" in log
