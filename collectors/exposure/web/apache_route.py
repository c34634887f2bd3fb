"""What Apache 2.4 does with one URL. Pure."""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping

from collectors.exposure.web import rewrite
from collectors.exposure.web.apache_dir import Merged, breaks, decides
from collectors.exposure.web.apache_lines import MODULES, Reader, Settings
from collectors.exposure.web.lines import Files, absolute, below
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
from collectors.exposure.web.patterns import Unclear, found_by, groups_put

_ROUNDS = 10
_SERVER_ONLY = frozenset({"redirect", "redirectmatch", "rewriterule", "rewriteengine"})
"""What says something else outside of folders; looked at before."""


def route(
    site: Site, uri: str, paths: Iterable[str] = (), access: Mapping[str, bytes] | None = None
) -> Outcome:
    """Return what *site* does with the decoded path *uri*.

    *paths* are files that are known to exist; *access* holds the .htaccess files by path.
    """
    walk = _Walk(site, frozenset(paths), access or {})
    try:
        return walk.route(uri, 0)
    except Unclear as error:
        return Outcome(verdict=UNKNOWN, reasons=(str(error),))


class _Walk:
    """One question."""

    def __init__(self, site: Site, paths: frozenset[str], access: Mapping[str, bytes]) -> None:
        self._site = site
        self._paths = paths
        self._access = access
        self._both = (*site.outer, *site.tree)
        modules = next((one.args for one in site.outer if one.name == MODULES), ())
        self._modules = frozenset(modules)
        self._settings = Settings(self._modules)

    def route(self, uri: str, rounds: int) -> Outcome:
        if rounds > _ROUNDS:
            raise Unclear("rewrite_loop")
        if rounds == 0 and rewrite.is_on(self._site.tree or self._site.outer):
            rules = rewrite.rules_of(self._site.tree or self._site.outer)
            result = rewrite.run(rules, uri, self._request(uri, uri))
            if result.action == rewrite.ELSEWHERE:
                uri = result.uri if result.uri.startswith("/") else "/" + result.uri
            elif result.action:
                return _rewritten(result)
        answer = self._proxied(uri) or _redirected(self._both, uri)
        if answer is not None:
            return answer
        path, script = self._translate(uri)
        if script:
            return Outcome(verdict=EXECUTED, path=path)
        return self._at(uri, path)

    def _proxied(self, uri: str) -> Outcome | None:
        for one in (*self._site.tree, *self._site.outer):
            if one.name == "proxypass" and len(one.args) >= 2:
                prefix = one.args[0]
                hit = uri == prefix or uri.startswith(prefix.rstrip("/") + "/")
            elif one.name == "proxypassmatch" and len(one.args) >= 2:
                hit = found_by(one.args[0], uri) is not None
            else:
                continue
            if hit:
                if one.args[1] == "!":
                    return None
                if "fcgi:" in one.args[1]:
                    return Outcome(verdict=EXECUTED)
                return Outcome(verdict=NOT_SERVED, reasons=("proxied",))
        return None

    def _translate(self, uri: str) -> tuple[str, bool]:
        """Return the file that *uri* comes to, and whether it stands among scripts."""
        for one in (*self._site.tree, *self._site.outer):
            if len(one.args) < 2:
                continue
            if one.name in ("alias", "scriptalias"):
                prefix = one.args[0]
                rest = below(uri, prefix) if not prefix.endswith("/") else None
                if prefix.endswith("/") and uri.startswith(prefix):
                    rest = uri[len(prefix) :]
                if rest is not None:
                    return absolute(one.args[1] + rest, "/"), one.name == "scriptalias"
            elif one.name in ("aliasmatch", "scriptaliasmatch"):
                match = found_by(one.args[0], uri)
                if match is not None:
                    path = groups_put(one.args[1], match)
                    return absolute(path, "/"), one.name == "scriptaliasmatch"
        root = self._site.mounts[0].directory if self._site.mounts else "/"
        return absolute(root + uri, "/"), False

    def _at(self, uri: str, path: str) -> Outcome:
        folder = path if uri.endswith("/") else posixpath.dirname(path)
        merged = Merged()
        for level in (self._site.outer, self._site.tree):
            merged.add(one for one in level if one.block is None and one.name not in _SERVER_ONLY)
        local: list[tuple[str, Iterable[Directive]]] = []
        for place in _above(folder):
            for section in self._directories(place):
                merged.add(section)
                local.append((place, section))
            own = self._own(place, merged)
            if own:
                merged.add(own)
                local.append((place, own))
        for section in self._matched("directorymatch", folder):
            merged.add(section)
            local.append((folder, section))
        scopes = [self._both, *(section for _, section in local)]
        for section in () if uri.endswith("/") else _files(scopes, posixpath.basename(path)):
            merged.add(section)
        for section in self._locations(uri):
            merged.add(section)
            local.append(("", section))
        if any(_has_condition(scope) for scope in (self._both, *(one for _, one in local))):
            raise Unclear("depends_on_request")
        return self._judge(uri, path, merged, local)

    def _judge(
        self,
        uri: str,
        path: str,
        merged: Merged,
        local: list[tuple[str, Iterable[Directive]]],
    ) -> Outcome:
        refusal = merged.refusal
        if refusal:
            return Outcome(verdict=FORBIDDEN, path=path, reasons=(refusal,))
        answer = self._rewrite_here(uri, path, local) or _redirected(merged.redirects, uri)
        if answer is not None:
            return answer
        name = posixpath.basename(path)
        if not uri.endswith("/") and merged.runs(name):
            return Outcome(verdict=EXECUTED, path=path)
        listing = "indexes" in merged.options and self._settings.has_module("autoindex")
        return Outcome(
            verdict=SERVED,
            path=path,
            autoindex=listing,
            index=merged.index,
            hidden=tuple(merged.hidden),
        )

    def _rewrite_here(
        self, uri: str, path: str, local: list[tuple[str, Iterable[Directive]]]
    ) -> Outcome | None:
        """Run the rules of the innermost folder that has any."""
        engine: bool | None = None
        chosen: tuple[str, list[Directive]] | None = None
        for place, section in local:
            if not place:
                continue  # a location has no rules of its own
            own = list(section)
            engine = rewrite.is_on(own) if rewrite.is_on(own) is not None else engine
            if any(one.name in ("rewriterule", "rewriteengine") for one in own):
                chosen = (place, own)
        if not engine or chosen is None or not self._settings.has_module("rewrite"):
            return None
        place, own = chosen
        rest = below(path, place)
        subject = (rest or "").lstrip("/") + ("/" if uri.endswith("/") and rest else "")
        result = rewrite.run(rewrite.rules_of(own), subject, self._request(uri, path))
        if result.action == rewrite.ELSEWHERE:
            base = [one.args[0] for one in own if one.name == "rewritebase" and one.args]
            start = base[-1] if base else uri[: len(uri) - len(subject)] or "/"
            target = posixpath.normpath(posixpath.join(start, result.uri))
            if target != uri:
                return Outcome(verdict=NOT_SERVED, reasons=("leads_elsewhere",))
            return None
        return _rewritten(result) if result.action else None

    def _own(self, place: str, merged: Merged) -> list[Directive]:
        """Return what the .htaccess in *place* says.

        Raises:
            Unclear: it breaks the server's answers, or is too long to be read.
        """
        if not merged.override:
            return []
        for name in self._site.access_files:
            data = self._access.get(posixpath.join(place, name))
            if data is None:
                continue
            files = Files({name: data}, (name,))
            found = Reader(files, place, Settings(self._modules)).read(name)
            if b"\0" in data or files.problems or breaks(found, merged.override):
                raise Unclear("htaccess_error")
            return found
        return []

    def _directories(self, place: str) -> Iterator[tuple[Directive, ...]]:
        for one in self._both:
            if one.name == "directory" and one.block is not None and len(one.args) == 1:
                pattern = one.args[0].rstrip("/") or "/"
                if _fits(place, pattern):
                    yield one.block

    def _matched(self, kind: str, text: str) -> Iterator[tuple[Directive, ...]]:
        plain = kind.removesuffix("match")
        for one in self._both:
            if one.block is None or not one.args:
                continue
            if one.name == kind or (one.name == plain and one.args[0] == "~"):
                pattern = one.args[-1]
                if any(found_by(pattern, place) for place in (text, text.rstrip("/") + "/")):
                    yield one.block

    def _locations(self, uri: str) -> Iterator[tuple[Directive, ...]]:
        for one in self._both:
            if one.block is None or not one.args:
                continue
            if one.name == "location" and one.args[0] != "~":
                place = one.args[0]
                if below(uri, place) is not None or (
                    any(char in place for char in "*?[") and fnmatch.fnmatchcase(uri, place)
                ):
                    yield one.block
            elif one.name in ("location", "locationmatch") and found_by(one.args[-1], uri):
                yield one.block

    def _request(self, uri: str, path: str) -> rewrite.Request:
        tls = bool(self._site.listens) and self._site.listens[0].tls
        port = self._site.listens[0].port if self._site.listens else 80
        values = {
            "REQUEST_URI": uri,
            "REQUEST_FILENAME": path,
            "SCRIPT_FILENAME": path,
            "REQUEST_METHOD": "GET",
            "QUERY_STRING": "",
            "HTTPS": "on" if tls else "off",
            "REQUEST_SCHEME": "https" if tls else "http",
            "SERVER_PORT": str(port),
            "THE_REQUEST": f"GET {uri} HTTP/1.1",
            "DOCUMENT_ROOT": self._site.mounts[0].directory if self._site.mounts else "",
            "ENV:REDIRECT_STATUS": "",
        }
        if self._site.names:
            values["HTTP_HOST"] = values["SERVER_NAME"] = self._site.names[0]
        return rewrite.Request(uri, path, values, self._exists)

    def _exists(self, test: str, path: str) -> bool | None:
        if path not in self._paths:
            return None
        return {"-f": True, "-s": True, "-d": False, "-l": None, "-F": True}.get(test)


