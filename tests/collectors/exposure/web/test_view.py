"""What real servers do with real files, and what we say of it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from collectors.exposure.web.view import Place, WebView
from tests.collectors.exposure.web import real

pytestmark = real.needs("nginx")
CONTENT = b"nothing that anybody should fetch\n"


def place(view: WebView, path: Path) -> Place:
    status = path.stat()
    return view.place(os.fsencode(path), status.st_size, status.st_mode)


def make(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(CONTENT)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[WebView, Path, int]]:
    root = tmp_path / "www"
    make(root, "dump.sql", ".env", "config.php", "data/list.csv", "tertutup/a.sql", "kantor/b.sql")
    make(tmp_path, "di-luar.sql", "unduhan/c.csv")
    port = real.free_port()
    servers = f"""
server {{
    listen 127.0.0.1:{port};
    server_name dinas.test;
    root {root};
    location ~ /\\. {{ deny all; }}
    location /data {{ autoindex on; }}
    location /tertutup/ {{ return 403; }}
    location /kantor/ {{ allow 127.0.0.1; allow 10.0.0.0/8; deny all; }}
    location /unduhan/ {{ alias {tmp_path}/unduhan/; }}
    location ~ \\.php$ {{ fastcgi_pass 127.0.0.1:9; }}
}}
"""
    with real.nginx(tmp_path / "nginx", servers, [port]) as main:
        view = WebView((f"nginx:{main}",), rate=100)
        with closing(view):
            assert view.refresh()
            yield view, tmp_path, port


def test_what_nobody_can_fetch(site: tuple[WebView, Path, int]) -> None:
    view, folder, _ = site
    assert place(view, folder / "di-luar.sql").served in ("not_served", "unknown")
    for name, reason in (
        (".env", "denied"),
        ("tertutup/a.sql", "denied"),
    ):
        found = place(view, folder / "www" / name)
        assert (found.served, found.reasons) == ("forbidden", (reason,)), name


def test_an_address_rule_behind_a_proxy_is_no_lock(
    site: tuple[WebView, Path, int], tmp_path: Path
) -> None:
    """A site on loopback alone is there for a proxy or a tunnel; strangers come from there."""
    view, folder, _ = site
    found = place(view, folder / "www/kantor/b.sql")
    assert (found.served, found.checked) == ("unknown", False)
    assert found.reasons == ("restricted_by_address", "behind_a_proxy")
    rule = "location /kantor/ { allow 127.0.0.1; deny all; }"
    for before, served in (("", "forbidden"), ("proxy_pass http://127.0.0.1:8081;", "unknown")):
        main = tmp_path / "nginx.conf"
        main.write_text(
            f"http {{ server {{ listen 8081; root {folder}/www; {rule} }}"
            f" server {{ listen 8080; location /a/ {{ {before} }} }} }}"
        )
        with closing(WebView((f"nginx:{main}",), asks=False)) as other:
            other.refresh()
            assert place(other, folder / "www/kantor/b.sql").served == served


def test_a_redirect_that_the_configuration_does_not_tell_is_no_lock(tmp_path: Path) -> None:
    """Something that we do not follow answers: who else asks may get the file."""
    make(tmp_path, "www/a.sql")
    port = real.free_port()
    servers = f"""server {{ listen 127.0.0.1:{port}; root {tmp_path}/none;
        location / {{ return 301 https://dinas.test$request_uri; }} }}"""
    with real.nginx(tmp_path / "nginx", servers, [port]):
        main = tmp_path / "nginx.conf"
        main.write_text(f"http {{ server {{ listen 127.0.0.1:{port}; root {tmp_path}/www; }} }}")
        with closing(WebView((f"nginx:{main}",), rate=100)) as view:
            view.refresh()
            found = place(view, tmp_path / "www/a.sql")
    assert (found.served, found.checked) == ("unknown", True)
    assert found.reasons == ("answers_otherwise",)


def test_a_program_is_never_asked_for(site: tuple[WebView, Path, int]) -> None:
    view, folder, _ = site
    found = place(view, folder / "www/config.php")
    assert (found.served, found.checked) == ("executed", False)
    assert "config.php" not in (folder / "nginx/access.log").read_text()


def test_what_is_handed_out(site: tuple[WebView, Path, int]) -> None:
    view, folder, port = site
    found = place(view, folder / "www/dump.sql")
    assert found == Place(
        "downloadable", f"http://dinas.test:{port}/dump.sql", b"/dump.sql", True, ()
    )
    assert place(view, folder / "www/data/list.csv").served == "listed"
    alias = place(view, folder / "unduhan/c.csv")
    assert (alias.served, alias.checked) == ("downloadable", True)
    assert alias.path == b"/unduhan/c.csv"


def test_the_door_beside_an_alias(tmp_path: Path) -> None:
    make(tmp_path, "data/unduhan/a.csv", "data/rahasia.sql")
    port = real.free_port()
    servers = f"""
server {{ listen 127.0.0.1:{port}; server_name a.test; root {tmp_path}/none;
    location /unduhan {{ alias {tmp_path}/data/unduhan/; }} }}
"""
    with (
        real.nginx(tmp_path / "nginx", servers, [port]) as main,
        closing(WebView((f"nginx:{main}",), rate=100)) as view,
    ):
        view.refresh()
        found = place(view, tmp_path / "data/rahasia.sql")
    assert (found.served, found.checked) == ("downloadable", True)
    assert found.path == b"/unduhan../rahasia.sql"


def test_when_the_server_does_not_run_nothing_is_certain(tmp_path: Path) -> None:
    make(tmp_path, "www/a.sql")
    port = real.free_port()
    servers = f"server {{ listen 127.0.0.1:{port}; root {tmp_path}/www; }}"
    with real.nginx(tmp_path / "nginx", servers, [port]) as main:
        pass
    with closing(WebView((f"nginx:{main}",))) as view:
        view.refresh()
        found = place(view, tmp_path / "www/a.sql")
        assert (found.served, found.reasons) == ("unknown", ("server_not_listening",))
        assert place(view, tmp_path / "nginx/nginx.conf").served == "unknown"


@pytest.mark.parametrize("asks", [True, False])
def test_a_pattern_that_takes_for_ever_ends_with_the_child(tmp_path: Path, asks: bool) -> None:
    name = "a" * 40 + "!"
    make(tmp_path, f"www/{name}")
    main = tmp_path / "nginx.conf"
    main.write_text(
        f"http {{ server {{ root {tmp_path}/www; location ~ ^/(a+)+$ {{ deny all; }} }} }}"
    )
    with closing(WebView((f"nginx:{main}",), asks=asks, patience=1.0)) as view:
        view.refresh()
        found = place(view, tmp_path / "www" / name)
        assert (found.served, found.reasons) == ("unknown", ("not_understood",))
        assert place(view, main).served == "unknown"  # the next answer comes from a new child


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that the account of a server may enter, which it may not with pytest's."""
    with tempfile.TemporaryDirectory(prefix="ronda-web.") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@real.needs("apache")
def test_the_name_and_the_port_that_hand_it_out(open_folder: Path) -> None:
    """A site sends its first name, and everything without TLS, elsewhere."""
    make(open_folder, "www/a.sql")
    (open_folder / "www/.htaccess").write_text(
        "RewriteEngine On\nRewriteCond %{HTTP_HOST} !^www\\. [NC]\n"
        "RewriteRule ^ http://www.%{HTTP_HOST}%{REQUEST_URI} [R=301,L]\n"
    )
    port = real.free_port()
    block = f"""
<VirtualHost *:{port}>
    ServerName a.test
    ServerAlias www.a.test
    DocumentRoot {open_folder}/www
    <Directory {open_folder}/www>
        AllowOverride All
        Require all granted
    </Directory>
</VirtualHost>
"""
    with (
        real.apache(open_folder / "apache", block, [port]) as main,
        closing(WebView((f"apache:{main}",), rate=100)) as view,
    ):
        view.refresh()
        found = place(view, open_folder / "www/a.sql")
    assert (found.served, found.checked) == ("downloadable", True)
    assert found.url == f"http://www.a.test:{port}/a.sql"


def looked_at(tmp_path: Path, servers: str, port: int) -> Place:
    with (
        real.nginx(tmp_path / "nginx", servers, [port]) as main,
        closing(WebView((f"nginx:{main}",), rate=100)) as view,
    ):
        view.refresh()
        return place(view, tmp_path / "www/a.sql")


def test_a_site_of_the_loopback_address_does_not_answer_for_another(tmp_path: Path) -> None:
    make(tmp_path, "www/a.sql")
    port = real.free_port()
    servers = f"""
server {{ listen {port}; server_name a.test; root {tmp_path}/www; }}
server {{ listen 127.0.0.1:{port}; server_name localhost; return 404; }}
"""
    found = looked_at(tmp_path, servers, port)
    assert (found.served, found.checked) == ("downloadable", True)


@pytest.mark.parametrize("name", ["~^.*[.]a[.]test$", "*.a.test"])
def test_another_site_does_not_answer_for_a_pattern_of_names(tmp_path: Path, name: str) -> None:
    make(tmp_path, "www/a.sql")
    port = real.free_port()
    servers = f"""
server {{ listen 127.0.0.1:{port}; server_name www.a.test; return 404; }}
server {{ listen 127.0.0.1:{port}; server_name {name}; root {tmp_path}/www; }}
"""
    assert looked_at(tmp_path, servers, port).served == "downloadable"


def test_who_ends_tls_before_the_server_hides_nothing(tmp_path: Path) -> None:
    make(tmp_path, "www/a.sql")
    port = real.free_port()
    servers = f"""
server {{ listen 127.0.0.1:{port}; server_name a.test; root {tmp_path}/www;
    if ($http_x_forwarded_proto != "https") {{ return 301 https://$host$request_uri; }} }}
"""
    found = looked_at(tmp_path, servers, port)
    assert (found.served, found.checked) == ("downloadable", True)


def test_what_lies_behind_a_proxy_or_a_socket_is_not_known(tmp_path: Path) -> None:
    make(tmp_path, "www/a.sql")
    port = real.free_port()
    behind = f"""
server {{ listen 127.0.0.1:{port}; server_name a.test; root {tmp_path}/www;
    location / {{ proxy_pass http://127.0.0.1:9; }} }}
"""
    assert looked_at(tmp_path, behind, port).served == "unknown"
    socket = f"""
server {{ listen unix:{tmp_path}/s; server_name b.test; root {tmp_path}/www; }}
server {{ listen 127.0.0.1:{port}; server_name a.test; return 404; }}
"""
    assert looked_at(tmp_path, socket, port).reasons == ("server_not_listening",)


def test_a_root_with_a_variable_leaves_open_who_serves(tmp_path: Path) -> None:
    make(tmp_path, "www/a.sql")
    port = real.free_port()
    servers = f"server {{ listen 127.0.0.1:{port}; root {tmp_path}/$host; }}"
    assert looked_at(tmp_path, servers, port).served == "unknown"


def test_a_deployment_turns_a_link(tmp_path: Path) -> None:
    make(tmp_path, "r1/a.sql", "r2/a.sql")
    (tmp_path / "www").symlink_to("r1")
    port = real.free_port()
    now = [0.0]
    servers = f"server {{ listen 127.0.0.1:{port}; root {tmp_path}/www; }}"
    with (
        real.nginx(tmp_path / "nginx", servers, [port]) as main,
        closing(WebView((f"nginx:{main}",), rate=100, clock=lambda: now[0])) as view,
    ):
        view.refresh()
        (tmp_path / "www").unlink()
        (tmp_path / "www").symlink_to("r2")
        now[0] += 61
        assert view.refresh()
        assert place(view, tmp_path / "r2/a.sql").served == "downloadable"
        assert view.roots == (os.fsencode(tmp_path / "r2"),)
