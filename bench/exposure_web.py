"""A whole web-server tree: how often is the severity of a finding the expected one?

Real nginx, Apache, lighttpd and Caddy hand out a tree of files with made-up citizens, passwords
and keys: in roots, behind aliases and links, denied, behind .htaccess, listed, run by PHP, beside
the root, in a site that is switched off. What is expected was written down from what a stranger on
the network can do with each file, before the program was asked. Each file is looked at twice: with
requests over loopback, and by configuration alone.

Usage: python -m bench.exposure_web [--verbose]
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from bench import people, web_servers
from collectors.api import Keys
from collectors.exposure import examine
from collectors.exposure.settings import ExposureSettings
from collectors.exposure.web.view import WebView
from collectors.kinds import Severity
from collectors.paths import PathGuard

OPEN = "open"
"""Anybody can fetch it as it lies there."""
SHUT = "shut"
"""Nobody outside gets it; every account of the server can read it."""
LOCKED = "locked"
"""The same, and only its owner can read it."""
RUN = "run"
"""A program answers in its place."""
PERHAPS = "perhaps"
"""A rule lets this host in, and the server answers on loopback alone, as behind a proxy, whose
visitors come from there."""

LOW, MEDIUM, HIGH, CRITICAL = Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL
EXPECTED = {
    # 150 citizens: a breach of many where it is open, a store of many elsewhere.
    "many": {OPEN: CRITICAL, SHUT: HIGH, LOCKED: MEDIUM, RUN: HIGH},
    # 12 citizens in a dump, copy or log, which nobody publishes on purpose.
    "few": {OPEN: CRITICAL, PERHAPS: HIGH, SHUT: MEDIUM, LOCKED: LOW, RUN: MEDIUM},
    # 12 citizens in a table: somebody may have published it, though not with full numbers.
    "list": {OPEN: HIGH, PERHAPS: HIGH, SHUT: MEDIUM, LOCKED: LOW, RUN: MEDIUM},
    # 12 citizens in a page or a letter.
    "letter": {OPEN: HIGH, SHUT: MEDIUM, LOCKED: LOW, RUN: MEDIUM},
    "secret": {OPEN: CRITICAL, SHUT: MEDIUM, LOCKED: LOW, RUN: LOW},
    "key": {OPEN: CRITICAL, SHUT: MEDIUM, LOCKED: LOW, RUN: LOW},
}


class File(NamedTuple):
    """One file of the tree and what it is to the world."""

    name: str
    holds: str
    state: str


NGINX = (
    File("index.html", "letter", OPEN),
    File("cadangan.sql", "many", OPEN),
    File(".env", "secret", SHUT),
    File(".git/config.bak", "secret", SHUT),
    File("config.php", "secret", RUN),
    File("config.php.bak", "secret", OPEN),
    File("config.php~", "secret", OPEN),
    File("config.php.old", "secret", OPEN),
    File("seed.php", "many", RUN),
    File("berkas/daftar penerima 50%.csv", "list", OPEN),
    File("berkas/warga.txt", "letter", OPEN),
    File("data/dump.sql", "few", OPEN),
    File("data/ekspor/besar.csv", "many", OPEN),
    File("internal/pegawai.sql", "many", SHUT),
    File("kantor/absen.csv", "list", PERHAPS),
    File("login/rahasia.sql", "few", SHUT),
    File("storage/app/warga.csv", "list", SHUT),
    File("storage/app/public/lampiran.csv", "list", SHUT),
    File("backup/db.sql", "many", SHUT),
    File("backup/terbuka/db.sql", "many", OPEN),
    File("kunci/id_rsa", "key", OPEN),
    File("kunci/tertutup.key", "key", SHUT),
    File("../unduhan/laporan.csv", "list", OPEN),
    File("../luar/sisa.sql", "many", SHUT),
    File("../aplikasi/storage/app/public/ktp.csv", "list", OPEN),
    File("../aplikasi/storage/logs/laravel.log", "few", SHUT),
    File("../aplikasi/.env", "secret", SHUT),
)
APACHE = (
    File("index.html", "letter", OPEN),
    File("dump.sql", "many", OPEN),
    File(".env", "secret", OPEN),
    File("wp-config.php", "secret", RUN),
    File("wp-config.php.save", "secret", SHUT),
    File(".htpasswd", "secret", SHUT),
    File("unggahan/surat.txt", "letter", OPEN),
    File("unggahan/sisa.php.txt", "secret", OPEN),
    File("tutup/db.sql", "many", SHUT),
    File("tutup/buka/db.sql", "many", OPEN),
    File("lama/db.sql", "many", SHUT),
    File("basic/db.sql", "few", SHUT),
    File("ip/db.sql", "few", SHUT),
    File("daftar/nama.csv", "list", OPEN),
    File("daftar/tersembunyi.bak", "few", OPEN),
    File("laravel/.env", "secret", SHUT),
    File("laravel/storage/logs/laravel.log", "few", SHUT),
    File("laravel/public/ekspor.csv", "list", OPEN),
    File("aturan/rahasia.sql", "few", SHUT),
    File("aturan/catatan.txt", "letter", OPEN),
    File("rusak/db.sql", "few", SHUT),
    File("terkunci/db.sql", "many", LOCKED),
    File("cache/page.txt", "letter", SHUT),
    File("../alias/a.csv", "list", OPEN),
    File("../alias/rahasia/b.csv", "list", SHUT),
    File("../mati/lama.sql", "many", SHUT),
    File("../luar/c.csv", "list", SHUT),
)
LIGHTTPD = (
    File("index.html", "letter", OPEN),
    File("dump.sql", "many", OPEN),
    File("app.inc", "secret", SHUT),
    File("salinan.sql~", "few", SHUT),
    File("config.php", "secret", SHUT),
    File("tertutup/db.sql", "many", SHUT),
    File("kantor/db.sql", "few", PERHAPS),
    File("arsip/db.csv", "list", OPEN),
    File("pindah/db.csv", "list", SHUT),
    File("../alias/x.csv", "list", OPEN),
    File("../luar/y.csv", "many", SHUT),
)
CADDY = (
    File("index.html", "letter", OPEN),
    File("dump.sql", "many", OPEN),
    File(".env", "secret", OPEN),
    File(".git/kredensial.txt", "secret", SHUT),
    File("config.php", "secret", RUN),
    File("rahasia/db.sql", "many", SHUT),
    File("kantor/db.sql", "few", SHUT),
    File("arsip/db.csv", "list", OPEN),
    File("masuk/db.csv", "list", SHUT),
    File("catatan.log", "few", SHUT),
    File("../unduh/x.csv", "list", OPEN),
    File("../luar/y.csv", "many", SHUT),
)
TREES = {"nginx": NGINX, "apache": APACHE, "lighttpd": LIGHTTPD, "caddy": CADDY}

_HTACCESS = {
    "tutup": "Require all denied\n",
    "tutup/buka": "Require all granted\n",
    "lama": "Order deny,allow\nDeny from all\n",
    "basic": 'AuthType Basic\nAuthName "x"\nAuthUserFile /dev/null\nRequire valid-user\n',
    "ip": "Require ip 127.0.0.1 10.0.0.0/8\n",
    "daftar": "Options +Indexes\n",
    "laravel": "<IfModule mod_rewrite.c>\nRewriteEngine On\nRewriteRule ^(.*)$ public/$1 [L]\n"
    "</IfModule>\n",
    "laravel/public": "RewriteEngine On\nRewriteCond %{REQUEST_FILENAME} !-d\n"
    "RewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule ^ index.php [L]\n",
    "aturan": 'RewriteEngine On\nRewriteRule "\\.(sql|bak)$" - [F,NC]\n',
    "rusak": "php_admin_flag engine off\n",
    "cache": "Deny from all\n",
}


class Row(NamedTuple):
    """What came of one file."""

    server: str
    file: File
    expected: Severity
    asked: Severity | None
    """With requests."""
    read: Severity | None
    """By configuration alone."""
    served: str


def _content(file: File, source: random.Random) -> str:
    if file.holds == "key":
        made = subprocess.run(
            ["openssl", "genpkey", "-algorithm", "RSA"], capture_output=True, check=True
        )
        return made.stdout.decode()
    if file.holds == "secret":
        password = "".join(source.choices("abcdefghjkmnpqrstuvwxyz23456789", k=18))
        if "wp-config" in file.name or "config.php" in file.name or file.name.endswith(".inc"):
            return f"<?php\ndefine('DB_NAME', 'simpeg');\ndefine('DB_PASSWORD', '{password}');\n"
        if "htpasswd" in file.name:
            digest = "".join(source.choices("abcdefghijklmnopqrstuvwxyzABCDEFGH0123456789", k=22))
            return f"admin:$apr1$rT4k9s1x${digest}\n"
        return f"DB_HOST=10.1.2.3\nDB_DATABASE=simpeg\nDB_PASSWORD={password}\n"
    niks = [people.nik(source) for _ in range(150 if file.holds == "many" else 12)]
    if file.name.endswith((".sql", "~", ".bak")):
        values = ",".join(f"({n},'{nik}')" for n, nik in enumerate(niks, 1))
        table = "CREATE TABLE `warga` (`id` int, `nik` varchar(16));\n"
        return f"{table}INSERT INTO `warga` VALUES {values};"
    if file.name.endswith(".html"):
        cells = "".join(f"<tr><td>{nik}</td></tr>\n" for nik in niks)
        return f"<table><tr><th>NIK</th></tr>\n{cells}</table>\n"
    if file.name.endswith(".php"):
        return "<?php $nik = [" + ",".join(f"['nik' => '{nik}']" for nik in niks) + "];\n"
    if file.name.endswith((".log", ".txt")):
        return "".join(f"NIK: {nik} terdaftar\n" for nik in niks)
    return "nik,nama\n" + "".join(f"{nik},{source.choice(people.FIRST)}\n" for nik in niks)


def plant(server: str, place: Path, source: random.Random) -> Path:
    """Write the tree of *server* below *place*; return its root."""
    root = place / "www"
    for file in TREES[server]:
        path = Path(os.path.normpath(root / file.name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_content(file, source))
    if server == "apache":
        for folder, text in _HTACCESS.items():
            (root / folder).mkdir(parents=True, exist_ok=True)
            (root / folder / ".htaccess").write_text(text)
    if server == "nginx":
        (place / "aplikasi/public").mkdir(parents=True)
        (place / "aplikasi/public/storage").symlink_to(place / "aplikasi/storage/app/public")
    for path in (place, *place.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    for file in TREES[server]:
        if file.state == LOCKED:
            (root / file.name).chmod(0o600)
    return root


@contextmanager
def served(server: str, place: Path, root: Path) -> Iterator[str]:
    """Hand the tree out; yield what ``web_configs`` says."""
    port, other = web_servers.free_port(), web_servers.free_port()
    with ExitStack() as stack:
        if server == "nginx":
            text = _nginx(place, root, port, other)
            main = stack.enter_context(web_servers.nginx(place / "conf", text, [port, other]))
        elif server == "apache":
            text = _apache(place, root, port)
            (place / "conf/sites-available").mkdir(parents=True)
            off = f"<VirtualHost *:{port}>\nServerName mati.demo\nDocumentRoot {place}/mati\n"
            (place / "conf/sites-available/mati.conf").write_text(off + "</VirtualHost>\n")
            main = stack.enter_context(web_servers.apache(place / "conf", text, [port]))
        elif server == "lighttpd":
            text = _lighttpd(place, root)
            main = stack.enter_context(web_servers.lighttpd(place / "conf", text, port))
        else:
            text = _caddy(place, root, port)
            main = stack.enter_context(web_servers.caddy(place / "conf", text, [port]))
        yield f"{server}:{main}"


def _nginx(place: Path, root: Path, port: int, other: int) -> str:
    return f"""
