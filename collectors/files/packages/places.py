"""Places that tell by their name what they are: state of the package manager, byte code, drafts.

Two groups cannot be checked against an archive or a manifest, dpkg's own state and what its
triggers make; they are named path by path.
"""

from __future__ import annotations

import re

from collectors.files.packages.manifests import info_package

INFO = b"/var/lib/dpkg/info/"
ALTERNATIVES = b"/etc/alternatives/"

NEVER_PACKAGED = re.compile(
    rb"/(?:home|root|srv|tmp|usr/local|var/tmp|var/www|mnt|media|run|dev)(?:/|\Z)"
    rb"|/var/spool/cron/(?:crontabs|atjobs)/"
    rb"|/etc/(?:ld\.so\.preload|passwd|shadow|group|gshadow|subuid|subgid)\Z"
)
"""No package ships these (Debian policy 9.1 and base-files): what changes there is told at once."""

States = tuple[tuple[re.Pattern[bytes], str], ...]
"""Paths (whole) and why they are state of the package manager itself."""
STATES: States = tuple(
    (re.compile(pattern, re.ASCII), reason)
    for pattern, reason in (
        (
            rb"/var/lib/dpkg/(?:status|available|diversions)(?:-old|-new)?",
            "dpkg's database of packages, rewritten by each run",
        ),
        (rb"/var/lib/dpkg/(?:lock|lock-frontend)", "dpkg's locks"),
        (rb"/var/lib/dpkg/updates/(?:\d{4,}|tmp\.i)", "dpkg's journal of its status"),
        (
            rb"/var/lib/dpkg/triggers/(?:File|Unincorp|Lock|[a-z0-9][a-z0-9+.-]*)(?:\.new)?",
            "dpkg's pending triggers",
        ),
        (rb"/var/lib/dpkg/tmp\.ci(?:/[a-z0-9]+)?", "where dpkg unpacks control files"),
        (
            rb"/var/lib/dpkg/info/format(?:-new)?",
            "version of dpkg's database",
        ),
        (rb"/var/cache/apt/(?:src)?pkgcache\.bin(?:\.[A-Za-z0-9]{6})?", "apt's cache"),
        (
            rb"/var/cache/apt/archives/(?:partial/)?[A-Za-z0-9.+_%~-]+\.deb(?:\.FAILED)?",
            "packages that apt fetched; dpkg checks what it unpacks",
        ),
        (rb"/var/cache/apt/archives/lock", "apt's lock"),
        (
            rb"/var/lib/apt/extended_states(?:\.[A-Za-z0-9]{6})?",
            "which packages came by themselves",
        ),
        (
            rb"/var/log/(?:dpkg\.log|alternatives\.log|apt/(?:history\.log|term\.log|eipp\.log\.xz))",
            "logs of dpkg and apt",
        ),
        (rb"/etc/ld\.so\.cache~?", "written by ldconfig, which libc-bin's trigger runs"),
        (rb"/var/cache/ldconfig/aux-cache~?", "written by ldconfig, which libc-bin's trigger runs"),
    )
)
PASSING = re.compile(rb"/etc/(?:passwd|group|shadow|gshadow|subuid|subgid)(?:\+|\.lock|\.\d+)")
"""Locks and drafts of the tools that maintainer scripts make users with; folded only when gone.
The files themselves are told."""
COMPILED = re.compile(
    rb"(.*)/__pycache__/([^/]+)\.cpython-\d{2,4}(?:\.opt-[12])?\.pyc(?:\.\d+)?", re.DOTALL
)
_TRANSIENT = re.compile(rb"(.+)(?:\.dpkg-(?:new|tmp)|;[0-9a-f]{8})", re.DOTALL)
"""Names under which dpkg and rpm (lib/fsm.c) write a file before they rename it."""

_SPARE = re.compile(rb"(.+)\.rpm(?:new|save|orig)", re.DOTALL)
"""Names that rpm gives to one of two versions of a configuration file (lib/rpmfi.c)."""


def replaced(path: bytes) -> bytes | None:
    """Return the configuration file beside which rpm has put *path*, None where it has not."""
    spare = _SPARE.fullmatch(path)
    return spare[1] if spare else None


def origin(path: bytes) -> bytes | None:
    """Return the path that *path* is made from or stands in for, if its name says so."""
    compiled = COMPILED.fullmatch(path)
    if compiled:
        return compiled[1] + b"/" + compiled[2] + b".py"
    if path.endswith(b"/__pycache__"):
        return path[: -len(b"/__pycache__")]
    transient = _TRANSIENT.fullmatch(path)
    return transient[1] if transient else None


def state_reason(path: bytes, states: States = STATES) -> str | None:
    """Return why *path* is state of the package manager itself, None where it is not."""
    return next((reason for pattern, reason in states if pattern.fullmatch(path)), None)


def info_of(path: bytes) -> str | None:
    """Return the package that *path* is a manifest or script of."""
    return info_package(path[len(INFO) :]) if path.startswith(INFO) else None
