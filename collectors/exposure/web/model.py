"""The common form of web server configurations, and the answers about one URL. Nothing but data.

All text is latin-1: one character for each byte of the file, so that any path survives.
"""

from __future__ import annotations

import msgspec

NGINX, APACHE, LIGHTTPD, CADDY = "nginx", "apache", "lighttpd", "caddy"

SERVED = "served"
"""Handed out as it is, says the configuration."""
FORBIDDEN = "forbidden"
NOT_SERVED = "not_served"
EXECUTED = "executed"
"""A program runs it: the answer is not the file."""
UNKNOWN = "unknown"


OPENNESS = {NOT_SERVED: 0, FORBIDDEN: 1, EXECUTED: 2, UNKNOWN: 3, SERVED: 4}
"""Which of two answers counts, when one door is open and another shut."""


class Directive(msgspec.Struct, frozen=True, array_like=True):
    """One line or block of a configuration."""

    name: str
    """Lower case where the server does not care."""
    args: tuple[str, ...]
    block: tuple[Directive, ...] | None
    """None for a simple one."""
    file: str
    line: int


class Listen(msgspec.Struct, frozen=True, order=True):
    """Where a site answers."""

    port: int
    tls: bool = False
    address: str = ""
    """Empty: any."""


class Mount(msgspec.Struct, frozen=True, order=True):
    """Files below *directory* may have URLs below *prefix*."""

    prefix: str
    """Without a slash at its end, but for one that the URL itself needs."""
    directory: str


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """A virtual host."""

    server: str
    """``nginx``, ``apache``, ``lighttpd`` or ``caddy``."""
    names: tuple[str, ...] = ()
    """Host names; empty when it answers to all."""
    listens: tuple[Listen, ...] = ()
    mounts: tuple[Mount, ...] = ()
    """The first is the root of the site, if it has one."""
    outer: tuple[Directive, ...] = ()
    """What it inherits."""
    tree: tuple[Directive, ...] = ()
    """Its own."""
    file: str = ""
    line: int = 0
    enabled: bool = True
    """False: the server does not read the file it stands in."""
    access_files: tuple[str, ...] = ()
    """Names of files in directories that have a say (.htaccess)."""
    maintenance: bool = False
    """All its URLs answer that it is switched off."""
    all_proxied: bool = False
    """A program answers for the whole site."""


class Problem(msgspec.Struct, frozen=True):
    """What was not understood; the rest holds all the same."""

    file: str
    line: int
    text: str


class Parse(msgspec.Struct, frozen=True, kw_only=True, tag="parse"):
    """Asks the child: what do these files say?"""

    server: str
    main: str
    """The file to begin with."""
    files: dict[str, bytes]
    missing: tuple[str, ...] = ()
    """Patterns that are asked for in vain, or answered already."""
    enabled: bool = True
    variables: dict[str, str] = {}
    """For Apache's ${NAME}."""


class Parsed(msgspec.Struct, frozen=True, kw_only=True):
    """The child's answer."""

    needs: tuple[str, ...] = ()
    """File name patterns to read and ask again with."""
    sites: tuple[Site, ...] = ()
    problems: tuple[Problem, ...] = ()


class Locate(msgspec.Struct, frozen=True, kw_only=True, tag="locate"):
    """Asks the child: which URLs has this file?"""

    paths: tuple[str, ...]
    """The names under which it can be reached, through links too."""
    access: dict[str, bytes] = {}
    """Path to content of the access files above it."""
    mode: int = 0o644
    """Permission bits of the file (Apache refuses what its user cannot read)."""
    exists: tuple[str, ...] = ()
    """Names beside it, of those that serve as index."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One URL path of a file at one site, and what the server does with it."""

    site: int
    url: str
    """Decoded path, beginning with ``/``."""
    verdict: str
    """``served``, ``forbidden``, ``not_served``, ``executed`` or ``unknown``."""
    reasons: tuple[str, ...] = ()
    """Short keys: ``denied``, ``needs_login``, ``restricted_by_address``, ``redirect`` ..."""
    listed: bool = False
    """The folder shows its names."""
    name: str = ""
    """The host name that was asked for; empty when the site has none."""
    tls: bool = False


class Located(msgspec.Struct, frozen=True, kw_only=True):
    """The child's answer."""

    routes: tuple[Route, ...] = ()


class Identify(msgspec.Struct, frozen=True, kw_only=True, tag="identify"):
    """Asks the child: what application is this?"""

    files: dict[str, bytes]
    """Beginnings of the files that `collectors.exposure.web.frameworks.WANTED` names."""
    names: tuple[str, ...] = ()
    """Names of the root's entries."""


class Identified(msgspec.Struct, frozen=True, kw_only=True):
    """The child's answer."""

    framework: str = ""
    version: str = ""
    maintenance: bool = False


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """Given to the child when it starts."""

    sites: tuple[Site, ...] = ()


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a server does with one URL."""

    verdict: str
    path: str | None = None
    """The file it comes to, where the configuration tells."""
    reasons: tuple[str, ...] = ()
    autoindex: bool = False
    """For a folder: its names are shown when no index file is there."""
    index: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    """Patterns of names that the folder does not show."""


MAX_FILE = 1 << 20
"""Bytes of one configuration file; more is not read."""
MAX_TOTAL = 8 << 20
MAX_FILES = 2000
MAX_DEPTH = 40
"""Blocks in blocks, includes in includes."""
MAX_DIRECTIVES = 100_000
