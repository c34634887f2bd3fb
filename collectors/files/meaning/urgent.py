"""Which changes never wait for the end of a package transaction. Pure.

Whoever is root can make it look as if a package manager were at work, and each change would wait,
for ten minutes at most. What lets people in, starts programs or is handed out is told at once,
package or not: an upgrade that changes such a file is a line more.
"""

from __future__ import annotations

from collectors.kinds import WEB_ROOT, FileChange

ROLES = frozenset(
    {"ld_preload", "sudoers", "authorized_keys", "shadow", "accounts", "cron", "at", "ronda"}
)
_OFTEN_PACKAGED = frozenset({"ronda"})
"""Programs and libraries that the agent runs on: whole packages of them are upgraded."""


def urgent(record: FileChange, *, owned: bool) -> bool:
    """Tell whether a change is told at once; *owned*: a package brought the file."""
    if record.type == "dir":
        return False
    if record.role in ROLES and record.role not in _OFTEN_PACKAGED:
        return True
    return not owned and (record.role in ROLES or record.place == WEB_ROOT)
