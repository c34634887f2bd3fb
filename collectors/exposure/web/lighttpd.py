"""Sites of a lighttpd configuration, and what it does with one URL. Pure.

Source: lighttpd 1.4 documentation of mod_access, mod_alias, mod_auth, mod_dirlisting, mod_rewrite,
mod_staticfile and of conditional configuration.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from collectors.exposure.web.lighttpd_lines import Reader
from collectors.exposure.web.lines import Files, absolute
from collectors.exposure.web.model import (
    EXECUTED,
    FORBIDDEN,
    LIGHTTPD,
    NOT_SERVED,
    SERVED,
    UNKNOWN,
    Directive,
    Listen,
    Mount,
    Outcome,
    Problem,
    Site,
)
from collectors.exposure.web.patterns import Unclear, found_by

_HANDLERS = ("fastcgi.server", "scgi.server", "cgi.assign", "uwsgi.server", "ajp13.server")
_DECIDE = re.compile(
    r"\A(?:url\.|alias\.url|auth\.require|server\.document-root|static-file\.|.*\.server\Z"
    r"|cgi\.assign)"
)
_STRANGE = re.compile(r"\A(?:evhost|simple-vhost|mysql-vhost|vhostdb|userdir)\.")


def sites(main: str, files: Files, *, enabled: bool = True) -> list[Site]:
    """Return the main server and one site for each condition on the host name."""
    tree = tuple(Reader(files).read(main))
    for one in tree:
        if _STRANGE.match(one.name):
            files.note(Problem(one.file, one.line, f"{one.name[:40]} is not followed"))
    if not tree:
        return []
    listens = tuple(dict.fromkeys(_listens(tree)))
    found = [_site(None, tree, listens, main, enabled)]
    found += (
        _site(one, tree, listens, main, enabled)
        for one in _conditions(tree)
        if one.args[0] == "HTTP.host" and one.args[1] in ("==", "=~", "=$", "=^")
    )
    return found


def _conditions(tree: Iterable[Directive]) -> Iterator[Directive]:
    for one in tree:
        if one.block is not None:
            if one.args:
                yield one
            yield from _conditions(one.block)


def _site(
    condition: Directive | None,
    tree: tuple[Directive, ...],
    listens: tuple[Listen, ...],
    main: str,
    enabled: bool,
) -> Site:
    name = _host(condition) if condition is not None else None
    inner = (condition.block or ()) if condition is not None else ()
    return Site(
        server=LIGHTTPD,
        names=(name,) if name else (),
        listens=listens,
        mounts=tuple(dict.fromkeys((*_mounts(inner), *_mounts(tree)))),
        tree=tree,
        file=condition.file if condition is not None else main,
        line=condition.line if condition is not None else 1,
        enabled=enabled,
        all_proxied=any(
            one.name == "proxy.server" and any(part[:2] in ("\t", "/\t", "") for part in one.args)
            for one in inner or tree
        ),
    )


def _host(condition: Directive) -> str | None:
    """Return a host name for which *condition* holds."""
    _, operator, wanted = condition.args
    if operator == "==":
        return wanted.partition(":")[0].lower()
    plain = re.sub(r"\A\^?(?:\(\^\|\\\.\)|\(www\\\.\)\?)?|\$\Z", "", wanted).replace("\\.", ".")
    return plain.lower() if re.fullmatch(r"[A-Za-z0-9.-]+", plain) else None


def _listens(tree: Iterable[Directive]) -> Iterator[Listen]:
    port, bind, tls = 80, "", False
    for one in tree:
        first = one.args[0] if one.args else ""
        if one.name == "server.port" and first.isdigit():
            port = int(first[:5])
        elif one.name == "server.bind":
            bind = first if re.fullmatch(r"[0-9a-fA-F.:]+", first) else ""
        elif one.name == "ssl.engine":
            tls = first == "enable"
    yield Listen(port, tls, "" if bind in ("0.0.0.0", "::") else bind)  # noqa: S104
    for one in _conditions(tree):
        match = re.search(r":(\d{1,5})\Z", one.args[2]) if one.args[0] == "SERVER.socket" else None
        if match and one.args[1] == "==":
            engine = any(
                inner.name == "ssl.engine" and inner.args[:1] == ("enable",)
                for inner in one.block or ()
            )
            address = one.args[2][: match.start()].strip("[]")
            address = address if re.fullmatch(r"[0-9a-fA-F.:]+", address) else ""
            yield Listen(int(match[1]), engine, "" if address in ("0.0.0.0", "::") else address)  # noqa: S104


def _mounts(tree: Iterable[Directive]) -> Iterator[Mount]:
    for one in tree:
        if one.name == "server.document-root" and one.args:
            yield Mount("", absolute(one.args[0], "/"))
        elif one.name == "alias.url":
            for prefix, folder in _pairs(one.args):
                yield Mount(prefix.rstrip("/"), absolute(folder, "/"))
        elif one.block is not None:
            yield from _mounts(one.block)


def _pairs(parts: Iterable[str]) -> Iterator[tuple[str, str]]:
    for part in parts:
        key, tab, value = part.partition("\t")
        if tab:
            yield key, value


def route(site: Site, uri: str) -> Outcome:
    """Return what *site* does with the decoded path *uri*."""
    try:
        said, by_address = _merged(site, uri)
        return _answer(said, uri, by_address)
    except Unclear as error:
        return Outcome(verdict=UNKNOWN, reasons=(str(error),))


def _merged(site: Site, uri: str) -> tuple[dict[str, tuple[str, ...]], frozenset[str]]:
    """Return the settings in force for *uri*, and those that hang on the visitor's address."""
    said: dict[str, tuple[str, ...]] = {}
    by_address: set[str] = set()

    def take(block: tuple[Directive, ...], address: bool) -> None:
        before = False
        plain = [one for one in block if one.block is None]
        for one in plain:  # wherever they stand, what stands in a condition comes after them
            said[one.name] = one.args
            (by_address.add if address else by_address.discard)(one.name)
        for one in block:
            if one.block is None:
                continue
            holds = _holds(one, site, uri) if one.args else True
            if one.name in ("elif", "else") and before:
                continue
            if holds is None:
                if any(_DECIDE.match(inner.name) for inner in _all(one.block)):
                    raise Unclear("depends_on_request")
                holds = False
            before = holds or (before and one.name in ("elif", "else"))
            if holds:
                take(one.block, address or one.args[:1] == ("HTTP.remoteip",))

    take(site.tree, address=False)
    return said, frozenset(by_address)