server {{
    listen 127.0.0.1:{port};
    server_name www.demo *.demo;
    root {root};
    index index.html;
    location / {{ try_files $uri $uri/ /index.php?$args; }}
    location ~ /\\.(?!well-known) {{ deny all; }}
    location ~ \\.php$ {{ fastcgi_pass 127.0.0.1:9; }}
    location /data/ {{ autoindex on; }}
    location ^~ /internal/ {{ internal; }}
    location /kantor/ {{ allow 127.0.0.1; allow 10.0.0.0/8; deny all; }}
    location /login/ {{ auth_basic "x"; auth_basic_user_file /dev/null; }}
    location /storage/ {{ return 404; }}
    location /backup/ {{
        deny all;
        location /backup/terbuka/ {{ allow all; }}
    }}
    location ~* \\.key$ {{ return 403; }}
    location /unduhan/ {{ alias {place}/unduhan/; }}
}}
server {{
    listen 127.0.0.1:{other};
    server_name app.demo;
    root {place}/aplikasi/public;
    location / {{ try_files $uri $uri/ /index.php?$query_string; }}
    location ~ \\.php$ {{ fastcgi_pass 127.0.0.1:9; }}
}}
"""


def _apache(place: Path, root: Path, port: int) -> str:
    return f"""
<VirtualHost *:{port}>
    ServerName lama.demo
    DocumentRoot {root}
    Alias /dok {place}/alias
    <Directory {root}>
        AllowOverride All
        Require all granted
    </Directory>
    <Directory {place}/alias>
        Require all granted
    </Directory>
    <Directory {place}/alias/rahasia>
        Require all denied
    </Directory>
    <FilesMatch "^\\.ht">
        Require all denied
    </FilesMatch>
    <FilesMatch "\\.(save|swp)$">
        Require all denied
    </FilesMatch>
    <FilesMatch "\\.php$">
        SetHandler "proxy:fcgi://127.0.0.1:9"
    </FilesMatch>
