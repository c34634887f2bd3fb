"""Which applications the virtual hosts of this host are, and how each stands. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from collectors.exposure.web.lines import below
from collectors.exposure.web.model import Site

ACTIVE = "active"
DORMANT = "dormant"
DEACTIVATED = "deactivated"
OFF = "off"
GONE = "gone"

DORMANT_NS = 365 * 86400 * 10**9
"""Time without a change after which an application counts as dormant."""


class Application(NamedTuple):
    """Virtual hosts that are one application: the same names, on whatever port."""

    names: tuple[str, ...]
    server: str
    root: str | None
    sites: tuple[Site, ...]

    @property
    def enabled(self) -> bool:
        """Whether the server reads its configuration."""
        return any(site.enabled for site in self.sites)

    @property
    def maintenance(self) -> bool:
        """Whether the server itself answers that it is switched off."""
        return all(site.maintenance for site in self.sites)

    def key(self, guarded_root: bytes, guarded_path: bytes = b"") -> str:
        """Return what stays the same while its names, or else its folder, do."""
        told = "\0".join(self.names).encode("latin-1") if self.names else guarded_root
        if guarded_path:
            told += b"\0" + guarded_path
        return hashlib.sha256(self.server.encode() + b"\0" + told).hexdigest()[:16]


class Facts(NamedTuple):
    """What was found in an application's folder."""

    changed: int | None = None
    """ns since 1970."""
    files: int = 0
    complete: bool = True
    framework: str = ""
    version: str = ""
    maintenance: bool = False


def group(sites: Iterable[Site]) -> list[Application]:
    """Return the applications behind *sites*: a redirect to https is no application of its own."""
    found: dict[tuple[str, tuple[str, ...], str], list[Site]] = {}
    for site in sites:
        names = tuple(sorted(set(site.names)))
        place = "" if names else _root(site) or f"{site.file}:{site.line}"
        found.setdefault((site.server, names, place), []).append(site)
    applications = []
    for (server, names, _), several in found.items():
        known = [site for site in several if site.enabled] or several
        roots = [root for site in known for root in [_root(site)] if root is not None]
        if not roots and not names:
            continue
        root = roots[-1] if roots else None
        applications.append(Application(names, server, root, tuple(known)))
    return applications


def _root(site: Site) -> str | None:
    return site.mounts[0].directory if site.mounts else None


def state(
    application: Application, facts: Facts, *, listening: bool, served_by: str | None, now: int
) -> str:
    """Return how *application* stands. *served_by*: another site that hands out its files."""
    is_off = not application.enabled or application.maintenance or facts.maintenance
    if is_off:
        if served_by is not None or (application.enabled and facts.maintenance and listening):
            return DEACTIVATED
        return OFF
    if facts.changed is not None and now - facts.changed > DORMANT_NS and listening:
        return DORMANT
    return ACTIVE


def served_by(
    application: Application, sites: Sequence[Site], real: Mapping[str, str]
) -> Site | None:
    """Return another site in force that is mounted on the folder of *application*, or above it.

    *real* maps folders to what is behind their links.
    """
    if application.root is None:
        return None
    mine = real.get(application.root, application.root)
    for site in sites:
        if not site.enabled or site in application.sites or site.maintenance:
            continue
        for mount in site.mounts:
            folder = real.get(mount.directory, mount.directory)
            if below(mine, folder) is not None or below(folder, mine) is not None:
                return site
    return None


def owner(names: Iterable[str], settings: Mapping[str, str]) -> str | None:
    """Return the OPD that *settings* give to one of *names*."""
    for name in names:
        for wanted, opd in settings.items():
            pattern = re.escape(wanted.lower()).replace(r"\*", ".*")
            if re.fullmatch(pattern, name.lower()):
                return opd
    return None
