"""Whether and how well fanotify works here: found by trying."""

from __future__ import annotations

import errno
import os

from collectors.files.sources import fanotify_api as api

_NAMED = api.REPORT_DIR_FID | api.REPORT_NAME
_UNMERGED = _NAMED | api.REPORT_FID | api.REPORT_TARGET_FID


def open_group(unmerged: bool | None = None) -> tuple[int, bool]:
    """Return a group that reports names, and whether it tells files under one name apart.

    Raises:
        OSError: see `fanotify_api.init`.
    """
    flags = api.UNLIMITED_QUEUE | api.UNLIMITED_MARKS
    if unmerged is not False:
        try:
            group = api.init(flags | _UNMERGED)
        except OSError:
            if unmerged:
                raise
        else:
            if _knows_rename(group):
                return group, True
            os.close(group)
    return api.init(flags | _NAMED), False


def _knows_rename(group: int) -> bool:
    """Try a mark that needs no file system: on a directory, for FAN_RENAME."""
    descriptor = os.open("/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        api.mark(group, 0, api.RENAME | api.ONDIR, descriptor)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def why_not(error: OSError) -> str:
    """Return in one sentence why there is no group."""
    if error.errno == errno.EPERM:
        return (
            "fanotify needs CAP_SYS_ADMIN and its calls in the unit's filter"
            " (drop-in who-data.conf)"
        )
    if error.errno in (errno.EINVAL, errno.ENOSYS):
        return "this kernel's fanotify does not report names (Linux 5.9 does)"
    return f"fanotify: {error.strerror}"