</VirtualHost>
"""


def _lighttpd(place: Path, root: Path) -> str:
    return f"""
server.document-root = "{root}"
index-file.names = ( "index.php", "index.html" )
url.access-deny = ( "~", ".inc" )
static-file.exclude-extensions = ( ".php", ".pl", ".fcgi" )
alias.url = ( "/dok/" => "{place}/alias/" )
$HTTP["url"] =~ "^/tertutup/" {{ url.access-deny = ( "" ) }}
$HTTP["url"] =~ "^/kantor/" {{
    $HTTP["remoteip"] != "127.0.0.1" {{ url.access-deny = ( "" ) }}
}}
$HTTP["url"] =~ "^/arsip/" {{ dir-listing.activate = "enable" }}
url.redirect = ( "^/pindah/(.*)" => "http://www.demo/$1" )
"""


def _caddy(place: Path, root: Path, port: int) -> str:
    return f"""
http://caddy.demo:{port} {{
    root * {root}
    @tutup path /rahasia/* *.log
    respond @tutup 403
    @luar {{
        path /kantor/*
        not remote_ip 127.0.0.1 10.0.0.0/8
    }}
    respond @luar 403
    basicauth /masuk/* {{
        admin $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG
    }}
    handle_path /unduh/* {{
        root * {place}/unduh
        file_server
    }}
    php_fastcgi 127.0.0.1:9
    file_server browse {{
        hide .git
    }}
}}
"""


def run(servers: tuple[str, ...] = tuple(TREES), seed: int = 1) -> list[Row]:
    """Plant, hand out and judge the trees of *servers*."""
    rows: list[Row] = []
    source = random.Random(seed)
    for server in servers:
        place = Path(tempfile.mkdtemp(prefix="ronda-web."))
        try:
            root = plant(server, place, source)
            with served(server, place, root) as config:
                rows += _judge(server, root, place, config)
        finally:
            shutil.rmtree(place)
    return rows


def _judge(server: str, root: Path, place: Path, config: str) -> Iterator[Row]:
    settings = ExposureSettings(paths=(str(place),), web_roots=(), web_configs=(config,))
    keys = Keys(fleet=os.urandom(32), fleet_epoch=1)
    guard = PathGuard(os.urandom(32))
    examiner = examine.Examiner(settings, guard, keys, own=b"")
    asking = WebView((config,), rate=100)
    reading = WebView((config,), asks=False)
    with closing(examiner), closing(asking), closing(reading):
        for view in (asking, reading):
            view.refresh()
            for problem in view.problems:
                print(f"{server}: {problem.file}:{problem.line}: {problem.text}", file=sys.stderr)
        for file in TREES[server]:
            real = os.fsencode(os.path.normpath(root / file.name))
            found: list[tuple[Severity | None, str]] = []
            for view in (asking, reading):
                examiner.web = view
                examiner.scope.serve(view.roots)
                look = examiner.look(real, guard.guard(real))
                severity = Severity(look.severity) if look.severity is not None else None
                found.append((severity, str(getattr(look.record, "served", look.outcome))))
            expected = EXPECTED[file.holds][file.state]
            yield Row(server, file, expected, found[0][0], found[1][0], found[0][1])


def main() -> None:
    """Print the shares."""
    here = tuple(server for server in TREES if not web_servers.missing(server))
    for server in TREES.keys() - set(here):
        print(web_servers.missing(server), file=sys.stderr)
    rows = run(here)
    for row in rows:
        wrong = row.asked != row.expected or row.read != row.expected
        if wrong or "--verbose" in sys.argv:
            said = [
                one.name.lower() if one is not None else "none" for one in (row.asked, row.read)
            ]
            print(
                f"{row.server:9} {row.file.name:42} expected {row.expected.name.lower():9}"
                f" asked {said[0]:9} read {said[1]:9} {row.served}"
            )
    files = Counter(row.server for row in rows)
    asked = sum(row.asked == row.expected for row in rows)
    read = sum(row.read == row.expected for row in rows)
    print(f"files: {len(rows)} ({', '.join(f'{name} {n}' for name, n in files.items())})")
    print(f"severity as expected: {asked / len(rows):.1%} with requests over loopback")
    print(f"                      {read / len(rows):.1%} by configuration alone")


if __name__ == "__main__":
    main()
