"""Paths of rpm's and its front ends' own state, named one by one."""

from __future__ import annotations

import re

from collectors.files.packages.places import States

DIRECTORIES = (b"/usr/lib/sysimage/rpm/", b"/var/lib/rpm/")
"""Where the database is: Fedora's place since 36, and everybody else's."""
LOCK = b".rpm.lock"
FILES = (b"rpmdb.sqlite", b"Packages.db", b"Packages")
"""The database itself, by back end: SQLite, ndb, Berkeley DB."""

FLEETING = re.compile(
    rb"/(?:usr/lib/sysimage|var/lib)/rpm/(?:rpmdb\.sqlite-(?:wal|shm)|\.rpm\.lock|\.dbenv\.lock"
    rb"|__db\.\d{3})"
)
"""SQLite and Berkeley DB write these for each reader; what counts ends in the database itself."""
_DATABASE = (
    rb"/(?:usr/lib/sysimage|var/lib)/rpm/(?:rpmdb\.sqlite(?:-wal|-shm|-journal)?"
    rb"|Packages\.db|Index\.db|\.rpm\.lock|\.dbenv\.lock|__db\.\d{3}|Packages|Basenames"
    rb"|Conflictname|Dirnames|Enhancename|Filetriggername|Group|Installtid|Name"
    rb"|Obsoletename|Providename|Recommendname|Requirename|Sha1header|Sigmd5|Suggestname"
    rb"|Supplementname|Transfiletriggername|Triggername)"
)
STATES: States = tuple(
    (re.compile(pattern, re.ASCII), reason)
    for pattern, reason in (
        (
            _DATABASE,
            "rpm's database of packages, written by each run",
        ),
        (rb"/var/lib/(?:dnf|yum)/[A-Za-z0-9._/-]+", "history of dnf"),
        (rb"/usr/lib/sysimage/libdnf5/[a-z_]+\.toml", "state of dnf"),
        (rb"/var/cache/(?:dnf|libdnf5|yum)/[A-Za-z0-9._+~^%/-]+", "what dnf fetched"),
        (rb"/var/log/(?:dnf(?:\.librepo|\.rpm)?|dnf5|hawkey|yum)\.log", "logs of dnf"),
        (rb"/etc/ld\.so\.cache~?", "written by ldconfig, which scripts of packages run"),
        (rb"/var/cache/ldconfig/aux-cache~?", "written by ldconfig, which scripts run"),
    )
)
