"""What the bounded child runs: reading configurations and answering about URLs."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Callable, Iterator

import msgspec

from collectors.exposure.web import apache, apache_route, caddy, lighttpd, nginx, nginx_route
from collectors.exposure.web.frameworks import identify
from collectors.exposure.web.lines import Files, below
from collectors.exposure.web.model import (
    APACHE,
    CADDY,
    LIGHTTPD,
    NGINX,
    NOT_SERVED,
    OPENNESS,
    SERVED,
    Identified,
    Identify,
    Locate,
    Located,
    Outcome,
    Parse,
    Parsed,
    Problem,
    Route,
    Setup,
    Site,
)

TARGET = "collectors.exposure.web.child:start"
_READERS: dict[str, Callable[..., list[Site]]] = {
    APACHE: apache.sites,
    CADDY: caddy.sites,
    LIGHTTPD: lighttpd.sites,
    NGINX: nginx.sites,
}
_ROUTERS: dict[str, Callable[[Site, str, Locate], Outcome]] = {
    APACHE: lambda site, url, request: apache_route.route(site, url, request.paths, request.access),
    CADDY: lambda site, url, _request: caddy.route(site, url),
    LIGHTTPD: lambda site, url, _request: lighttpd.route(site, url),
    NGINX: lambda site, url, _request: nginx_route.route(site, url),
}
_MOST_ROUTES = 64
_MOST_LOOKED_AT = 2000
_MOST_NAMES = 4


def start(init: bytes) -> Callable[[bytes, list[int]], bytes]:
    """Return the handler for `Parse`, `Locate` and `Identify`; *init* is a `Setup`."""
    setup = msgspec.msgpack.decode(init, type=Setup)
    decoder = msgspec.msgpack.Decoder(Parse | Locate | Identify)

    def handle(request: bytes, descriptors: list[int]) -> bytes:
        for descriptor in descriptors:
            os.close(descriptor)
        return msgspec.msgpack.encode(answer(decoder.decode(request), setup.sites))

    return handle


def answer(
    request: Parse | Locate | Identify, sites: tuple[Site, ...]
) -> Parsed | Located | Identified:
    """Return the answer to *request*. Pure."""
    if isinstance(request, Parse):
        return _parse(request)
    if isinstance(request, Locate):
        return Located(routes=tuple(_routes(request, sites)))
    return identify(request)


def _parse(request: Parse) -> Parsed:
    files = Files(request.files, request.missing)
    try:
        sites = _READERS[request.server](request.main, files, enabled=request.enabled)
    except RecursionError:
        files.note(Problem(request.main, 1, "nested too deeply"))
        sites = []
    return Parsed(needs=tuple(files.needs), sites=tuple(sites), problems=tuple(files.problems))


def _routes(request: Locate, sites: tuple[Site, ...]) -> list[Route]:
    found: list[Route] = []
    for number, site in enumerate(sites):
        if not site.enabled:
            continue
        seen: set[str] = set()
        for path, url in _candidates(request, site):
            if url in seen or len(found) >= _MOST_LOOKED_AT:
                continue
            seen.add(url)
            found += _best(site, number, url, path, request)
    # One open door among hundreds of shut ones is the one that counts.
    found.sort(key=lambda route: -OPENNESS[route.verdict])
    return found[:_MOST_ROUTES]


def _best(site: Site, number: int, url: str, path: str, request: Locate) -> list[Route]:
    """Return the most open way to *path* without TLS, and with it.

    A site may send one of its names, or everything without TLS, elsewhere.
    """
    best: dict[bool, Route] = {}
    for variant in _variants(site):
        outcome = _outcome(variant, url, request)
        if outcome.path is not None and outcome.path != path:
            outcome = Outcome(verdict=NOT_SERVED, reasons=("leads_elsewhere",))
        tls = bool(variant.listens) and variant.listens[0].tls
        known = best.get(tls)
        if known is not None and OPENNESS[known.verdict] >= OPENNESS[outcome.verdict]:
            continue
        best[tls] = Route(
            site=number,
            url=url,
            verdict=outcome.verdict,
            reasons=_reasons(outcome, url),
            listed=outcome.verdict == SERVED and _is_listed(variant, url, request),
            name=variant.names[0] if variant.names else "",
            tls=tls,
        )
    return list(best.values())


def _variants(site: Site) -> Iterator[Site]:
    """Yield the site under each of its names, without TLS and with it; a router takes the first."""
    places = {listen.tls: listen for listen in reversed(site.listens)}
    for listen in places.values():
        others = tuple(one for one in site.listens if one != listen)
        for name in site.names[:_MOST_NAMES] or ("",):
            names = (name, *(one for one in site.names if one != name)) if name else ()
            yield msgspec.structs.replace(site, listens=(listen, *others), names=names)
    if not places:
        yield site


def _reasons(outcome: Outcome, url: str) -> tuple[str, ...]:
    # nginx: "location /files" with "alias /srv/files/" gives /files../x from /srv.
    traversal = outcome.verdict == SERVED and re.search(r"[^/]\.\./", url) is not None
    return (*outcome.reasons, "alias_traversal") if traversal else outcome.reasons


def _candidates(request: Locate, site: Site) -> Iterator[tuple[str, str]]:
    """Yield each name of the file that is below a mount, with the URL it would have."""
    for path in request.paths:
        for mount in site.mounts:
            rest = below(path, mount.directory)
            if rest is None:
                continue
            yield path, (mount.prefix + rest) or "/"


def _outcome(site: Site, url: str, request: Locate) -> Outcome:
    return _ROUTERS[site.server](site, url, request)


def _is_listed(site: Site, url: str, request: Locate) -> bool:
    outcome = _outcome(site, url.rpartition("/")[0] + "/", request)
    if outcome.verdict != SERVED or not outcome.autoindex:
        return False
    name = url.rpartition("/")[2]
    if any(fnmatch.fnmatchcase(name, pattern) for pattern in outcome.hidden):
        return False
    return not any(name in request.exists for name in outcome.index)