def _has_condition(scope: Iterable[Directive]) -> bool:
    """Tell whether an <If> in *scope* decides about files."""
    names = ("if", "elseif", "else")
    return any(one.name in names and decides(one.block or ()) for one in scope)


def _fits(place: str, pattern: str) -> bool:
    parts, wanted = place.split("/"), pattern.split("/")
    if not any(char in pattern for char in "*?["):
        return place == pattern
    return len(parts) == len(wanted) and all(
        fnmatch.fnmatchcase(part, want) for part, want in zip(parts, wanted, strict=True)
    )


def _above(folder: str) -> Iterator[str]:
    """Yield / and every folder down to *folder*."""
    yield "/"
    place = ""
    for part in folder.strip("/").split("/"):
        if part:
            place += "/" + part
            yield place


def _files(scopes: Iterable[Iterable[Directive]], name: str) -> Iterator[tuple[Directive, ...]]:
    for scope in scopes:
        for one in scope:
            if one.block is None or not one.args:
                continue
            if one.name == "files" and one.args[0] != "~":
                if fnmatch.fnmatchcase(name, one.args[0]):
                    yield one.block
            elif one.name in ("files", "filesmatch") and found_by(one.args[-1], name):
                yield one.block


def _redirected(directives: Iterable[Directive], uri: str) -> Outcome | None:
    for one in directives:
        args = one.args
        if one.name not in ("redirect", "redirectmatch", "redirectpermanent") or not args:
            continue
        status = args[0].lower() if len(args) > 1 and not args[0].startswith(("/", "^")) else ""
        place = args[1] if status else args[0]
        test: Callable[[], bool] = {
            "redirectmatch": lambda place=place: found_by(place, uri) is not None
        }.get(one.name, lambda place=place: below(uri, place) is not None)
        if test():
            if status in ("403", "404", "410", "gone", "401"):
                return Outcome(verdict=FORBIDDEN, reasons=("denied",))
            return Outcome(verdict=NOT_SERVED, reasons=("redirect",))
    return None


def _rewritten(result: rewrite.Result) -> Outcome:
    if result.action == rewrite.FORBIDDEN:
        return Outcome(verdict=FORBIDDEN, reasons=("denied",))
    if result.action == rewrite.REDIRECT:
        return Outcome(verdict=NOT_SERVED, reasons=("redirect",))
    return Outcome(verdict=NOT_SERVED, reasons=("proxied",))
