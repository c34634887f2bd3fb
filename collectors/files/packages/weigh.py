"""How much a change counts that no transaction explains. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from collectors.files.packages.index import Owned
from collectors.files.packages.places import INFO
from collectors.kinds import FileChange, Severity

DIFFERS, MANIFEST = "differs", "manifest"
"""See `FileChange.package_state`."""


def state(
    path: bytes, owners: Sequence[Owned], record: FileChange, md5: bytes | None
) -> str | None:
    """Return what is wrong with what a package owns, None where nothing is.

    *path* is below the root of the packages; *md5* is that of the content now.
    """
    if path.startswith(INFO):
        return MANIFEST
    firm = [owner for owner in owners if not owner.conffile]
    sums = {owner.md5 for owner in firm if owner.md5 is not None}
    if not firm or record.type == "dir":
        return None
    if record.action == "deleted" or record.type != "file":
        return DIFFERS
    rights = record.previous_mode is not None or record.previous_uid is not None
    return DIFFERS if rights or not sums or md5 not in sums else None


def weigh(found: str | None) -> Severity | None:
    """Return the severity of a change with this state; None: as any other file."""
    return {MANIFEST: Severity.HIGH, DIFFERS: Severity.MEDIUM}.get(found or "")
