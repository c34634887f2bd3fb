"""What the web servers of this host do with one file. The shell around the child and `check`."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from collectors.child import BoundedChild, ChildError, Limits
from collectors.exposure.web import check, find, fronts, links, listeners
from collectors.exposure.web.child import TARGET
from collectors.exposure.web.model import (
    EXECUTED,
    FORBIDDEN,
    NOT_SERVED,
    OPENNESS,
    SERVED,
    UNKNOWN,
    Listen,
    Locate,
    Located,
    Problem,
    Route,
    Setup,
    Site,
)

BY_ADDRESS = "restricted_by_address"
DOWNLOADABLE = "downloadable"
LISTED = "listed"
_RANK = (NOT_SERVED, FORBIDDEN, EXECUTED, UNKNOWN, DOWNLOADABLE, LISTED)
"""The open door counts, however many are shut."""
_ENDINGS = r"\.(?:php\d?|phtml|phar|py|rb|jspx?|aspx?|cgi|fcgi|pl|sh|do|lua)"
_PROGRAM = re.compile(_ENDINGS + r"\Z", re.IGNORECASE)
"""Asking for a program may run it: that is never done, whatever the configuration says."""
_PERHAPS = re.compile(_ENDINGS + r"[./]", re.IGNORECASE)
"""config.php.bak: a program for some servers; asked for where the configuration is clear."""
_WEB_PORTS = frozenset({80, 443, 3000, 5000, 8000, 8008, 8080, 8081, 8088, 8443, 8888, 9000})
_MOST_ACCESS = 40
_ACCESS_BYTES = 64 << 10
_LOOK_AGAIN = 60.0
"""Seconds between looks at configuration and listeners."""
_LINKS_AGAIN = 600.0
"""Seconds between looks at the links in web roots."""
_VARIABLE = re.compile(r"[${]")
_MOST_ASKED = 4
"""Requests for one file."""
_LOCATED = msgspec.msgpack.Decoder(Located)
_INDEX = (
    *("index.html", "index.htm", "index.php", "default.html", "index.xhtml", "index.txt"),
    *("index.lighttpd.html", "index.cgi", "index.pl", "default.htm", "index.shtml"),
)


class Place(NamedTuple):
    """What one file is to the world."""

    served: str
    """``downloadable``, ``listed``, ``forbidden``, ``not_served``, ``executed`` or ``unknown``."""
    url: str | None = None
    """Whole, percent-encoded."""
    path: bytes | None = None
    """Decoded path of the URL."""
    checked: bool = False
    """A request said so, not only the configuration."""
    reasons: tuple[str, ...] = ()


class WebView:
    """Owns a bounded child. Not for several threads."""

    def __init__(
        self,
        configs: tuple[str, ...],
        *,
        asks: bool = True,
        rate: float = 5.0,
        timeout: float = 1.5,
        patience: float = 10.0,
        stopping: Callable[[], bool] = lambda: False,
        proc: str = "/proc/self/net",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """*asks*: whether requests are made; *rate* of them in a second, *timeout* for one.

        *patience*: seconds that the child may take for one file.
        """
        self._configs = configs
        self._asks = asks
        self._gate = check.Gate(rate)
        self._timeout = timeout
        self._patience = patience
        self._stopping = stopping
        self._proc = proc
        self._clock = clock
        self._found = find.Found()
        self._names = links.Names(())
        self._listeners: list[listeners.Listener] = []
        self._child: BoundedChild | None = None
        self._taken: dict[int, set[str]] = {}
        """Addresses, by port, that a site has for itself."""
        self._claimed: frozenset[str] = frozenset()
        """Host names that are written out in some site."""
        self._passed_on: frozenset[int] = frozenset()
        """Ports to which some site hands requests on."""
        self._due = float("-inf")
        self._links_due = float("-inf")
        self.roots: tuple[bytes, ...] = ()
        """Real folders that sites in force are mounted on."""

    @property
    def sites(self) -> tuple[Site, ...]:
        """All virtual hosts, also those that are switched off."""
        return self._found.sites

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was not understood."""
        return self._found.problems

    @property
    def child(self) -> BoundedChild | None:
        """The bounded child, when there is one."""
        return self._child

    def close(self) -> None:
        """End the child; it comes again when it is needed."""
        if self._child is not None:
            self._child.close()

    def refresh(self, *, now: bool = False) -> bool:
        """Look at listeners and, if files changed, at the configuration; True when it differs."""
        if self._stopping() or (not now and self._clock() < self._due):
            return False
        self._due = self._clock() + _LOOK_AGAIN
        before = self._listening()
        self._listeners = listeners.listeners(self._proc)
        if self._found.print and self._found.print == find.fingerprint(
            find.patterns_of(self._found)
        ):
            return self._follow_links() or before != self._listening()
        was = self._found
        self._read()
        return self._found.sites != was.sites or before != self._listening()

    def _read(self) -> None:
        self.close()
        self._child = BoundedChild(TARGET, limits=_LIMITS, init=msgspec.msgpack.encode(Setup()))
        try:
            self._found = find.find(self._configs, self._child)
        finally:
            self._child.close()
        self._taken = {}
        for listen in (listen for site in self._in_force() for listen in site.listens):
            self._taken.setdefault(listen.port, set()).add(listen.address)
        self._claimed = frozenset(name for site in self._in_force() for name in site.names)
        self._passed_on = fronts.passed_on_to(self._in_force())
        self._look_at_links()
        setup = Setup(sites=self._found.sites)
        self._child = BoundedChild(TARGET, limits=_LIMITS, init=msgspec.msgpack.encode(setup))

    def _look_at_links(self) -> None:
        self._links_due = self._clock() + _LINKS_AGAIN
        folders = [mount.directory for site in self._in_force() for mount in site.mounts]
        self._names = links.look(folders)
        real = {os.path.realpath(folder.encode("latin-1")) for folder in folders}
        self.roots = tuple(sorted(root for root in real if root != b"/" and os.path.isdir(root)))

    def _follow_links(self) -> bool:
        """Look at links again when it is time; True when a file may have other names now.

        A deployment turns a link, and the configuration stays as it was.
        """
        if self._clock() < self._links_due and not self._names.moved():
            return False
        before = self._names
        self._look_at_links()
        return self._names != before

    def _in_force(self) -> list[Site]:
        return [site for site in self._found.sites if site.enabled]

    def _listening(self) -> frozenset[Listen]:
        places = {listen for site in self._in_force() for listen in site.listens}
        return frozenset(one for one in places if self.address(one) is not None)

    def address(self, listen: Listen) -> str | None:
        """Return the local address at which *listen* answers, None when nobody listens."""
        taken = () if listen.address else self._taken.get(listen.port, ())
        return listeners.reachable_at(
            listen.port, listen.address, self._listeners, frozenset(taken)
        )

    @property
    def complete(self) -> bool:
        """Whether a file that no site leads to can be said to be served by nobody."""
        if self.problems or not self._names.whole or not self._listening():
            return False
        if any(_VARIABLE.search(one.directory) for site in self._in_force() for one in site.mounts):
            return False  # root /var/www/$host
        known = {listen.port for site in self._in_force() for listen in site.listens}
        open_ports = {one.port for one in self._listeners}
        return not (open_ports & _WEB_PORTS) - known

    def place(self, real: bytes, size: int, mode: int = 0o644) -> Place:
        """Return what the world gets of the file at *real*, of *size* bytes."""
        routes = self._routes(real, mode)
        if routes is None:
            return Place(UNKNOWN, reasons=("not_understood",))
        routes.sort(key=lambda route: -OPENNESS[route.verdict])
        places: list[Place] = []
        for number, route in enumerate(routes):
            places.append(self._judge(route, real, size, ask=number < _MOST_ASKED))
            if places[-1].checked and places[-1].served in (DOWNLOADABLE, LISTED):
                break  # there is no more open door
        if not places:
            return Place(NOT_SERVED, reasons=("no_url",)) if self.complete else Place(UNKNOWN)
        best = max(places, key=lambda place: (_RANK.index(place.served), place.checked))
        if best.served == NOT_SERVED and "proxied" in best.reasons and not best.checked:
            return best._replace(served=UNKNOWN)  # what is behind may well hand it out
        if best.reasons == ("leads_elsewhere",) and not self.complete:
            return Place(UNKNOWN, reasons=best.reasons)
        return best

    def _routes(self, real: bytes, mode: int) -> list[Route] | None:
        """Return the ways to the file by sites in force; None when the child gave no answer."""
        if self._child is None:
            return []
        paths = self._names.of(real.decode("latin-1"))
        folder = os.path.dirname(real)
        request = Locate(
            paths=paths,
            access=self._access(paths),
            mode=mode & 0o777,
            exists=tuple(
                name for name in _INDEX if os.path.lexists(os.path.join(folder, name.encode()))
            ),
        )
        try:
            answer = self._child.call(msgspec.msgpack.encode(request), (), self._patience)
        except ChildError:
            return None
        sites = self._found.sites
        return [route for route in _LOCATED.decode(answer).routes if sites[route.site].enabled]

    def _access(self, paths: tuple[str, ...]) -> dict[str, bytes]:
        names = {name for site in self._in_force() for name in site.access_files}
        found: dict[str, bytes] = {}
        for path in paths if names else ():
            folder = os.path.dirname(path)
            while len(found) < _MOST_ACCESS:
                for name in names:
                    data = _read_access(os.path.join(folder, name))
                    if data is not None:
                        found[os.path.join(folder, name)] = data
                if folder in ("/", ""):
                    break
                folder = os.path.dirname(folder)
        return found

    def _judge(self, route: Route, real: bytes, size: int, *, ask: bool) -> Place:
        site = self._found.sites[route.site]
        wanted = [one for one in site.listens if one.tls == route.tls]
        listen = next((one for one in wanted if self.address(one) is not None), None)
        path = route.url.encode("latin-1")
        place = listen or next(iter(wanted), Listen(80))
        url = url_of(plain_name(route.name) or host_of(site), place, path)
        served, reasons = route.verdict, route.reasons
        checked = False
        if (
            served == FORBIDDEN
            and BY_ADDRESS in reasons
            and any(fronts.fronted(one, self._passed_on) for one in wanted)
        ):
            return Place(UNKNOWN, url, path, False, (*reasons, "behind_a_proxy"))
        if served in (SERVED, UNKNOWN) and listen is None:
            return Place(UNKNOWN, url, path, False, (*reasons, "server_not_listening"))
        if listen is not None and ask and self._may_ask(route):
            said = self._ask(route, listen, path, real, size)
            if said == check.ELSEWISE and served == SERVED:
                return Place(UNKNOWN, url, path, True, (*reasons, "answers_otherwise"))
            if said == check.ELSEWISE:
                said = NOT_SERVED
            if said != check.UNKNOWN:
                if served == UNKNOWN or said == DOWNLOADABLE:
                    reasons = ()  # of what was not certain, or not so
                served, checked = said, True
        if served == SERVED:
            served = DOWNLOADABLE
        if served == DOWNLOADABLE and route.listed:
            served = LISTED
        return Place(served, url, path, checked, reasons)

    def _may_ask(self, route: Route) -> bool:
        # Somebody on this host may be allowed what nobody outside is: no request can tell.
        return (
            self._asks
            and route.verdict in (SERVED, UNKNOWN, FORBIDDEN)
            and not self._stopping()
            and (not route.name or self._host(route.name) is not None)
            and BY_ADDRESS not in route.reasons
            and not _PROGRAM.search(route.url)
            and (route.verdict == SERVED or not _PERHAPS.search(route.url))
        )

    def _host(self, name: str) -> str | None:
        """Return a host name that leads to the site called *name*, perhaps a pattern.

        None when there is none: another site would answer in its place.
        """
        if not name.startswith("*."):
            return plain_name(name)
        for first in ("www", "ronda-check", "ronda-check-2"):
            host = plain_name(first + name[1:])
            if host is None or host not in self._claimed:
                return host
        return None

    def _ask(self, route: Route, listen: Listen, path: bytes, real: bytes, size: int) -> str:
        address = self.address(listen)
        if address is None:
            return check.UNKNOWN
        self._gate.wait()
        host = self._host(route.name) or address
        target = check.Target(address, listen.port, listen.tls, _with_port(host, listen))
        try:
            reply = check.ask(target, path, self._timeout)
            return check.judge(reply, size, os.stat(real).st_size)
        except (ValueError, OSError):
            return check.UNKNOWN


