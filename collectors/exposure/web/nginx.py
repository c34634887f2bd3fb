"""Sites of an nginx configuration. Pure.

Source: the reference of ngx_http_core_module; what an nginx 1.22 answered to the same questions.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator

from collectors.exposure.web.lines import Files, absolute
from collectors.exposure.web.model import NGINX, Directive, Listen, Mount, Site
from collectors.exposure.web.nginx_lines import Reader

DEFAULT_PREFIX = "/usr/share/nginx"
"""Of Debian and RHEL: what relative roots stand in (``nginx -V``: --prefix)."""
DEFAULT_ROOT = "/usr/share/nginx/html"
"""Of Debian and RHEL, when there is no ``root``."""
_ANSWERS = re.compile(r"\A(?:fastcgi|uwsgi|scgi|proxy|grpc|memcached)_pass\Z")


def sites(main: str, files: Files, *, enabled: bool = True) -> list[Site]:
    """Return the servers that *main* and its includes describe."""
    directives = Reader(files, posixpath.dirname(main)).read(main)
    found: list[Site] = []
    https = [one for one in directives if one.name == "http" and one.block is not None]
    for http in https:
        outer = tuple(one for one in http.block or () if one.name not in ("server", "upstream"))
        found += (_site(server, outer, enabled) for server in _servers(http.block or ()))
    # A file of sites-available stands alone.
    found += (_site(server, (), enabled) for server in _servers(directives))
    return found


def _servers(directives: Iterable[Directive]) -> Iterator[Directive]:
    return (one for one in directives if one.name == "server" and one.block is not None)


def _site(server: Directive, outer: tuple[Directive, ...], enabled: bool) -> Site:
    tree = server.block or ()
    names = [name for one in tree if one.name == "server_name" for name in one.args]
    return Site(
        server=NGINX,
        names=tuple(name for name in names if name not in ("", "_", '""')),
        listens=_listens(tree),
        mounts=tuple(dict.fromkeys(_mounts(tree, outer, DEFAULT_PREFIX))),
        outer=outer,
        tree=tree,
        file=server.file,
        line=server.line,
        enabled=enabled,
        maintenance=any(
            one.name == "return" and one.args[:1] in (("503",), ("410",)) for one in tree
        ),
        all_proxied=any(
            one.name == "location"
            and one.args[-1:] == ("/",)
            and any(_ANSWERS.match(inner.name) for inner in one.block or ())
            for one in tree
        ),
    )


def _listens(tree: tuple[Directive, ...]) -> tuple[Listen, ...]:
    """Return where it listens; ``ssl on`` is of nginx before 1.25."""
    tls = any(one.name == "ssl" and one.args[:1] == ("on",) for one in tree)
    found = [
        listen
        for one in tree
        if one.name == "listen" and one.args
        for listen in [_listen(one.args, tls=tls)]
        if listen is not None
    ]
    if not found and any(one.name == "listen" for one in tree):
        return ()  # on a socket of another kind: we cannot ask there
    return tuple(dict.fromkeys(found)) or (Listen(80),)


def _listen(args: tuple[str, ...], *, tls: bool) -> Listen | None:
    place = args[0]
    if place.startswith("unix:"):
        return None
    match = re.fullmatch(r"(?:(\[[0-9a-fA-F:.]+\]|[^:\[\]]*[^:\[\]0-9][^:\[\]]*):?)?(\d*)", place)
    if match is None:
        return None
    address = (match[1] or "").strip("[]")
    address = "" if address in ("*", "0.0.0.0", "::", "localhost") else address  # noqa: S104
    port = int(match[2] or 80)
    return Listen(port, tls or "ssl" in args[1:], address) if 0 < port < 65536 else None


def _mounts(
    tree: Iterable[Directive], outer: Iterable[Directive], prefix: str, place: str = ""
) -> Iterator[Mount]:
    """Yield where files may come from; whether they do is for `nginx_route` to say."""
    roots = [one for one in (*tree, *outer) if one.name == "root" and one.args]
    if roots:
        yield Mount("", absolute(roots[0].args[0], prefix))
    elif not place:
        yield Mount("", DEFAULT_ROOT)
    for one in tree:
        if one.name == "alias" and one.args and place:
            yield from _aliases(place, one.args[0], prefix)
        if one.block is not None and one.name in ("location", "if"):
            inner = one.args[-1] if one.name == "location" and one.args else place
            yield from _mounts(one.block, (), prefix, inner or "/")


def _aliases(place: str, target: str, prefix: str) -> Iterator[Mount]:
    folder = absolute(target, prefix)
    captured = re.fullmatch(r"(.*/)\$\{?[1-9]\w*\}?", target)
    if captured:  # location ~ ^/files/(.*)$ { alias /srv/files/$1; }
        literal = re.match(r"\^?((?:/[\w.~-]+)*)/\(", place)
        yield Mount(
            literal[1] if literal else place,
            folder if not literal else absolute(captured[1], prefix),
        )
        return
    if not place.startswith("/"):
        return
    yield Mount(place.rstrip("/"), folder)
    if target.endswith("/") and not place.endswith("/"):
        # /files../x comes to the folder above the alias.
        yield Mount(place + "..", posixpath.dirname(folder))
