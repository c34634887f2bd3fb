"""What Apache does with a URL: each line stands for what an Apache 2.4 answered or documents."""

from __future__ import annotations

import pytest

from collectors.exposure.web.apache import sites
from collectors.exposure.web.apache_route import route
from collectors.exposure.web.lines import Files
from collectors.exposure.web.model import Outcome, Site

BASE = """
LoadModule rewrite_module x
LoadModule autoindex_module x
LoadModule authz_core_module x
<Directory />
    AllowOverride None
    Require all denied
</Directory>
"""
OPEN = "<Directory /srv>\nAllowOverride All\nRequire all granted\n</Directory>\n"
CLOSED = "<Directory /srv>\nAllowOverride None\nRequire all granted\n</Directory>\n"


def host(text: str, outer: str = OPEN) -> Site:
    whole = f"{BASE}{outer}<VirtualHost *:80>\nServerName a.test\nDocumentRoot /srv\n{text}\n"
    files = Files({"/etc/apache2/apache2.conf": (whole + "</VirtualHost>\n").encode()}, ())
    (site,) = sites("/etc/apache2/apache2.conf", files)
    assert files.problems == []
    return site


def asked(
    uri: str, text: str = "", access: dict[str, str] | None = None, outer: str = OPEN
) -> Outcome:
    files = {path: data.encode() for path, data in (access or {}).items()}
    return route(host(text, outer), uri, (f"/srv{uri}",), files)


@pytest.mark.parametrize(
    ("lines", "verdict", "reason"),
    [
        ("Require all denied", "forbidden", "denied"),
        ("Require ip 10.0.0.0/8", "forbidden", "restricted_by_address"),
        ("Require ip 0.0.0.0/0", "served", ""),
        ("AuthMerging Or\nRequire ip 10.0.0.0/8", "unknown", "depends_on_other_sections"),
        ("Order deny,allow\nDeny from all\nAllow from 10.0 all", "served", ""),
        ("Order deny,allow\nDeny from all\nAllow from env=ok", "unknown", "depends_on_request"),
        ("Require local", "forbidden", "restricted_by_address"),
        ("Require valid-user", "forbidden", "needs_login"),
        ("Require not ip 1.2.3.4", "forbidden", "denied"),
        ("<RequireAll>\nRequire all granted\nRequire not ip 1.2.3.4\n</RequireAll>", "served", ""),
        (
            "<RequireAny>\nRequire ip 10.1\nRequire valid-user\n</RequireAny>",
            "forbidden",
            "needs_login",
        ),
        ("<RequireAll>\nRequire ip 10.1\nRequire valid-user\n</RequireAll>", "forbidden", ""),
        ("Require method POST", "forbidden", "denied"),
        ("Require env X", "unknown", "depends_on_request"),
        ("Order deny,allow\nDeny from all", "forbidden", "denied"),
        ("Order deny,allow\nDeny from all\nAllow from 10.0", "forbidden", "restricted_by_address"),
        ("Order allow,deny\nAllow from all", "served", ""),
        ("Order allow,deny\nAllow from all\nDeny from 1.2.3.4", "served", ""),
        ("Order allow,deny", "forbidden", "denied"),
        ("Deny from all\nSatisfy any\nRequire valid-user", "forbidden", ""),
        ("<Limit GET POST>\nDeny from all\n</Limit>", "forbidden", "denied"),
        ("<LimitExcept GET>\nDeny from all\n</LimitExcept>", "served", ""),
        ('<Files "*.sql">\nRequire all denied\n</Files>', "forbidden", "denied"),
        ('<FilesMatch "\\.(bak|old)$">\nRequire all denied\n</FilesMatch>', "served", ""),
        ("<If \"%{HTTP_HOST} == 'x'\">\nRequire all denied\n</If>", "unknown", ""),
        ("RewriteEngine On\nRewriteRule \\.sql$ - [F]", "forbidden", "denied"),
        ("RewriteEngine Off\nRewriteRule \\.sql$ - [F]", "served", ""),
        ("RewriteEngine On\nRewriteRule (.*) http://b.test/$1 [R=301,L]", "not_served", "redirect"),
        ("Redirect 403 /x", "forbidden", "denied"),
        ("RedirectMatch 404 \\.sql$", "forbidden", "denied"),
        ("php_admin_flag engine off", "unknown", "htaccess_error"),
        ("<Files x", "unknown", "htaccess_error"),
        ("# nothing", "served", ""),
        ("SetHandler cgi-script", "executed", ""),
    ],
)
def test_a_htaccess(lines: str, verdict: str, reason: str) -> None:
    found = asked("/x/a.sql", access={"/srv/x/.htaccess": lines + "\n"})
    assert found.verdict == verdict
    assert reason in "".join(found.reasons)
    # Where it may not speak, it changes nothing.
    shut = asked("/x/a.sql", access={"/srv/x/.htaccess": lines + "\n"}, outer=CLOSED)
    assert shut.verdict == "served"