_LIMITS = Limits(memory=256 << 20, cpu=10)


def _read_access(path: str) -> bytes | None:
    try:
        data = find.read_bounded(path, _ACCESS_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        data = None  # it is there, and says something that we cannot read
    # Too long to be read whole: what is not read may forbid or allow.
    return b"\0" if data is None else data


def host_of(site: Site) -> str | None:
    """Return a name that *site* answers to, None when it has none that can be written. Pure."""
    return next((plain for name in site.names if (plain := plain_name(name)) is not None), None)


def plain_name(name: str) -> str | None:
    """Return a host name that *name*, perhaps a pattern, stands for. Pure."""
    plain = name.removeprefix(".")
    if plain.startswith("*."):
        plain = "www" + plain[1:]
    return plain if re.fullmatch(r"[A-Za-z0-9_.-]{1,253}", plain) else None


def _with_port(host: str, listen: Listen) -> str:
    name = f"[{host}]" if ":" in host else host
    usual = 443 if listen.tls else 80
    return name if listen.port == usual else f"{name}:{listen.port}"


def url_of(name: str | None, listen: Listen, path: bytes) -> str:
    """Return the whole URL of *path* at the site *name*. Pure."""
    host = name or listen.address or "localhost"
    scheme = "https" if listen.tls else "http"
    return f"{scheme}://{_with_port(host, listen)}{check.percent(path)}"
