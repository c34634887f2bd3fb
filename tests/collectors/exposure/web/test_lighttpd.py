"""What lighttpd does with a URL, and which sites it has."""

from __future__ import annotations

import pytest

from collectors.exposure.web.fronts import ANY, passed_on_to
from collectors.exposure.web.lighttpd import route, sites
from collectors.exposure.web.lines import Files
from collectors.exposure.web.model import Site

MAIN = "/etc/lighttpd/lighttpd.conf"


def hosts(text: str) -> list[Site]:
    files = Files({MAIN: f'server.document-root = "/srv"\n{text}\n'.encode()}, ())
    found = sites(MAIN, files)
    assert files.problems == []
    return found


@pytest.mark.parametrize(
    ("uri", "text", "verdict", "reason"),
    [
        ("/a.sql", "", "served", ""),
        ("/a.sql~", 'url.access-deny = ("~", ".inc")', "forbidden", "denied"),
        ("/a.sql", 'url.access-allow = (".html")', "forbidden", "denied"),
        ("/x/a", '$HTTP["url"] =~ "^/x/" { url.access-deny = ("") }', "forbidden", "denied"),
        ("/y/a", '$HTTP["url"] =~ "^/x/" { url.access-deny = ("") }', "served", ""),
        ("/x/a", '$HTTP["url"] !~ "^/y/" { url.access-deny = ("") }', "forbidden", "denied"),
        ("/a", '$HTTP["url"] == "/b" { } else { url.access-deny = ("") }', "forbidden", ""),
        ("/a", '$HTTP["url"] == "/a" { } else { url.access-deny = ("") }', "served", ""),
        (
            "/a",
            '$HTTP["remoteip"] != "10.0.0.1" { url.access-deny = ("") }',
            "forbidden",
            "address",
        ),
        ("/a", '$HTTP["remoteip"] == "1.2.3.4" { url.access-deny = ("") }', "served", ""),
        ("/a", '$HTTP["useragent"] =~ "bot" { url.access-deny = ("") }', "unknown", "depends"),
        ("/a", '$HTTP["useragent"] =~ "bot" { setenv.x = "1" }', "served", ""),
        ("/x/a", 'auth.require = ( "/x" => ( "method" => "basic" ) )', "forbidden", "login"),
        ("/a.php", 'fastcgi.server = ( ".php" => (( "socket" => "/s" )) )', "executed", ""),
        ("/a.php", 'static-file.exclude-extensions = ( ".php" )', "forbidden", "denied"),
        ("/a", 'proxy.server = ( "" => (( "host" => "127.0.0.1" )) )', "not_served", "proxied"),
        ("/a", 'url.redirect = ( "^/(.*)" => "https://a/$1" )', "not_served", "redirect"),
        ("/a", 'url.rewrite-once = ( "^/a" => "/index.php" )', "not_served", "elsewhere"),
        ("/a", 'url.rewrite-if-not-file = ( "^/a" => "/index.php" )', "served", ""),
    ],
)
def test_a_url(uri: str, text: str, verdict: str, reason: str) -> None:
    found = route(hosts(text)[0], uri)
    assert found.verdict == verdict
    assert reason in "".join(found.reasons)


def test_what_stands_in_a_condition_comes_last() -> None:
    text = '$HTTP["url"] =~ "^/x/" { url.access-deny = ("") }\nurl.access-deny = ("~")'
    (site,) = hosts(text)
    assert route(site, "/x/a").verdict == "forbidden"
    assert route(site, "/a~").verdict == "forbidden"
    assert route(site, "/a").verdict == "served"


def test_values_are_put_together() -> None:
    text = 'var.base = "/data"\nalias.url = ( "/d/" => var.base + "/d/" )\n'
    text += 'alias.url += ( "/e/" => "/e/" )'
    (site,) = hosts(text)
    assert route(site, "/d/x").path == "/data/d/x"
    assert route(site, "/e/x").path == "/e/x"


def test_sites_by_host_and_socket() -> None:
    found = hosts(
        'server.port = 8080\n$SERVER["socket"] == ":443" { ssl.engine = "enable" }\n'
        '$HTTP["host"] =~ "(^|\\.)ppid\\.test$" { server.document-root = "/ppid" }'
    )
    assert [site.names for site in found] == [(), ("ppid.test",)]
    assert [(one.port, one.tls) for one in found[0].listens] == [(8080, False), (443, True)]
    assert route(found[1], "/a").path == "/ppid/a"
    assert route(found[0], "/a").path == "/srv/a"


def test_where_it_hands_requests_on() -> None:
    inner = 'proxy.server = ( "/x" => (( "host" => "127.0.0.1", "port" => "8081" )) )'
    found = hosts(
        'proxy.server = ( "" => (( "host" => "127.0.0.1", "port" => 8080 )) )\n'
        f'$HTTP["host"] == "a.test" {{ {inner} }}'
    )
    assert passed_on_to(found) == {ANY}
