"""What maintainer scripts make and leave, as far as it can be checked. Pure.

Scripts may do anything; only a few habits of Debian's helpers are known here, each with a check
that ties it to a package of the same transaction. Everything else is told.
"""

from __future__ import annotations

import re
import stat

from collectors.files.packages.case import Case, Disk
from collectors.files.packages.manifests import plain
from collectors.files.packages.places import ALTERNATIVES

LINK, COPY, BACKUP, LEFTOVER = "link", "copy", "backup", "leftover"

_RC = re.compile(rb"/etc/rc[0-6S]\.d/[SK]\d\d([A-Za-z0-9][A-Za-z0-9+._-]*)")
"""Made by update-rc.d."""
_WANTS = re.compile(
    rb"/etc/systemd/(?:system|user)/[A-Za-z0-9@._-]+\.(?:wants|requires)/([A-Za-z0-9@._\\:-]+)"
)
"""Made by deb-systemd-helper."""
_ENABLED = re.compile(
    rb"/etc/(?:nginx/(?:sites|modules)-enabled|apache2/(?:conf|mods|sites)-enabled"
    rb"|lighttpd/conf-enabled|php/[0-9.]+/[a-z0-9]+/conf\.d)/[^/]+"
)
"""Made by the configuration tools of web servers and PHP."""
_SENSITIVE = re.compile(
    rb"/etc/(?:cron[^/]*|systemd|init|init\.d|pam\.d|security|sudoers\.d|ssh|ssl|profile\.d"
    rb"|ld\.so\.conf\.d|apt|dpkg|udev|modprobe\.d|modules-load\.d|update-motd\.d|skel|polkit-1"
    rb"|audit|apparmor\.d|dbus-1|network|rsyslog\.d|logrotate\.d|default|selinux|xdg|X11)(?:/|\Z)"
)
"""What decides who may do what, or runs by itself: no habit counts there."""
_UNSAFE = stat.S_ISUID | stat.S_ISGID | stat.S_IWGRP | stat.S_IWOTH | 0o111


def links(case: Case, disk: Disk, *, sure: bool) -> bool:
    """Tell whether a link nobody owns enables something of a package that was unpacked.

    *sure*: it points to a file of a package of this transaction.
    """
    rc = _RC.fullmatch(case.path)
    if rc:
        return sure and disk.link == b"../init.d/" + rc[1]
    wants = _WANTS.fullmatch(case.path)
    if wants:
        name = disk.link.rpartition(b"/")[2]
        template = wants[1].partition(b"@")[0] + b"@." + wants[1].rpartition(b".")[2]
        return sure and name in (wants[1], template)
    return bool(_ENABLED.fullmatch(case.path)) and (sure or case.settled)


def copies(case: Case, disk: Disk) -> str | None:
    """Return the reason for a file that nobody owns and that is the copy of one we know.

    ucf and its like copy a package's own default into /etc, where there was none.
    """
    if case.backup:
        return BACKUP
    fresh = case.held[0].before is None and case.copied
    place = case.path.startswith(b"/etc/") and not _SENSITIVE.match(case.path)
    near = any(plain(name) in case.acted.unpacked for name in case.parents)
    return COPY if fresh and place and near and not disk.mode & _UNSAFE else None


def left_over(case: Case) -> bool:
    """Tell whether what went, and nobody owned, is what the removal of a package takes with it.

    Counted by directory in the event: a person sees where, the host keeps what.
    """
    if not case.acted.removed:
        return False
    if case.held[-1].record.type == "symlink" and case.path.startswith(ALTERNATIVES):
        return True
    if _RC.fullmatch(case.path) or _WANTS.fullmatch(case.path):
        return any(plain(name) in case.acted.removed for name in case.beside)
    if _SENSITIVE.match(case.path):
        return False
    return any(plain(name) in case.acted.removed for name in case.parents)


def enabled(path: bytes) -> bytes | None:
    """Return what a link in /etc that has gone made start: its script or unit."""
    rc = _RC.fullmatch(path)
    if rc:
        return b"/etc/init.d/" + rc[1]
    wants = _WANTS.fullmatch(path)
    return b"/usr/lib/systemd/system/" + wants[1] if wants else None


def twin_of_alternative(path: bytes, kind: str) -> bytes | None:
    """Return the link in /etc/alternatives that a link outside goes through, by its name."""
    if kind != "symlink" or not path.startswith(b"/usr/"):
        return None
    return ALTERNATIVES + path.rpartition(b"/")[2]
