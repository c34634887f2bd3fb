"""What nginx does with a URL: each line stands for what an nginx 1.22 answered or documents."""

from __future__ import annotations

import pytest

from collectors.exposure.web.lines import Files
from collectors.exposure.web.model import Outcome, Site
from collectors.exposure.web.nginx import sites
from collectors.exposure.web.nginx_route import route


def host(text: str, outer: str = "") -> Site:
    whole = f"http {{ {outer} server {{ listen 80; server_name a.test; root /srv; {text} }} }}"
    files = Files({"/etc/nginx/nginx.conf": whole.encode()}, ())
    (site,) = sites("/etc/nginx/nginx.conf", files)
    assert files.problems == []
    return site


def asked(uri: str, text: str, outer: str = "") -> Outcome:
    return route(host(text, outer), uri)


@pytest.mark.parametrize(
    ("uri", "text", "verdict", "reason"),
    [
        ("/a.sql", "", "served", ""),
        ("/a.sql", "location / { deny all; }", "forbidden", "denied"),
        ("/a.sql", "location / { allow all; deny all; }", "served", ""),
        ("/a.sql", "location / { deny 1.2.3.4; allow all; }", "served", ""),
        ("/a.sql", "deny all; location / { }", "forbidden", "denied"),
        ("/a.sql", "deny all; location / { allow all; }", "served", ""),
        ("/a.sql", "allow 10.0.0.0/8; deny all;", "forbidden", "restricted_by_address"),
        ("/a.sql", "allow 10.0.0.0/8; allow 0.0.0.0/0; deny all;", "served", ""),
        ("/a.sql", "allow ::/0; deny all;", "served", ""),
        ("/a.sql", "auth_basic x; location / { auth_basic off; }", "served", ""),
        ("/a.sql", "auth_basic x;", "forbidden", "needs_login"),
        ("/a.sql", "satisfy any; allow 10.1.1.1; deny all; auth_basic x;", "forbidden", "login"),
        ("/a.sql", "return 301 https://$host$request_uri;", "not_served", "redirect"),
        ("/a.sql", "return 503;", "not_served", "fixed_answer"),
        ("/a.sql", "location ~ \\.sql$ { return 404; }", "not_served", "fixed_answer"),
        ("/a.sql", "location ~ \\.sql$ { return 403; } location ^~ / { }", "served", ""),
        ("/a.SQL", "location ~* \\.sql$ { deny all; }", "forbidden", "denied"),
        ("/a.SQL", "location ~ \\.sql$ { deny all; }", "served", ""),
        ("/a.sql", "location = /a.sql { deny all; } location ~ sql { }", "forbidden", "denied"),
        ("/x/a", "location /x { deny all; } location /x/ { allow all; }", "served", ""),
        ("/x/a.b", "location /x/ { location ~ \\.b$ { deny all; } }", "forbidden", "denied"),
        ("/a.php", "location ~ \\.php$ { fastcgi_pass u; }", "executed", ""),
        ("/a.php.bak", "location ~ \\.php$ { fastcgi_pass u; }", "served", ""),
        ("/a", "location / { proxy_pass http://b; }", "not_served", "proxied"),
        ("/a", "location / { try_files $uri /index.php; }", "served", ""),
        ("/a", "location / { try_files /index.php =404; }", "not_served", "not_tried"),
        ("/a", "location / { internal; }", "forbidden", "internal"),
        ("/a", "if ($http_user_agent ~ bot) { return 403; }", "unknown", "depends"),
        ("/a", "if ($request_method = POST) { return 405; }", "served", ""),
        ("/a", "if ($host != a.test) { return 301 http://a.test; }", "served", ""),
        ("/a", "if (-f $request_filename) { return 403; }", "forbidden", "denied"),
        ("/a", "if (!-e $request_filename) { rewrite ^ /index.php last; }", "served", ""),
        ("/a", "rewrite ^/a$ /b last; location /b { deny all; }", "forbidden", "denied"),
        ("/a", "rewrite ^/a$ http://b.test/ permanent;", "not_served", "redirect"),
        ("/a", "rewrite ^(.*)$ $1/ last;", "unknown", "rewrite_loop"),
        ("/a", "location ~ (?R) { deny all; }", "unknown", "pattern_not_understood"),
        ("/a", "location / { root /srv/$http_x; }", "unknown", "root_with_variable"),
    ],
)
def test_a_url(uri: str, text: str, verdict: str, reason: str) -> None:
    if text.startswith("rewrite ^(.*)$"):
        text = f"location / {{ {text} }}"
    found = asked(uri, text)
    assert found.verdict == verdict
    assert reason in "".join(found.reasons)


@pytest.mark.parametrize(
    ("uri", "text", "path"),
    [
        ("/a", "", "/srv/a"),
        ("/x/a", "location /x/ { root /data; }", "/data/x/a"),
        ("/x/a", "location /x/ { alias /data/; }", "/data/a"),
        ("/x/a", "location ~ ^/x/(.*)$ { alias /data/$1; }", "/data/a"),
        ("/x../a", "location /x { alias /data/x/; }", "/data/a"),
        ("/x/a", "location /x { alias data; }", "/usr/share/nginx/data/a"),
    ],
)
def test_the_file_behind(uri: str, text: str, path: str) -> None:
    assert asked(uri, text).path == path


def test_lists_of_folders() -> None:
    found = asked("/x/", "location /x/ { autoindex on; }")
    assert (found.autoindex, found.hidden) == (True, (".*",))
    assert not asked("/y/", "location /x/ { autoindex on; }").autoindex
    assert asked("/", "", "autoindex on;").autoindex
