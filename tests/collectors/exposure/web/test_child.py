"""Configurations from strangers: nothing raises, everything ends, what is odd is said."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.exposure.web.child import answer, start
from collectors.exposure.web.model import (
    Identify,
    Locate,
    Located,
    Parse,
    Parsed,
    Setup,
    Site,
)

SERVERS = ("apache", "caddy", "lighttpd", "nginx")
WORDS = {
    "nginx": (
        *("http {", "server {", "location / {", "location ~ \\.php$ {", "location ^~ /a {", "}"),
        *("root /srv;", "alias /x/;", "deny all;", "listen 80;", "listen [::]:443 ssl;", "include"),
        *("return 403;", "if ($x ~ (a+)+) {", "rewrite ^ /y last;", "try_files $uri =404;", "*;"),
        *("autoindex on;", "server_name a.test;", '"', "\\", "${", "#", "alias /f/$1;"),
    ),
    "apache": (
        *("<VirtualHost *:80>", "</VirtualHost>", "<Directory /srv>", "</Directory>", "<Files *>"),
        *("DocumentRoot /srv", "Require all denied", "Include /etc/*", "AllowOverride All", "<"),
        *("RewriteEngine On", "RewriteCond %{HTTP_HOST} !^a [NC,OR]", "RewriteRule ^(.*)$ $1 [L]"),
        *("<IfModule !x>", "</IfModule>", "Order deny,allow", "Deny from all", "\\", '"', "</>"),
        *("Options +Indexes", "AliasMatch ^/f/(.*) /s/$1", "Define a ${a}${a}", "<Limit GET>"),
    ),
    "lighttpd": (
        *('server.document-root = "/srv"', "server.port = 8080", '$HTTP["host"] == "a" {', "}"),
        *('$HTTP["url"] =~ "^/x" {', "else {", 'url.access-deny = ("")', "+=", "(", ")", "=>", '"'),
        *('alias.url = ( "/a" => "/b" )', 'include "*"', 'x = "a" + x', "global {", ","),
    ),
    "caddy": (
        *("a.test {", "}", "root * /srv", "file_server browse", "handle_path /x/* {", "import *"),
        *("respond @x 403", "@x path *.sql", "@x {", "not path /a", "(s) {", "import s", '"', "`"),
        *("php_fastcgi x", "redir /a /b", "{", "basicauth {", ":80", "http://b:81,"),
    ),
}


def parse(server: str, text: bytes, **more: bytes) -> Parsed:
    files = {"/etc/main": text, **{f"/etc/{name}": data for name, data in more.items()}}
    found = answer(Parse(server=server, main="/etc/main", files=files, missing=("/etc/*",)), ())
    assert isinstance(found, Parsed)
    return found


def ask(sites: tuple[Site, ...], access: bytes = b"") -> Located:
    request = Locate(
        paths=("/srv/a.sql", "/srv/x/b c.php"), access={"/srv/.htaccess": access} if access else {}
    )
    found = answer(request, sites)
    assert isinstance(found, Located)
    return found


@pytest.mark.parametrize("server", SERVERS)
def test_nothing_is_no_site_and_no_mistake(server: str) -> None:
    found = parse(server, b"")
    assert [site for site in found.sites if site.mounts] == [] or server == "apache"
    assert found.problems == ()


@pytest.mark.parametrize("server", SERVERS)
@given(data=st.data())
def test_no_text_breaks_a_reader(server: str, data: st.DataObject) -> None:
    lines = data.draw(st.lists(st.sampled_from(WORDS[server]), max_size=40))
    joint = data.draw(st.sampled_from(("\n", " ", ";\n")))
    noise = data.draw(st.binary(max_size=40))
    found = parse(server, joint.join(lines).encode() + noise, x=joint.join(lines[:9]).encode())
    msgspec.msgpack.encode(found)
    for route in ask(found.sites).routes:
        assert route.url.startswith("/")
    access = joint.join(lines[:12]).encode() + noise
    ask(parse("apache", APACHE).sites, access)


APACHE = (
    b"<VirtualHost *:80>\nDocumentRoot /srv\n<Directory /srv>\nAllowOverride All\n"
    b"Require all granted\n</Directory>\n</VirtualHost>\n"
)


@given(st.binary(max_size=300))
def test_no_htaccess_breaks_the_answer(access: bytes) -> None:
    ask(parse("apache", APACHE).sites, access)


@pytest.mark.parametrize(
    ("server", "text", "line", "words"),
    [
        ("nginx", b"http {\n server {\n", 2, "not closed"),
        ("nginx", b"a;\n}\n", 2, "unexpected"),
        ("nginx", b'a "b;\n', 1, "quotation mark"),
        ("nginx", b"user www-data", 1, 'no ";"'),
        ("nginx", b"a { " * 60, 1, "nested"),
        ("apache", b"<Directory /srv>\nOptions None\n", 1, "not closed"),
        ("apache", b"Listen 80\n</Directory>\n", 2, "closes nothing"),
        ("apache", b"VirtualDocumentRoot /srv/%0\n", 1, "not followed"),
        ("lighttpd", b"server.port 80\n", 1, "must follow"),
        ("lighttpd", b'include_shell "id"\n', 1, "not followed"),
        ("lighttpd", b'$HTTP["host"] == "a" {\n', 1, "not closed"),
        ("caddy", b"a.test {\nroot * /x\n", 1, "not closed"),
        ("caddy", b'a.test {\n root * "x\n}\n', 2, "not closed"),
    ],
)
def test_what_is_not_understood_is_named(server: str, text: bytes, line: int, words: str) -> None:
    problem = parse(server, text).problems[0]
    assert (problem.file, problem.line) == ("/etc/main", line)
    assert words in problem.text


def test_an_include_of_itself_ends() -> None:
    for server, text in (
        ("nginx", b"include main;"),
        ("apache", b"Include /etc/main\n"),
        ("lighttpd", b'include "main"\n'),
        ("caddy", b"a {\nimport main\n}\n"),
    ):
        found = parse(server, text)
        assert found.problems, server


def test_more_directives_than_anybody_writes_are_refused() -> None:
    found = parse("nginx", b"a;" * 150_000)
    assert "directives" in found.problems[0].text


def test_includes_are_asked_for() -> None:
    request = Parse(
        server="nginx", main="/etc/nginx.conf", files={"/etc/nginx.conf": b"include d/*.conf;"}
    )
    found = answer(request, ())
    assert isinstance(found, Parsed)
    assert found.needs == ("/etc/d/*.conf",)


def test_the_handler_speaks_bytes() -> None:
    handle = start(msgspec.msgpack.encode(Setup()))
    body = handle(msgspec.msgpack.encode(Locate(paths=("/srv/x",))), [])
    assert msgspec.msgpack.decode(body, type=Located) == Located()
    msgspec.msgpack.decode(handle(msgspec.msgpack.encode(Identify(files={})), []))


def test_without_tls_everything_is_sent_elsewhere() -> None:
    text = b"""http { server { listen 80; listen 443 ssl; server_name a.test; root /srv;
        if ($scheme = http) { return 301 https://$host$request_uri; } } }"""
    routes = ask(parse("nginx", text).sites).routes
    ways = {(one.verdict, one.tls) for one in routes if one.url == "/a.sql"}
    assert ways == {("not_served", False), ("served", True)}


def test_the_name_that_is_open_counts() -> None:
    text = b"""http { server { listen 80; server_name a.test www.a.test; root /srv;
        if ($host = a.test) { return 301 http://www.a.test$request_uri; } } }"""
    routes = ask(parse("nginx", text).sites).routes
    assert {(one.verdict, one.name) for one in routes} == {("served", "www.a.test")}


def test_one_open_door_among_hundreds_of_shut_ones() -> None:
    shut = "".join(f"server {{ server_name s{n}; root /srv; deny all; }}" for n in range(200))
    text = f"http {{ {shut} server {{ server_name open; root /srv; }} }}"
    sites = parse("nginx", text.encode()).sites
    found = answer(Locate(paths=("/srv/a.sql",)), sites)
    assert isinstance(found, Located)
    assert found.routes[0].verdict == "served"
    assert sites[found.routes[0].site].names == ("open",)
