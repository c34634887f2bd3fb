"""Looks into the folders of applications: what they are, and when somebody last changed them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from collectors.child import ChildError
from collectors.exposure.web import applications
from collectors.exposure.web.applications import Facts
from collectors.exposure.web.find import read_bounded
from collectors.exposure.web.frameworks import MAX_BYTES, WANTED
from collectors.exposure.web.model import Identified, Identify, Site
from collectors.exposure.web.view import WebView, host_of
from collectors.kinds import Scrubbed, WebApplication
from collectors.paths import PathGuard
from collectors.redact import scrub

MOST_FILES = 20_000
"""Entries of one application that are looked at."""
_CODE = frozenset(
    b"php phtml inc html htm js mjs ts vue css scss py rb pl cgi java jsp asp aspx go twig tpl"
    b" blade sql xml json yml yaml htaccess ini".split()
)
_NOT_CODE = frozenset(
    b".git backup backups cache files log logs node_modules sessions storage temp tmp upload"
    b" uploads writable".split()
)
"""What grows while nobody works on the application."""
_MARKS = (
    *(b"wp-config.php", b"artisan", b"spark", b"system/core/CodeIgniter.php", b"lib/moodlelib.php"),
    *(b"dbscripts/xml/version.xml", b"core/lib/Drupal.php", b"libraries/src/Version.php"),
    *(b"composer.lock", b"application/config/database.php", b"configuration.php"),
)
"""One of these begins an application in a folder of a site."""
_MOST_PARTS = 200
_IDENTIFIED = msgspec.msgpack.Decoder(Identified)


def base_of(root: bytes) -> bytes:
    """Return where the application of the web root *root* begins: above its ``public``."""
    above = os.path.dirname(root)
    if os.path.basename(root) in (b"public", b"web", b"public_html", b"htdocs", b"webroot") and any(
        os.path.lexists(os.path.join(above, name))
        for name in (b"composer.json", b"artisan", b"spark", b"manage.py", b"package.json")
    ):
        return above
    return root


def newest(
    base: bytes, most: int = MOST_FILES, stopping: Callable[[], bool] = lambda: False
) -> Facts:
    """Return the newest modification time among the code files below *base*."""
    changed: int | None = None
    files = looked = 0
    complete = True
    waiting = [base]
    while waiting and not stopping():
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    looked += 1
                    if looked > most:
                        return Facts(changed, files, False)
                    if entry.is_dir(follow_symlinks=False):
                        if entry.name.lower() not in _NOT_CODE:
                            waiting.append(entry.path)
                    elif entry.name.lower().rpartition(b".")[2] in _CODE:
                        files += 1
                        changed = max(changed or 0, entry.stat(follow_symlinks=False).st_mtime_ns)
        except OSError:
            complete = False
    return Facts(changed, files, complete)


def facts_of(view: WebView, base: bytes, stopping: Callable[[], bool] = lambda: False) -> Facts:
    """Return what the folder *base* of an application tells."""
    facts = newest(base, stopping=stopping)
    identified = _identify(view, base)
    return facts._replace(
        framework=identified.framework,
        version=identified.version,
        maintenance=identified.maintenance,
    )


def parts(root: bytes, *, deep: bool) -> list[bytes]:
    """Return the folders below *root*, one deep or two, that hold an application of their own."""
    found: list[bytes] = []
    waiting = [(root, 0)]
    while waiting and len(found) < _MOST_PARTS:
        place, depth = waiting.pop(0)
        for folder in _folders(place):
            if any(os.path.lexists(os.path.join(folder, mark)) for mark in _MARKS):
                found.append(folder)
            elif deep and depth == 0:
                waiting.append((folder, 1))
    return found


def _folders(place: bytes) -> list[bytes]:
    try:
        with os.scandir(place) as entries:
            names = [
                entry.path
                for entry in entries
                if entry.name.lower() not in _NOT_CODE
                and entry.name not in (b"vendor", b"wp-content", b"wp-includes", b"wp-admin")
                and entry.is_dir(follow_symlinks=False)
            ]
    except OSError:
        return []
    return sorted(names)[:_MOST_PARTS]


def _identify(view: WebView, base: bytes) -> Identified:
    files: dict[str, bytes] = {}
    for name in WANTED:
        path = os.path.join(base, name.encode()).decode("latin-1")
        try:
            files[name] = read_bounded(path, MAX_BYTES) or b""
        except OSError:
            continue
    try:
        names = sorted(os.listdir(base))[:2000]
    except OSError:
        names = []
    child = view.child
    if child is None:
        return Identified()
    request = Identify(files=files, names=tuple(name.decode("latin-1") for name in names))
    try:
        return _IDENTIFIED.decode(child.call(msgspec.msgpack.encode(request), (), 10.0))
    except ChildError:
        return Identified()


def records(
    view: WebView,
    guard: PathGuard,
    owners: Mapping[str, str],
    now: int,
    stopping: Callable[[], bool] = lambda: False,
) -> Iterator[WebApplication]:
    """Yield a record for each application, one after the other: each costs a walk."""
    sites = view.sites
    real = {
        mount.directory: os.path.realpath(mount.directory.encode("latin-1")).decode("latin-1")
        for site in sites
        for mount in site.mounts
    }
    for application in applications.group(sites):
        listens = {listen for site in application.sites for listen in site.listens}
        listening = application.enabled and any(view.address(one) for one in listens)
        root = os.path.realpath(application.root.encode("latin-1")) if application.root else b""
        base = base_of(root)
        facts = facts_of(view, base, stopping) if root else Facts(complete=False)
        other = applications.served_by(application, sites, real)
        by = _name(other) if other is not None else None
        stands = applications.state(application, facts, listening=listening, served_by=by, now=now)
        whole = WebApplication(
            application=application.key(guard.guard(root)),
            names=tuple(_shown(name) for name in application.names),
            state=stands,
            server=application.server,
            root=guard.display(guard.guard(root)) if root else None,
            ports=tuple(sorted({listen.port for listen in listens})),
            listening=listening,
            owner=applications.owner(application.names, owners),
            served_by=scrub(by) if by and stands == applications.DEACTIVATED else None,
            config=_config(guard, application.sites[0]),
            **_told(facts),
        )
        yield whole
        if root and application.enabled and not application.maintenance:
            deep = base == root and facts.framework in ("", "PHP", "static")
            for folder in parts(root, deep=deep):
                part = facts_of(view, folder, stopping)
                path = guard.guard(folder[len(root.rstrip(b"/")) :])
                yield msgspec.structs.replace(
                    whole,
                    application=application.key(guard.guard(root), path),
                    path=guard.display(path),
                    root=guard.display(guard.guard(folder)),
                    state=applications.state(
                        application, part, listening=listening, served_by=None, now=now
                    ),
                    served_by=None,
                    **_told(part),
                )


def _told(facts: Facts) -> dict[str, Any]:
    return {
        "framework": facts.framework,
        "version": facts.version,
        "changed": facts.changed,
        "files": facts.files,
        "complete": facts.complete,
    }


def _name(site: Site) -> str:
    return host_of(site) or f"{_text(site.file)}:{site.line}"


def _config(guard: PathGuard, site: Site) -> Scrubbed:
    shown = guard.display(guard.guard(site.file.encode("latin-1")))
    return Scrubbed(f"{shown}:{site.line}")


def _shown(name: str) -> Scrubbed:
    return scrub(_text(name))


def _text(text: str) -> str:
    return text.encode("latin-1").decode("utf-8", "surrogateescape")
