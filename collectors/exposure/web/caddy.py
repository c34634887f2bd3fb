"""Sites of a Caddyfile, and what Caddy 2 does with one URL. Pure.

Source: caddyserver.com/docs/caddyfile: directive order, matchers, root, handle, file_server.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from collectors.exposure.web.caddy_lines import Reader
from collectors.exposure.web.lines import Files, absolute
from collectors.exposure.web.model import (
    CADDY,
    EXECUTED,
    FORBIDDEN,
    NOT_SERVED,
    SERVED,
    UNKNOWN,
    Directive,
    Listen,
    Mount,
    Outcome,
    Site,
)
from collectors.exposure.web.patterns import Unclear, found_by

_ORDER = (
    *("root", "redir", "rewrite", "try_files", "basicauth", "basic_auth", "forward_auth"),
    *("handle", "handle_path", "route", "abort", "error", "respond", "reverse_proxy"),
    *("php_fastcgi", "file_server"),
)
_BLOCKS = ("handle", "handle_path", "route")


def sites(main: str, files: Files, *, enabled: bool = True) -> list[Site]:
    """Return the sites of *main*."""
    blocks = Reader(files).read(main)
    if blocks and blocks[0].name and blocks[0].block is None and not _snippet_only(blocks):
        # One site without braces: the first line is its address.
        first = blocks[0]
        blocks = [Directive(first.name, first.args, tuple(blocks[1:]), first.file, first.line)]
    return [
        _site(one, enabled) for one in blocks if one.block is not None and one.name not in ("", "{")
    ]


def _snippet_only(blocks: list[Directive]) -> bool:
    return any(one.block is not None and one.name not in _ORDER for one in blocks)


def _site(one: Directive, enabled: bool) -> Site:
    addresses = [
        word.strip(",") for word in " ".join((one.name, *one.args)).split() if word.strip(",")
    ]
    parsed = [_address(address) for address in addresses]
    tls = any(inner.name == "tls" for inner in one.block or ())
    return Site(
        server=CADDY,
        names=tuple(dict.fromkeys(name for name, _ in parsed if name)),
        listens=tuple(dict.fromkeys(_with_tls(listen, tls) for _, listen in parsed)),
        mounts=tuple(dict.fromkeys(_mounts(one.block or (), ""))),
        tree=one.block or (),
        file=one.file,
        line=one.line,
        enabled=enabled,
        maintenance=any(
            inner.name == "respond" and "503" in inner.args and inner.args[0][:1] not in ("/", "@")
            for inner in one.block or ()
        ),
        all_proxied=any(
            inner.name == "reverse_proxy" and inner.args[:1] and inner.args[0][:1] not in ("/", "@")
            for inner in one.block or ()
        ),
    )


def _with_tls(listen: Listen, tls: bool) -> Listen:
    return Listen(listen.port, listen.tls or tls, listen.address)


def _address(text: str) -> tuple[str, Listen]:
    """Return host name and place of an address such as ``http://a.test:8080/x``."""
    match = re.match(r"(?:(https?)://)?(\[[^\]]*\]|[^:/]*)(?::(\d{1,5}))?", text)
    if match is None:
        return "", Listen(80)
    host = match[2]
    port = int(match[3]) if match[3] else (80 if match[1] == "http" else 443 if host else 80)
    tls = match[1] == "https" or (match[1] is None and bool(host) and port != 80)
    return host.lower(), Listen(port, tls)


def _mounts(block: Iterable[Directive], prefix: str) -> Iterator[Mount]:
    for one in block:
        if one.name == "root" and one.args:
            yield Mount(prefix, absolute(one.args[-1], "/"))
        elif one.name == "file_server":
            for inner in one.block or ():
                if inner.name == "root" and inner.args:
                    yield Mount(prefix, absolute(inner.args[0], "/"))
        elif one.name in _BLOCKS and one.block is not None:
            place = one.args[0].rstrip("*").rstrip("/") if one.name == "handle_path" else ""
            yield from _mounts(one.block, prefix + place)


class _State(NamedTuple):
    uri: str
    root: str | None


def route(site: Site, uri: str) -> Outcome:
    """Return what *site* does with the decoded path *uri*."""
    named = {one.name: one for one in site.tree if one.name.startswith("@")}
    try:
        answer = _run(site.tree, _State(uri, None), named, site, ordered=True)
    except Unclear as error:
        return Outcome(verdict=UNKNOWN, reasons=(str(error),))
    return answer or Outcome(verdict=NOT_SERVED, reasons=("fixed_answer",))


def _run(
    block: Iterable[Directive],
    state: _State,
    named: dict[str, Directive],
    site: Site,
    *,
    ordered: bool,
) -> Outcome | None:
    """Run the directives of *block*; the first that answers ends it."""
    named = {**named, **{one.name: one for one in block if one.name.startswith("@")}}
    known = [one for one in block if one.name in _ORDER]
    if ordered:  # stable: what matches more closely goes first
        known.sort(key=lambda one: (_ORDER.index(one.name), -_closeness(one)))
    handled = False
    for one in known:
        if one.name in ("handle", "handle_path") and handled:
            continue
        args, applies = _applies(one, state.uri, named, site)
        if not applies:
            continue
        if one.name == "root":
            # The widest root comes first, a closer one replaces it.
            state = state._replace(root=args[-1] if args else state.root)
        elif one.name in _BLOCKS:
            handled = one.name != "route"
            inner = state
            if one.name == "handle_path" and one.args:
                rest = state.uri[len(one.args[0].rstrip("*").rstrip("/")) :]
                inner = state._replace(uri=rest or "/")
            answer = _run(one.block or (), inner, named, site, ordered=one.name != "route")
            if answer is not None:
                return answer
        else:
            answer = _answer(one, args, state)
            if answer is not None:
                return answer
    return None


