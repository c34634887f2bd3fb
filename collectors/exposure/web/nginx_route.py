"""What nginx does with one URL. Pure.

Source: ngx_http_core_find_location and the phases of ngx_http_core_module.c; the documentation of
the access, auth_basic, autoindex, index, rewrite and try_files directives.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from collectors.exposure.web.lines import absolute, is_everybody
from collectors.exposure.web.model import (
    EXECUTED,
    FORBIDDEN,
    NOT_SERVED,
    SERVED,
    UNKNOWN,
    Directive,
    Outcome,
    Site,
)
from collectors.exposure.web.nginx import DEFAULT_PREFIX, DEFAULT_ROOT
from collectors.exposure.web.patterns import Unclear, found_by, groups_put

_RUNS = frozenset({"fastcgi_pass", "uwsgi_pass", "scgi_pass", "content_by_lua_block", "perl"})
_ELSEWHERE = frozenset({"proxy_pass", "grpc_pass", "memcached_pass"})
_CONDITION = re.compile(r"\A\(?\s*(\$\w+)\s+(=|!=|~\*?|!~\*?)\s+(.*?)\s*\)?\Z", re.DOTALL)
_MOST_ROUNDS = 10


def route(site: Site, uri: str) -> Outcome:
    """Return what *site* does with the decoded path *uri*."""
    if "\0" in uri:
        return Outcome(verdict=NOT_SERVED)
    try:
        return _route(site, uri, 0)
    except Unclear as error:
        return Outcome(verdict=UNKNOWN, reasons=(str(error),))


def _route(site: Site, uri: str, rounds: int) -> Outcome:
    if rounds > _MOST_ROUNDS:
        return Outcome(verdict=UNKNOWN, reasons=("rewrite_loop",))
    answer, uri = _rewritten(site.tree, site, uri)
    if answer is not None:
        return answer
    chain = _location(site.tree, uri)
    last = chain[-1] if chain else None
    block = last.block or () if last is not None else ()
    if last is not None:
        answer, changed = _rewritten(block, site, uri)
        if answer is not None:
            return answer
        if changed != uri:
            return _route(site, changed, rounds + 1)
    levels = [block, *(one.block or () for one in reversed(chain[:-1])), site.tree, site.outer]
    refused = _access(levels)
    inherited = (one.name for outer in chain for one in outer.block or ())
    if rounds == 0 and "internal" in inherited:
        return Outcome(verdict=FORBIDDEN, reasons=("internal",))
    if refused is not None:
        return refused
    return _content(site, uri, last, levels)


def _location(directives: tuple[Directive, ...], uri: str) -> list[Directive]:
    """Return the location that nginx picks, with those around it; empty for none."""
    places = [one for one in directives if one.name == "location" and one.block is not None]
    best: Directive | None = None
    for one in places:
        kind, pattern = _kind(one)
        if kind == "=" and pattern == uri:
            return [one]
        if (
            kind in ("", "^~")
            and uri.startswith(pattern)
            and (best is None or len(pattern) > len(_kind(best)[1]))
        ):
            best = one
    inner = _location(best.block or (), uri) if best is not None else []
    if best is not None and inner and _kind(inner[-1])[0] != "":
        return [best, *inner]
    if best is None or _kind(best)[0] != "^~":
        for one in places:
            kind, pattern = _kind(one)
            if kind in ("~", "~*") and found_by(pattern, uri, ignore_case=kind == "~*"):
                return [one, *_location(one.block or (), uri)]
    return [best, *inner] if best is not None else []


def _kind(location: Directive) -> tuple[str, str]:
    args = location.args
    if len(args) >= 2:
        return args[0], args[1]
    match = re.match(r"(=|\^~|~\*?)(.*)\Z", args[0] if args else "", re.DOTALL)
    if match:
        return match[1], match[2]
    name = args[0] if args else ""
    return ("@", name) if name.startswith("@") else ("", name)


def _rewritten(block: tuple[Directive, ...], site: Site, uri: str) -> tuple[Outcome | None, str]:
    """Run the rewrite module over *block*: an answer, or the URI that comes out."""
    for one in block:
        if one.name == "return" and one.args:
            return _returned(one.args), uri
        if one.name == "rewrite" and len(one.args) >= 2:
            answer, uri, stop = _rewrite(one, uri)
            if answer is not None or stop:
                return answer, uri
        if one.name == "if" and one.block is not None:
            answer, uri = _if(one, site, uri)
            if answer is not None:
                return answer, uri
        if one.name == "break":
            return None, uri
    return None, uri


def _returned(args: tuple[str, ...]) -> Outcome:
    code = args[0]
    if code.startswith("http") or code in ("301", "302", "303", "307", "308"):
        return Outcome(verdict=NOT_SERVED, reasons=("redirect",))
    if code in ("401", "403", "444"):
        return Outcome(verdict=FORBIDDEN, reasons=("denied",))
    return Outcome(verdict=NOT_SERVED, reasons=("fixed_answer",))


def _rewrite(one: Directive, uri: str) -> tuple[Outcome | None, str, bool]:
    match = found_by(one.args[0], uri)
    if match is None:
        return None, uri, False
    flag = one.args[2] if len(one.args) > 2 else ""
    target = one.args[1]
    if flag in ("redirect", "permanent") or re.match(r"https?://|\$scheme", target):
        return Outcome(verdict=NOT_SERVED, reasons=("redirect",)), uri, True
    changed = groups_put(target, match)
    if "$" in changed:
        raise Unclear("rewrite_with_variable")
    return None, changed.partition("?")[0], flag in ("last", "break")


def _if(one: Directive, site: Site, uri: str) -> tuple[Outcome | None, str]:
    holds = _condition(" ".join(one.args), site, uri)
    block = one.block or ()
    if holds is None and any(inner.name in ("return", "rewrite") for inner in block):
        raise Unclear("depends_on_request")
    if not holds:
        return None, uri
    return _rewritten(block, site, uri)


def _condition(text: str, site: Site, uri: str) -> bool | None:
    """Return whether it holds for a plain GET; None when that cannot be said."""
    match = _CONDITION.match(text)
    if match is None:
        # A plain variable: empty in an ordinary request, unless the site sets it.
        test = re.match(r"\(?\s*(!?)-([fde])\s+(\S+?)\s*\)?\Z", text)
        if test and test[3] in ("$request_filename", "$document_root$uri"):
            exists = test[2] in "fe"
            return exists != bool(test[1])
        return None
    name, operator, wanted = match[1], match[2], match[3].strip("\"'")
    tls = bool(site.listens) and site.listens[0].tls
    value = {
        "$request_method": "GET",
        "$uri": uri,
        "$request_uri": uri,
        "$args": "",
        "$scheme": "https" if tls else "http",
        "$https": "on" if tls else "",
    }.get(name)
    if name in ("$host", "$http_host") and site.names:
        value = site.names[0]
    if value is None:
        return None
    if "~" in operator:
        holds = found_by(wanted, value, ignore_case="*" in operator) is not None
    else:
        holds = value == wanted
    return holds != operator.startswith("!")


def _nearest(levels: list[tuple[Directive, ...]], *names: str) -> list[Directive]:
    """Return the directives of the innermost level that has any of *names*."""
    for level in levels:
        found = [one for one in level if one.name in names]
        if found:
            return found
    return []


def _access(levels: list[tuple[Directive, ...]]) -> Outcome | None:
    """Return the refusal that somebody from outside gets, if any."""
    rules = _nearest(levels, "allow", "deny")
    login = _nearest(levels, "auth_basic")
    wants_login = bool(login) and login[-1].args[:1] != ("off",)
    wants_login = wants_login or bool(_nearest(levels, "auth_request", "auth_jwt"))
    denied: str | None = None
    for one in rules:
        if one.args[:1] == ("all",) or any(is_everybody(arg) for arg in one.args[:1]):
            only_some = any(other.name == "allow" for other in rules[: rules.index(one)])
            if one.name == "deny":
                denied = "restricted_by_address" if only_some else "denied"
            break
    any_way = [one.args[:1] for one in _nearest(levels, "satisfy")] == [("any",)]
    if any_way and wants_login and (denied or rules):
        return Outcome(verdict=FORBIDDEN, reasons=("needs_login",)) if denied else None
    if denied:
        return Outcome(verdict=FORBIDDEN, reasons=(denied,))
    return Outcome(verdict=FORBIDDEN, reasons=("needs_login",)) if wants_login else None


def _content(
    site: Site,
    uri: str,
    location: Directive | None,
    levels: list[tuple[Directive, ...]],
) -> Outcome:
    block = levels[0]
    tried = next((one for one in block if one.name == "try_files"), None)
    if location is None:
        tried = next((one for one in site.tree if one.name == "try_files"), None)
    if tried is not None and "$uri" not in tried.args[:-1] and not uri.endswith("/"):
        return _other(tried)
    for one in (inner for inner in block if inner.block is None or inner.name in _RUNS):
        if one.name in _RUNS:
            return Outcome(verdict=EXECUTED, path=_path(site, uri, location, levels))
        if one.name in _ELSEWHERE:
            return Outcome(verdict=NOT_SERVED, reasons=("proxied",))
    for one in _nested_ifs(block):
        if any(inner.name in _RUNS | _ELSEWHERE for inner in one.block or ()):
            raise Unclear("depends_on_request")
    index = tuple(name for one in _nearest(levels, "index") for name in one.args)
    autoindex = [one.args[:1] for one in _nearest(levels, "autoindex")] == [("on",)]
    return Outcome(
        verdict=SERVED,
        path=_path(site, uri, location, levels),
        autoindex=autoindex,
        index=index or ("index.html",),
        hidden=(".*",),
    )


def _nested_ifs(block: tuple[Directive, ...]) -> Iterator[Directive]:
    return (one for one in block if one.name == "if" and one.block is not None)


def _other(tried: Directive) -> Outcome:
    """``try_files`` without ``$uri``: the file itself is never tried."""
    if any("$" in arg and "$uri" not in arg for arg in tried.args[:-1]):
        raise Unclear("try_files_with_variable")
    return Outcome(verdict=NOT_SERVED, reasons=("not_tried",))


def _path(
    site: Site, uri: str, location: Directive | None, levels: list[tuple[Directive, ...]]
) -> str | None:
    prefix = DEFAULT_PREFIX
    aliases = [one for one in (levels[0] if location else ()) if one.name == "alias" and one.args]
    if aliases and location is not None:
        return _aliased(aliases[-1].args[0], location, uri, prefix)
    roots = _nearest(levels, "root")
    root = roots[-1].args[0] if roots and roots[-1].args else DEFAULT_ROOT
    if "$" in root:
        if site.names and root.count("$") == 1 and "$host" in root:
            root = root.replace("$host", site.names[0])
        else:
            raise Unclear("root_with_variable")
    return absolute(absolute(root, prefix) + uri, "/")


def _aliased(target: str, location: Directive, uri: str, prefix: str) -> str:
    kind, pattern = _kind(location)
    if kind in ("~", "~*"):
        match = found_by(pattern, uri, ignore_case=kind == "~*")
        if match is None:
            raise Unclear("alias_with_variable")
        path = groups_put(target, match)
        if "$" in path:
            raise Unclear("alias_with_variable")
        return absolute(path, prefix)
    return absolute(target + uri[len(pattern) :], prefix)