def _all(block: Iterable[Directive]) -> Iterator[Directive]:
    for one in block:
        yield one
        yield from _all(one.block or ())


def _holds(one: Directive, site: Site, uri: str) -> bool | None:
    """Return whether a condition holds for a stranger's plain GET; None when unknown."""
    key, operator, wanted = one.args
    negative = operator in ("!=", "!~")
    if key in ("HTTP.remoteip", "HTTP.remote-ip"):
        return negative  # a stranger has no address that a configuration names
    listen = site.listens[0] if site.listens else Listen(80)
    values = {
        "HTTP.url": uri,
        "HTTP.host": site.names[0] if site.names else "",
        "HTTP.request-method": "GET",
        "HTTP.querystring": "",
        "HTTP.scheme": "https" if listen.tls else "http",
    }
    if key == "SERVER.socket":
        holds = wanted.rpartition(":")[2] == str(listen.port)
        return holds != negative
    value = values.get(key)
    if value is None:
        return None
    if operator in ("==", "!="):
        return (value == wanted) != negative
    if operator == "=^":
        return value.startswith(wanted)
    if operator == "=$":
        return value.endswith(wanted)
    return (found_by(wanted, value) is not None) != negative


def _answer(said: dict[str, tuple[str, ...]], uri: str, by_address: frozenset[str]) -> Outcome:
    for name in ("url.redirect", "url.rewrite-once", "url.rewrite", "url.rewrite-repeat"):
        for pattern, _ in _pairs(said.get(name, ())):
            if found_by(pattern, uri) is not None:
                reason = "redirect" if name == "url.redirect" else "leads_elsewhere"
                return Outcome(verdict=NOT_SERVED, reasons=(reason,))
    path = _path(said, uri)
    refusal = _refusal(said, uri, by_address)
    if refusal:
        return Outcome(verdict=FORBIDDEN, path=path, reasons=(refusal,))
    for name in (*_HANDLERS, "proxy.server"):
        keys = (part.partition("\t")[0] for part in said.get(name, ()))
        if any(uri.startswith(key) if key[:1] == "/" else uri.endswith(key) for key in keys):
            if name == "proxy.server":
                return Outcome(verdict=NOT_SERVED, reasons=("proxied",))
            return Outcome(verdict=EXECUTED, path=path)
    if _ends(uri, said.get("static-file.exclude-extensions", ())):
        return Outcome(verdict=FORBIDDEN, path=path, reasons=("denied",))
    listing = said.get("dir-listing.activate") or said.get("server.dir-listing") or ()
    return Outcome(
        verdict=SERVED,
        path=path,
        autoindex=listing[:1] == ("enable",),
        index=said.get("index-file.names") or said.get("server.indexfiles") or ("index.html",),
        hidden=() if said.get("dir-listing.hide-dotfiles", ())[:1] == ("disable",) else (".*",),
    )


def _refusal(said: dict[str, tuple[str, ...]], uri: str, by_address: frozenset[str]) -> str:
    if any(uri.startswith(part.partition("\t")[0]) for part in said.get("auth.require", ())):
        return "needs_login"
    if _ends(uri, said.get("url.access-deny", ())):
        return "restricted_by_address" if "url.access-deny" in by_address else "denied"
    allowed = said.get("url.access-allow")
    return "denied" if allowed is not None and not _ends(uri, allowed) else ""


def _ends(uri: str, endings: Iterable[str]) -> bool:
    return any(uri.endswith(ending) for ending in endings)


def _path(said: dict[str, tuple[str, ...]], uri: str) -> str:
    for prefix, folder in _pairs(said.get("alias.url", ())):
        if uri.startswith(prefix):
            return absolute(folder + uri[len(prefix) :], "/")
    root = (said.get("server.document-root") or ("/",))[0]
    return absolute(root + uri, "/")