def test_the_innermost_folder_speaks_last() -> None:
    access = {
        "/srv/x/.htaccess": "Require all denied\n",
        "/srv/x/y/.htaccess": "Require all granted\n",
    }
    assert asked("/x/a", access=access).verdict == "forbidden"
    assert asked("/x/y/a", access=access).verdict == "served"


def test_what_a_folder_may_say_is_limited() -> None:
    outer = "<Directory /srv>\nAllowOverride Limit\nRequire all granted\n</Directory>\n"
    access = {"/srv/.htaccess": "Require all denied\n"}
    assert asked("/a.sql", access=access, outer=outer).reasons == ("htaccess_error",)
    access = {"/srv/.htaccess": "Deny from all\n"}
    assert asked("/a.sql", access=access, outer=outer).verdict == "forbidden"


@pytest.mark.parametrize(
    ("name", "lines", "verdict"),
    [
        ("a.php", "AddHandler application/x-httpd-php .php", "executed"),
        ("a.php.bak", "AddHandler application/x-httpd-php .php", "executed"),
        ("a.php.bak", "AddType application/x-httpd-php .php", "executed"),
        ("a.php.txt", "AddType application/x-httpd-php .php", "served"),
        ("a.php", "AddHandler application/x-httpd-php .php\nRemoveHandler .php", "served"),
        ("a.php", "AddHandler x-httpd-php .php\nphp_flag engine off", "served"),
        ("a.php", "", "served"),
        ("a.phps", "AddHandler application/x-httpd-php-source .phps", "served"),
        ("a.txt", "ForceType application/x-httpd-php", "executed"),
    ],
)
def test_what_runs(name: str, lines: str, verdict: str) -> None:
    assert asked(f"/{name}", access={"/srv/.htaccess": lines + "\n"}).verdict == verdict


@pytest.mark.parametrize(
    ("uri", "text", "verdict", "path"),
    [
        ("/dok/a", "Alias /dok /data/d", "forbidden", "/data/d/a"),  # nobody granted it
        ("/dokumen/a", "Alias /dok /data/d", "served", "/srv/dokumen/a"),
        ("/f/a", "AliasMatch ^/f/(.*) /srv/x/$1", "served", "/srv/x/a"),
        ("/cgi-bin/a", "ScriptAlias /cgi-bin/ /usr/lib/cgi-bin/", "executed", "/usr/lib/cgi-bin/a"),
        ("/app/a", "ProxyPass /app/ http://127.0.0.1:9/", "not_served", None),
        ("/app/s/a", "ProxyPass /app/s !\nProxyPass /app http://x/", "served", "/srv/app/s/a"),
        ("/a.php", "ProxyPassMatch ^/(.*\\.php)$ fcgi://127.0.0.1:9/srv/$1", "executed", None),
        ("/a", "Redirect permanent / https://a.test/", "not_served", None),
        ("/a", "<Location /a>\nRequire all denied\n</Location>", "forbidden", "/srv/a"),
        (
            "/x/a",
            "<DirectoryMatch /x$>\nRequire all denied\n</DirectoryMatch>",
            "forbidden",
            "/srv/x/a",
        ),
        ("/x/a", "<Directory /srv/*>\nRequire all denied\n</Directory>", "forbidden", "/srv/x/a"),
        ("/a", "RewriteEngine On\nRewriteRule ^/b - [F]", "served", "/srv/a"),
    ],
)
def test_where_a_url_leads(uri: str, text: str, verdict: str, path: str | None) -> None:
    found = asked(uri, text)
    assert (found.verdict, found.path) == (verdict, path)


def test_lists_of_folders() -> None:
    text = "<Directory /srv/x>\nOptions +Indexes\nIndexIgnore *.bak\n</Directory>"
    found = asked("/x/", text)
    assert (found.autoindex, found.hidden) == (True, ("*.bak",))
    assert not asked("/y/", text).autoindex
    assert not asked("/x/z/", text, {"/srv/x/z/.htaccess": "Options -Indexes\n"}).autoindex