def _closeness(one: Directive) -> int:
    matcher = one.args[0] if one.args else ""
    length = len(matcher.rstrip("*")) if matcher.startswith("/") else 1 if matcher[:1] == "@" else 0
    return -length if one.name == "root" else length


def _applies(
    one: Directive, uri: str, named: dict[str, Directive], site: Site
) -> tuple[tuple[str, ...], bool]:
    """Return the arguments without the matcher, and whether it matches."""
    if not one.args:
        return (), True
    first = one.args[0]
    if first == "*":
        return one.args[1:], True
    if first.startswith("@"):
        return one.args[1:], _named_matches(named.get(first), uri, site)
    is_path = first.startswith("/") and (one.name != "root" or len(one.args) > 1)
    if one.name == "redir" and len(one.args) == 1:
        is_path = False
    return (one.args[1:], _path_matches(first, uri)) if is_path else (one.args, True)


def _path_matches(pattern: str, uri: str) -> bool:
    pattern, uri = pattern.lower(), uri.lower()
    if pattern.count("*") == 1 and pattern.endswith("*"):
        return uri.startswith(pattern[:-1])
    if pattern.startswith("*") and pattern.count("*") == 1:
        return uri.endswith(pattern[1:])
    if "*" in pattern:
        return fnmatch.fnmatchcase(uri, pattern)
    return uri == pattern


def _named_matches(one: Directive | None, uri: str, site: Site) -> bool:
    if one is None:
        return False
    parts = one.block
    if parts is None:
        if not one.args:
            return True
        parts = (Directive(one.args[0], one.args[1:], None, one.file, one.line),)
    return all(_matcher(part, uri, site) for part in parts)


def _matcher(part: Directive, uri: str, site: Site) -> bool:
    """Return whether one matcher holds for a stranger's plain GET."""
    name, args = part.name, part.args
    if name == "not":
        inner = part.block
        if inner is None:
            inner = (Directive(args[0], args[1:], None, part.file, part.line),) if args else ()
        return not all(_matcher(one, uri, site) for one in inner)
    if name == "path":
        return any(_path_matches(pattern, uri) for pattern in args)
    if name == "path_regexp" and args:
        return found_by(args[-1], uri) is not None
    if name == "method":
        return "GET" in args
    if name == "host":
        return bool(site.names) and site.names[0] in args
    if name in ("remote_ip", "client_ip"):
        return False  # a stranger has no address that a configuration names
    if name == "file":
        raise Unclear("depends_on_request")
    raise Unclear("depends_on_request")


def _answer(one: Directive, args: tuple[str, ...], state: _State) -> Outcome | None:
    if one.name == "redir":
        return Outcome(verdict=NOT_SERVED, reasons=("redirect",))
    if one.name in ("basicauth", "basic_auth", "forward_auth"):
        return Outcome(verdict=FORBIDDEN, reasons=("needs_login",))
    if one.name in ("abort", "error", "respond"):
        if one.name == "abort" or {"401", "403", "404", "410"} & set(args):
            return Outcome(verdict=FORBIDDEN, reasons=("denied",))
        return Outcome(verdict=NOT_SERVED, reasons=("fixed_answer",))
    if one.name == "rewrite":
        return Outcome(verdict=NOT_SERVED, reasons=("leads_elsewhere",))
    if one.name == "reverse_proxy":
        return Outcome(verdict=NOT_SERVED, reasons=("proxied",))
    if one.name == "php_fastcgi":
        ends = state.uri.lower().endswith(".php")
        return Outcome(verdict=EXECUTED, path=_path(state)) if ends else None
    return _static(one, args, state) if one.name == "file_server" else None


def _static(one: Directive, args: tuple[str, ...], state: _State) -> Outcome:
    inner = one.block or ()
    roots = [part.args[0] for part in inner if part.name == "root" and part.args]
    if roots:
        state = state._replace(root=roots[-1])
    hidden = [name for part in inner if part.name == "hide" for name in part.args]
    path = _path(state)
    for pattern in (*hidden, one.file):
        if _hides(pattern, path or state.uri):
            return Outcome(verdict=FORBIDDEN, path=path, reasons=("denied",))
    index = [name for part in inner if part.name == "index" for name in part.args]
    return Outcome(
        verdict=SERVED,
        path=path,
        autoindex="browse" in args or any(part.name == "browse" for part in inner),
        index=tuple(index) or ("index.html", "index.txt"),
    )


def _hides(pattern: str, path: str) -> bool:
    if "/" not in pattern:
        return any(fnmatch.fnmatchcase(part, pattern) for part in path.split("/"))
    return (
        path == pattern
        or path.startswith(pattern.rstrip("/") + "/")
        or fnmatch.fnmatchcase(path, pattern)
    )


def _path(state: _State) -> str | None:
    if state.root is None or "{" in state.root:
        raise Unclear("root_with_variable")
    return absolute(absolute(state.root, "/") + state.uri, "/")
