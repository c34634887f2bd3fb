"""Random rules for a real nginx and a real Apache: do they do what we say they do?

Each seed makes some dozen sites with random rules over the same files and asks for every file at
every site. Where we say that it is handed out, it must come; where we say that it is not, it must
not. `RONDA_WEB_SEEDS=50` asks more.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from collectors.exposure.web import apache, apache_route, nginx, nginx_route
from collectors.exposure.web.check import Target, ask, judge
from collectors.exposure.web.lines import Files
from collectors.exposure.web.model import Outcome, Site
from tests.collectors.exposure.web import real

SEEDS = int(os.environ.get("RONDA_WEB_SEEDS", "2"))
SITES = 30
NAMES = ("a.sql", "b.bak", ".env", "x/a.sql", "x/y/b.bak", "x/.htpasswd", "xy/c.txt", "d.SQL")


def size(name: str) -> int:
    """Return how long each file is: an answer tells which one came."""
    return 20 + NAMES.index(name)


def write(root: Path) -> None:
    for name in NAMES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x" * size(name))


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ronda-web.") as name:
        folder = Path(name)
        for root in ("www", "alias"):
            write(folder / root)
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        yield folder


_HEADS = (
    *("/", "/x", "/x/", "/x/y/", "^~ /x/", "= /a.sql", "= /x/a.sql", "~ \\.sql$", "~* \\.sql$"),
    *("~ /\\.", "~ ^/x", "~ b", "^~ /x/y"),
)
_INSIDE = (
    *("deny all;", "allow all;", "return 403;", "return 404;", "return 301 /z;", "", ""),
    *("deny 1.2.3.4;", "internal;", "try_files $uri =404;", "try_files /none =404;"),
    *("rewrite ^/x/(.*)$ /$1 last;", "rewrite \\.bak$ /a.sql break;", "autoindex on;"),
    *("if ($request_uri ~ sql) { return 403; }",),
)


def location(chance: random.Random, place: Path, depth: int = 0) -> str:
    head, inside = chance.choice(_HEADS), chance.choice(_INSIDE)
    if not head.startswith(("~", "=")) and chance.random() < 0.15:
        inside = f"alias {place}/alias{'/' if head.endswith('/') else ''};"
    elif not head.startswith(("~", "=")) and depth == 0 and chance.random() < 0.2:
        prefix = head.split(" ")[-1].rstrip("/")
        inside += f" location {prefix}/y/ {{ {chance.choice(('allow all;', 'deny all;'))} }}"
        inside += " location ~ bak$ { return 403; }" if chance.random() < 0.3 else ""
    return f"location {head} {{ {inside} }}"


def locations(chance: random.Random, place: Path) -> str:
    found: dict[str, str] = {}
    for _ in range(chance.randint(0, 4)):
        one = location(chance, place)
        found.setdefault(one.partition("{")[0].replace("^~ ", ""), one)
    level = chance.choice(("", "", "", "deny all;", "allow all;", "rewrite ^/xy/(.*)$ /x/$1;"))
    return f"{level} {' '.join(found.values())}"


def agrees(outcome: Outcome, said: str, path: str) -> bool:
    if outcome.verdict == "served":
        return (outcome.path == path) == (said == "downloadable") or "/alias/" in str(outcome.path)
    return outcome.verdict == "unknown" or said != "downloadable"


def compare(
    sites: list[Site], route: Callable[[Site, str], Outcome], port: int, root: Path
) -> tuple[list[str], int]:
    wrong, unknown = [], 0
    for site in sites:
        for name in NAMES:
            outcome = route(site, f"/{name}")
            unknown += outcome.verdict == "unknown"
            target = Target("127.0.0.1", port, tls=False, host=site.names[0])
            said = judge(ask(target, f"/{name}".encode(), 5.0), size(name))
            if not agrees(outcome, said, f"{root}/{name}"):
                wrong.append(f"{site.names[0]} /{name}: {outcome.verdict}, but {said}")
    return wrong, unknown


@real.needs("nginx")
@pytest.mark.parametrize("seed", range(SEEDS))
def test_nginx(place: Path, seed: int) -> None:
    chance = random.Random(seed)
    port = real.free_port()
    texts = {f"s{n}.test": locations(chance, place) for n in range(SITES)}
    blocks = "\n".join(
        f"server {{ listen 127.0.0.1:{port}; server_name {name}; root {place}/www; {text} }}"
        for name, text in texts.items()
    )
    with real.nginx(place / "conf", blocks, [port]) as main:
        data = {str(path): path.read_bytes() for path in (main, main.parent / "sites.conf")}
        found = nginx.sites(str(main), Files(data, ()))
        wrong, unknown = compare(found, nginx_route.route, port, place / "www")
    assert [(line, texts[line.split(" ")[0]]) for line in wrong] == []
    assert len(found) == SITES
    assert unknown < SITES * len(NAMES) * 0.1


_RULES = (
    *("Require all denied", "Require all granted", "Require ip 192.0.2.1", "Options +Indexes"),
    *("Order allow,deny\nAllow from all", "Order deny,allow\nDeny from all", "Satisfy any"),
    *('<Files "*.sql">\nRequire all denied\n</Files>', "RedirectMatch 404 b\\.bak$"),
    *('<FilesMatch "^\\.">\nRequire all denied\n</FilesMatch>', "Redirect 301 /x /z"),
    *('<FilesMatch "\\.bak$">\nRequire all granted\n</FilesMatch>', "# nothing"),
    *("RewriteEngine On\nRewriteRule \\.sql$ - [F]", "RewriteEngine On\nRewriteRule ^y/ - [F,NC]"),
    *("RewriteEngine On\nRewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule . index.php [L]",),
    *("RewriteEngine On\nRewriteCond %{REQUEST_URI} \\.env$ [OR]",),
    *("RewriteEngine On\nRewriteRule ^(.*)$ public/$1 [L]", "RewriteEngine Off"),
    *(
        "<Limit GET>\nRequire all denied\n</Limit>",
        "<IfModule x.c>\nRequire all denied\n</IfModule>",
    ),
)


@real.needs("apache")
@pytest.mark.parametrize("seed", range(SEEDS))
def test_apache(place: Path, seed: int) -> None:
    chance = random.Random(seed)
    port = real.free_port()
    access: dict[str, bytes] = {}
    blocks = []
    for number in range(SITES):
        root = place / f"root{number}"
        write(root)
        for folder in ("", "x", "x/y"):
            if chance.random() < 0.5:
                text = "\n".join(chance.sample(_RULES, chance.randint(1, 2))) + "\n"
                (root / folder / ".htaccess").write_text(text)
                access[str(root / folder / ".htaccess")] = text.encode()
        override = chance.choice(("All", "All", "All", "None", "AuthConfig Limit", "FileInfo"))
        rule = chance.choice(("", "", "<Location /x/y>\nRequire all denied\n</Location>\n"))
        blocks.append(
            f"<VirtualHost *:{port}>\nServerName s{number}.test\nDocumentRoot {root}\n{rule}"
            f"<Directory {root}>\nAllowOverride {override}\nRequire all granted\n</Directory>\n"
            f"</VirtualHost>\n"
        )
    for path in place.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    with real.apache(place / "conf", "".join(blocks), [port]) as main:
        data = {str(path): path.read_bytes() for path in (main, main.parent / "sites.conf")}
        first = Files(data, ())
        apache.sites(str(main), first)
        found = apache.sites(str(main), Files(data, first.needs))
        sites = [site for site in found if site.names[0].endswith(".test")]
        wrong: list[str] = []
        unknown = 0
        for site in sites:
            files = [f"{site.mounts[0].directory}/{name}" for name in NAMES]

            def route(one: Site, uri: str, files: list[str] = files) -> Outcome:
                return apache_route.route(one, uri, files, access)

            more, count = compare([site], route, port, Path(site.mounts[0].directory))
            wrong += more
            unknown += count
    said = {
        line: [
            text.decode()
            for path, text in access.items()
            if f"/root{line.split('.')[0][1:]}/" in path
        ]
        for line in wrong
    }
    assert said == {}
    assert len(sites) == SITES
    assert unknown < SITES * len(NAMES) * 0.4
