"""How much a change matters, by what is known of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from collectors.files.meaning.catalogue import BY_NAME
from collectors.kinds import WEB_ROOT, FileChange, Severity

_SETUID, _SETGID, _GROUP_RUNS = 0o4000, 0o2000, 0o0010
_OTHERS_WRITE = 0o0002
_WEB = re.compile(
    r"(?:/var/www|/srv|/usr/share/nginx/html|/opt/[^/]+/(?:www|htdocs)|/home/[^/]+/(?:www|public_html))/.+",
    re.DOTALL,
)
_SCRIPT = re.compile(
    r".*\.(?:ph(?:p\d?|tml|ar|ps)|inc|pl|py|cgi|sh|js|jsp|aspx?|html?|htaccess|user\.ini)",
    re.DOTALL,
)
_OLD_LOG = re.compile(r".*(?:\.(?:\d+|gz|xz|bz2|zst|old)|-\d{6,}[^/]*)", re.DOTALL)
"""A rotated copy: its time comes."""
_BAD_GROWTH = {"truncated", "rewritten"}


class Reason(NamedTuple):
    """Something about a change that counts by itself."""

    severity: Severity
    techniques: tuple[str, ...]


def weigh(record: FileChange) -> Severity | None:
    """Return the severity that role and attributes give a change, None for the kind's own."""
    found = [reason.severity for reason in _attributes(record)]
    by_role = _by_role(record)
    if by_role is not None:
        found.append(by_role)
    worst = max(found, default=None)
    return worst if worst is not None and worst > FileChange.default_severity else None


def heavier(given: int | None, record: FileChange) -> int | None:
    """Return *given* or what `weigh` says, whichever is more."""
    own = weigh(record)
    if own is None or given is None:
        return given if own is None else int(own)
    return max(given, int(own))


def techniques(record: FileChange) -> tuple[str, ...]:
    """Return the ATT&CK techniques that the change may serve, of role and attributes."""
    role = BY_NAME.get(record.role or "")
    found = dict.fromkeys(role.techniques if role is not None and _matters(record) else ())
    for reason in _attributes(record):
        found.update(dict.fromkeys(reason.techniques))
    return tuple(found)


def _matters(record: FileChange) -> bool:
    """A log that a program writes to serves nobody's technique."""
    if record.role in ("log", "journal"):
        return record.action == "deleted" or record.growth in _BAD_GROWTH
    return True


def _by_role(record: FileChange) -> Severity | None:
    role = BY_NAME.get(record.role or "")
    if role is None:
        return None
    if record.action == "deleted":
        if role.name == "log" and record.growth is None and not _OLD_LOG.fullmatch(record.path):
            return Severity.MEDIUM
        return role.deleted
    if record.type == "dir":
        return None
    if record.action == "attributes":
        # Times alone mean little; who may write a sudoers file means as much as what it says.
        rights = (
            record.previous_mode,
            record.previous_uid,
            record.previous_acl,
            record.previous_capabilities,
            record.previous_flags,
        )
        return None if all(value is None for value in rights) else _lower(role.severity)
    if role.name == "ronda" and record.target == "/dev/null":  # systemctl mask
        return Severity.CRITICAL
    return role.severity


def _lower(severity: Severity) -> Severity:
    return Severity(max(Severity.LOW, severity - 1))


def _attributes(record: FileChange) -> Iterator[Reason]:
    if record.found_by == "rehash":  # other content, and nothing that says when it came
        yield Reason(Severity.HIGH, ("T1565.001",))
    if record.superusers:
        yield Reason(Severity.CRITICAL, ("T1136.001", "T1078.003"))
    if record.passwordless:
        yield Reason(Severity.HIGH, ("T1098", "T1078.003"))
    if record.growth in _BAD_GROWTH:
        yield Reason(Severity.HIGH, ("T1070.002",))
    if record.action == "deleted" or record.type != "file":
        return
    mode = _octal(record.mode)
    before = _before(record, mode)
    if _runs_as_owner(mode) & ~_runs_as_owner(before):
        yield Reason(Severity.HIGH, ("T1548.001",))
    if record.role and mode & ~before & _OTHERS_WRITE:
        yield Reason(Severity.HIGH, ("T1222.002",))
    capabilities = record.capabilities
    new = record.action == "created" or "capabilities" in record.changed
    if capabilities and capabilities != record.previous_capabilities and new:
        yield Reason(Severity.HIGH, ("T1548",))
    yield from _flags(record)


def _flags(record: FileChange) -> Iterator[Reason]:
    now, before = record.flags or "", record.previous_flags
    changed = record.action == "created" or before is not None or "flags" in record.changed
    if "i" in now and "i" not in (before or "") and changed:
        served = record.place == WEB_ROOT or _WEB.fullmatch(record.path)
        if served and _SCRIPT.fullmatch(record.path):
            yield Reason(Severity.HIGH, ("T1222.002", "T1505.003"))
        else:
            yield Reason(Severity.MEDIUM, ("T1222.002",))
    if "a" in (before or "") and "a" not in now:
        yield Reason(Severity.HIGH, ("T1222.002", "T1070.002"))


def _before(record: FileChange, mode: int) -> int:
    """Return the mode before: that of now where it has not changed, 0 for what is new."""
    if record.previous_mode is not None:
        return _octal(record.previous_mode)
    return 0 if record.action == "created" else mode


def _runs_as_owner(mode: int) -> int:
    setgid = mode & _SETGID if mode & _GROUP_RUNS else 0  # else mandatory locking, not a right
    return mode & _SETUID | setgid


def _octal(mode: str | None) -> int:
    return int(mode, 8) if mode else 0
