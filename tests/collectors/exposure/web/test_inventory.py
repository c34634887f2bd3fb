"""Applications behind a real server: what nobody changed for a year, what was switched off."""

from __future__ import annotations

import os
import time
from contextlib import closing
from pathlib import Path

from collectors.exposure.web.inventory import base_of, newest, records
from collectors.exposure.web.view import WebView
from collectors.kinds import WebApplication
from collectors.paths import PathGuard
from tests.collectors.content.citizens import make_niks
from tests.collectors.exposure.web import real

GUARD = PathGuard(b"k" * 32)
YEARS_AGO = time.time() - 3 * 365 * 86400


def write(path: Path, text: str = "x", *, old: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    if old:
        os.utime(path, (YEARS_AGO, YEARS_AGO))
    return path


def test_uploads_and_caches_are_no_work_on_the_application(tmp_path: Path) -> None:
    write(tmp_path / "index.php", old=True)
    write(tmp_path / "uploads/new.php")
    write(tmp_path / "cache/page.html")
    write(tmp_path / "foto.jpg")
    facts = newest(os.fsencode(tmp_path))
    assert facts.changed is not None
    assert abs(facts.changed / 1e9 - YEARS_AGO) < 1
    assert (facts.files, facts.complete) == (1, True)


def test_the_walk_is_bounded_and_says_so(tmp_path: Path) -> None:
    for number in range(30):
        write(tmp_path / f"{number}.php")
    assert newest(os.fsencode(tmp_path), most=10).complete is False
    assert newest(os.fsencode(tmp_path / "nothing")).complete is False
    assert newest(os.fsencode(tmp_path), stopping=lambda: True).files == 0
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/loop").symlink_to(tmp_path)
    assert newest(os.fsencode(tmp_path)).files == 30


def test_an_application_begins_above_its_public_folder(tmp_path: Path) -> None:
    public = os.fsencode(tmp_path / "public")
    assert base_of(public) == public
    write(tmp_path / "artisan")
    assert base_of(public) == os.fsencode(tmp_path)


@real.needs("nginx")
def test_what_nobody_looks_after(tmp_path: Path) -> None:
    nik = make_niks(1)[0]
    write(tmp_path / "lama/index.php", old=True)
    write(tmp_path / "lama/wp-includes/version.php", "$wp_version = '4.9.1';", old=True)
    write(tmp_path / "baru/public/index.php")
    write(tmp_path / "baru/artisan")
    write(tmp_path / f"baru/mati-{nik}/index.php", old=True)
    write(tmp_path / "henti/index.php")
    write(tmp_path / "lama/wp-content/x/wp-config.php", old=True)
    simpeg = tmp_path / "lama/simpeg/system/core/CodeIgniter.php"
    write(simpeg, "const CI_VERSION = '3.1.9';", old=True)
    port = real.free_port()
    block = f"""
server {{ listen 127.0.0.1:{port}; server_name lama.test; root {tmp_path}/lama; }}
server {{ listen 127.0.0.1:{port}; server_name baru.test; root {tmp_path}/baru/public;
    location /arsip/ {{ alias {tmp_path}/baru/mati-{nik}/; }} }}
server {{ listen 127.0.0.1:{port}; server_name henti.test; root {tmp_path}/henti; return 503; }}
"""
    folder = tmp_path / "nginx"
    off = write(
        folder / "sites-available/mati.conf",
        f"server {{ listen 80; server_name mati.test; root {tmp_path}/baru/mati-{nik}; }}",
    )
    with (
        real.nginx(folder, block, [port]) as main,
        closing(WebView((f"nginx:{main}",))) as view,
    ):
        view.refresh()
        found = {
            str(one.names[0]) + str(one.path): one
            for one in records(view, GUARD, {"lama.test": "Dinas"}, time.time_ns())
        }
    assert off.exists()
    states = {name: one.state for name, one in found.items()}
    assert states == {
        "lama.test": "dormant",
        "lama.test/simpeg": "dormant",
        "baru.test": "active",
        "henti.test": "off",
        "mati.test": "deactivated",
    }
    assert found["lama.test/simpeg"].version == "3.1.9"
    assert found["lama.test/simpeg"].application != found["lama.test"].application
    lama, mati = found["lama.test"], found["mati.test"]
    assert (lama.framework, lama.version, lama.owner) == ("WordPress", "4.9.1", "Dinas")
    assert found["baru.test"].framework == "Laravel"
    assert mati.served_by == "baru.test"
    assert nik not in str(mati)
    assert isinstance(mati, WebApplication)
