"""What Caddy does with a URL, and which sites it has."""

from __future__ import annotations

import pytest

from collectors.exposure.web.caddy import route, sites
from collectors.exposure.web.lines import Files
from collectors.exposure.web.model import Site

MAIN = "/etc/caddy/Caddyfile"


def hosts(text: str) -> list[Site]:
    files = Files({MAIN: text.encode()}, ())
    found = sites(MAIN, files)
    assert files.problems == []
    return found


@pytest.mark.parametrize(
    ("uri", "text", "verdict", "reason"),
    [
        ("/a", "file_server", "served", ""),
        ("/a", "", "not_served", "fixed_answer"),
        ("/b", "respond *.sql 403\nfile_server", "forbidden", ""),  # no matcher: a body for all
        ("/a.sql", "@x path *.sql\nrespond @x 403\nfile_server", "forbidden", "denied"),
        ("/A.SQL", "@x path *.sql\nrespond @x 403\nfile_server", "forbidden", "denied"),
        ("/x/a", "error /x/* 404\nfile_server", "forbidden", "denied"),
        ("/y/a", "error /x/* 404\nfile_server", "served", ""),
        ("/x/a", "basicauth /x/* {\nu p\n}\nfile_server", "forbidden", "login"),
        ("/a", "@x not remote_ip 10.0.0.0/8\nrespond @x 403\nfile_server", "forbidden", ""),
        ("/a", "@x header X y\nrespond @x 403\nfile_server", "unknown", "depends"),
        ("/a", "redir https://b.test{uri}", "not_served", "redirect"),
        ("/a", "reverse_proxy 127.0.0.1:9", "not_served", "proxied"),
        ("/api/a", "reverse_proxy /api/* 127.0.0.1:9\nfile_server", "not_served", "proxied"),
        ("/a", "reverse_proxy /api/* 127.0.0.1:9\nfile_server", "served", ""),
        ("/a.php", "php_fastcgi unix//s\nfile_server", "executed", ""),
        ("/a.php.bak", "php_fastcgi unix//s\nfile_server", "served", ""),
        ("/.git/a", "file_server {\nhide .git *.bak\n}", "forbidden", "denied"),
        ("/x/a.bak", "file_server {\nhide .git *.bak\n}", "forbidden", "denied"),
        ("/x/a", "handle /x/* {\nabort\n}\nhandle {\nfile_server\n}", "forbidden", "denied"),
        ("/y/a", "handle /x/* {\nabort\n}\nhandle {\nfile_server\n}", "served", ""),
    ],
)
def test_a_url(uri: str, text: str, verdict: str, reason: str) -> None:
    (site,) = hosts(f"http://a.test {{\nroot * /srv\n{text}\n}}\n")
    found = route(site, uri)
    assert found.verdict == verdict
    assert reason in "".join(found.reasons)


def test_roots_by_path_and_snippets() -> None:
    text = """{
    email a@b.test
}
(dasar) {
    root * /srv
    file_server browse
}
a.test, www.a.test:8443 {
    import dasar
    handle_path /unduh/* {
        root * /data
        file_server
    }
}
"""
    (site,) = hosts(text)
    assert site.names == ("a.test", "www.a.test")
    assert [(one.port, one.tls) for one in site.listens] == [(443, True), (8443, True)]
    assert route(site, "/unduh/x").path == "/data/x"
    found = route(site, "/x/")
    assert (found.path, found.autoindex) == ("/srv/x", True)


def test_one_site_without_braces() -> None:
    (site,) = hosts(":8080\nroot * /srv\nfile_server\n")
    assert [one.port for one in site.listens] == [8080]
    assert route(site, "/a").path == "/srv/a"
