"""Debian's own configurations, as its packages bring them: understood to the last line.

What must not happen: a stock installation about which Ronda says that it does not understand it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.web_servers import stock
from collectors.exposure.web.child import answer
from collectors.exposure.web.lines import matches
from collectors.exposure.web.model import Locate, Located, Parse, Parsed, Route

_ENABLED = ("access_compat", "alias", "auth_basic", "authn_core", "authn_file", "authz_core")
_MORE = ("authz_host", "authz_user", "autoindex", "deflate", "dir", "env", "filter", "mime")
_REST = ("mpm_event", "negotiation", "reqtimeout", "setenvif", "status", "userdir")


def files_of(folder: str) -> dict[str, bytes]:
    place = stock(folder)
    if place is None:
        pytest.skip(f"there is no unpacked {folder} here: scripts/web_servers DIRECTORY brings it")
    return {
        f"{folder}/{path.relative_to(place)}": path.read_bytes()
        for path in sorted(place.rglob("*"))
        if path.is_file()
    }


def read(server: str, main: str, files: dict[str, bytes]) -> Parsed:
    given = {main: files[main]}
    asked: dict[str, None] = {main: None}
    for _ in range(20):
        request = Parse(server=server, main=main, files=given, missing=tuple(asked))
        found = answer(request, ())
        assert isinstance(found, Parsed)
        needs = [pattern for pattern in found.needs if pattern not in asked]
        if not needs:
            return found
        for pattern in needs:
            asked[pattern] = None
            given |= {path: data for path, data in files.items() if matches(path, pattern)}
    raise AssertionError("it asks for ever")


def routes(found: Parsed, *paths: str, access: dict[str, bytes] | None = None) -> list[Route]:
    answered = answer(Locate(paths=paths, access=access or {}), found.sites)
    assert isinstance(answered, Located)
    return list(answered.routes)


def test_apache() -> None:
    files = files_of("/etc/apache2")
    for name in (*_ENABLED, *_MORE, *_REST):
        for ending in ("load", "conf"):
            path = f"/etc/apache2/mods-available/{name}.{ending}"
            if path in files:
                files[path.replace("available", "enabled")] = files[path]
    default = "/etc/apache2/sites-available/000-default.conf"
    files[default.replace("available", "enabled")] = files[default]
    found = read("apache", "/etc/apache2/apache2.conf", files)
    # A folder of each user's own is in the stock configuration, and is not followed: it is said.
    assert [each.text for each in found.problems] == ["userdir is not followed"]
    (site,) = found.sites
    assert (site.listens[0].port, site.mounts[0].directory) == (80, "/var/www/html")
    (route,) = routes(found, "/var/www/html/a.sql")
    assert (route.verdict, route.listed) == ("served", True)
    (route,) = routes(found, "/var/www/html/.htaccess")
    assert (route.verdict, route.reasons) == ("forbidden", ("denied",))
    (route,) = routes(
        found, "/var/www/html/a.sql", access={"/var/www/html/.htaccess": b"Require all denied\n"}
    )
    assert route.verdict == "served"  # AllowOverride None: nobody reads it
    assert routes(found, "/srv/a.sql") == []


def test_lighttpd() -> None:
    files = files_of("/etc/lighttpd")
    found = read("lighttpd", "/etc/lighttpd/lighttpd.conf", files)
    assert found.problems == ()
    (route,) = routes(found, "/var/www/html/a.sql")
    assert (route.verdict, route.listed) == ("served", False)
    assert [one.verdict for one in routes(found, "/var/www/html/x.inc")] == ["forbidden"]
    assert [one.verdict for one in routes(found, "/var/www/html/x.php")] == ["forbidden"]


def test_caddy() -> None:
    found = read("caddy", "/etc/caddy/Caddyfile", files_of("/etc/caddy"))
    assert found.problems == ()
    (route,) = routes(found, "/usr/share/caddy/a.sql")
    assert (route.verdict, route.listed) == ("served", False)


def test_nginx() -> None:
    files = files_of("/etc/nginx")
    default = "/etc/nginx/sites-available/default"
    files[default.replace("available", "enabled")] = files[default]
    found = read("nginx", "/etc/nginx/nginx.conf", files)
    assert found.problems == ()
    (route,) = routes(found, "/var/www/html/a.sql")
    assert route.verdict == "served"
    assert Path(route.url).name == "a.sql"
