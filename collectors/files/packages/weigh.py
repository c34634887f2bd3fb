"""How much a change counts that no transaction explains. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from collectors.files.packages.index import Owned
from collectors.files.packages.places import INFO
from collectors.kinds import FileChange, Severity

DIFFERS, MANIFEST = "differs", "manifest"
"""See `FileChange.package_state`."""


def state(
    path: bytes,
    owners: Sequence[Owned],
    record: FileChange,
    md5: bytes | None,
    own: bytes = INFO,
) -> str | None:
    """Return what is wrong with what a package owns, None where nothing is.

    *path* is below the root of the packages; *md5* is that of the content now; *own* is where the
    manifests are.
    """
    if path.startswith(own):
        return MANIFEST
    firm = [owner for owner in owners if not owner.conffile]
    sums = {owner.digest for owner in firm if owner.digest is not None}
    if not firm or record.type == "dir":
        return None
    if record.action == "deleted" or record.type != "file":
        return DIFFERS
    rights = record.previous_mode is not None or record.previous_uid is not None
    now = {md5, bytes.fromhex(record.sha256) if record.sha256 else None}
    return DIFFERS if rights or not sums & now else None


def weigh(found: str | None) -> Severity | None:
    """Return the severity of a change with this state; None: as any other file."""
    return {MANIFEST: Severity.HIGH, DIFFERS: Severity.MEDIUM}.get(found or "")
