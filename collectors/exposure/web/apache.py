"""Sites of an Apache 2.4 configuration. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator

from collectors.exposure.web.apache_lines import MODULES, Reader, Settings
from collectors.exposure.web.lines import Files, absolute
from collectors.exposure.web.model import APACHE, Directive, Listen, Mount, Site

_DEFAULT_ROOTS = {"/etc/apache2": "/var/www/html", "/etc/httpd": "/var/www/html"}
_ROOTS = {"/etc/httpd/conf": "/etc/httpd", "/opt/lampp/etc": "/opt/lampp"}
"""ServerRoot where it is compiled in and not the folder of the main file."""
_VARIABLES = re.compile(
    r"^\s*export\s+(\w+)=(?:\"([^\"\n$]*)\"|'([^'\n]*)'|([^\s$]*))\s*$", re.MULTILINE
)


def sites(main: str, files: Files, *, enabled: bool = True) -> list[Site]:
    """Return the virtual hosts that *main* and its includes describe, or the one main server."""
    folder = posixpath.dirname(main)
    settings = Settings()
    if enabled:
        variables = files.text(posixpath.join(folder, "envvars")) or ""
        for match in _VARIABLES.finditer(variables):
            settings.defined[match[1]] = match[2] or match[3] or match[4] or ""
    directives = Reader(files, _ROOTS.get(folder, folder), settings).read(main)
    modules = tuple(sorted(settings.modules))
    carried = Directive(MODULES, modules, None, main, 0)
    hosts = [one for one in directives if one.name == "virtualhost" and one.block is not None]
    outer = (carried, *(one for one in directives if one.name != "virtualhost"))
    ports = _ports(outer)
    found = [_site(host, outer, ports, enabled) for host in hosts]
    taken = {listen.port for site in found for listen in site.listens}
    if enabled and any(port not in taken for port in ports):
        free = tuple(Listen(port) for port in ports if port not in taken)
        found.append(_main(outer, free, main, folder))
    _note_strange(outer, hosts, files)
    return found


def _note_strange(outer: Iterable[Directive], hosts: Iterable[Directive], files: Files) -> None:
    """Say which lines decide about folders in a way that we do not follow."""
    from collectors.exposure.web.model import Problem

    inner = (one for host in hosts for one in host.block or ())
    for one in (*outer, *inner):
        if one.name in ("virtualdocumentroot", "virtualscriptalias", "use", "macro"):
            files.note(Problem(one.file, one.line, f"{one.name} is not followed"))
        if one.name == "userdir" and one.args and one.args[0].lower() != "disabled":
            files.note(Problem(one.file, one.line, "userdir is not followed"))


def _ports(directives: Iterable[Directive]) -> list[int]:
    found = []
    for one in directives:
        if one.name == "listen" and one.args:
            match = re.search(r"(?:\A|:)(\d{1,5})\Z", one.args[0])
            if match:
                found.append(int(match[1]))
    return list(dict.fromkeys(found)) or [80]


def _site(host: Directive, outer: tuple[Directive, ...], ports: list[int], enabled: bool) -> Site:
    tree = host.block or ()
    tls = any(one.name == "sslengine" and one.args[:1] in (("on",), ("On",)) for one in tree)
    return Site(
        server=APACHE,
        names=_names(tree),
        listens=tuple(dict.fromkeys(_listens(host.args, ports, tls))),
        mounts=tuple(dict.fromkeys(_mounts(tree, outer))),
        outer=outer,
        tree=tree,
        file=host.file,
        line=host.line,
        enabled=enabled,
        access_files=access_files(outer, tree),
        maintenance=any(
            one.name == "redirect" and one.args[:2] in (("503", "/"), ("410", "/")) for one in tree
        ),
        all_proxied=any(one.name == "proxypass" and one.args[:1] == ("/",) for one in tree),
    )


def _main(
    outer: tuple[Directive, ...], listens: tuple[Listen, ...], main: str, folder: str
) -> Site:
    mounts = list(dict.fromkeys(_mounts((), outer)))
    if not any(one.name == "documentroot" for one in outer) and folder in _DEFAULT_ROOTS:
        mounts.insert(0, Mount("", _DEFAULT_ROOTS[folder]))
    return Site(
        server=APACHE,
        names=_names(outer),
        listens=listens,
        mounts=tuple(mounts),
        outer=outer,
        file=main,
        line=1,
        access_files=access_files(outer, ()),
    )


def _names(tree: Iterable[Directive]) -> tuple[str, ...]:
    found = []
    for one in tree:
        if one.name in ("servername", "serveralias"):
            for name in one.args:
                plain = re.sub(r"\Ahttps?://", "", name)
                found.append(re.sub(r":\d+\Z", "", plain).lower())
    return tuple(dict.fromkeys(name for name in found if name))


def _listens(args: tuple[str, ...], ports: list[int], tls: bool) -> Iterator[Listen]:
    for place in args or ("*",):
        match = re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[^:]*)(?::(\d{1,5}|\*))?", place)
        if match is None:
            continue
        address = match[1].strip("[]")
        if not re.fullmatch(r"[0-9a-fA-F.:]+", address) or address in ("0.0.0.0", "::"):  # noqa: S104
            address = ""
        chosen = ports if match[2] in (None, "*") else [int(match[2])]
        for port in chosen:
            yield Listen(port, tls, address)


def _mounts(tree: Iterable[Directive], outer: Iterable[Directive]) -> Iterator[Mount]:
    both = (*tree, *outer)
    roots = [one for one in both if one.name == "documentroot" and one.args]
    if roots:
        yield Mount("", absolute(roots[0].args[0], "/"))
    for one in both:
        if len(one.args) < 2:
            continue
        if one.name in ("alias", "scriptalias"):
            yield Mount(one.args[0].rstrip("/"), absolute(one.args[1], "/"))
        elif one.name in ("aliasmatch", "scriptaliasmatch"):
            literal = re.match(r"\^?((?:/[\w.~-]+)*)/?\(", one.args[0])
            folder = re.fullmatch(r"(.*?)/?\$1", one.args[1])
            if literal and folder:
                yield Mount(literal[1], absolute(folder[1], "/"))


def access_files(outer: Iterable[Directive], tree: Iterable[Directive]) -> tuple[str, ...]:
    """Return the names of files that directories may configure themselves with."""
    named = [one for one in (*tree, *outer) if one.name == "accessfilename" and one.args]
    return named[0].args if named else (".htaccess",)
