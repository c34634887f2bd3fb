"""The files sensor: what came, changed and went on this host.

One worker thread does everything but reading the kernel's queue: it takes what is dirty, looks at
the disk, compares with the baseline, tells. It sleeps while nothing happens.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from collectors.api import Coverage, SensorContext, Settings, Unsupported
from collectors.files.baseline import Baseline, set_aside
from collectors.files.meaning.own import own_places
from collectors.files.meaning.roles import Roles
from collectors.files.order import Order
from collectors.files.packages.choose import choose
from collectors.files.scope import make_scope, resolve_roots
from collectors.files.settings import DEFAULT_PATHS, FileSettings
from collectors.files.status import Status
from collectors.kinds import (
    BaselineAccepted,
    BaselineRoot,
    ChangeWindow,
    FileChange,
    PackageInventory,
    PackageTransaction,
    Record,
    VisibilityLost,
)
from collectors.paths import SafePath

_log = logging.getLogger(__name__)
_INOTIFY = Path("/proc/sys/fs/inotify")


class FilesSensor:
    """See `collectors.api.Sensor`."""

    name: ClassVar[str] = "files"
    settings_type: ClassVar[type[Settings]] = FileSettings
    emits: ClassVar[frozenset[type[Record]]] = frozenset(
        {
            FileChange,
            PackageInventory,
            PackageTransaction,
            VisibilityLost,
            ChangeWindow,
            BaselineAccepted,
            BaselineRoot,
        }
    )

    def __init__(
        self, settings: Settings, state_dir: Path, root: bytes = b"/", *, protect: bool = True
    ) -> None:
        """*state_dir* is the sensor's own directory, ``<agent>/sensors/files``.

        *root*: where the host's file system begins: its packages, what its paths mean.
        *protect*: watch the agent's own files, too.
        """
        if not isinstance(settings, FileSettings):
            raise TypeError(f"files needs FileSettings, not {type(settings).__name__}")
        self._settings = settings
        self._state_dir = state_dir
        self._root = root
        self._protect = protect
        self._status = Status()

    def check(self) -> list[str]:
        """Return warnings about paths and limits.

        Raises:
            Unsupported: no inotify in this kernel, or nothing to watch.
        """
        if not _INOTIFY.is_dir():
            raise Unsupported("this kernel has no inotify: no change can be seen as it happens")
        if not self._settings.paths:
            raise Unsupported("no paths to watch: set paths in [sensors.files]")
        warnings = []
        if not self._settings.rehash_seconds():
            warnings.append(
                "rehash_interval is 0: content that changes without a trace (a store through a"
                " mapping, a raw write to the disk) is never found"
            )
        present = [path for path in self._settings.paths if _lexists(path)]
        warnings += [
            f"path {path} cannot be read: give the agent CAP_DAC_READ_SEARCH, or leave it out"
            for path in present
            if not _readable(path)
        ]
        if not present:
            raise Unsupported("none of the paths in [sensors.files] exists")
        if self._settings.paths != DEFAULT_PATHS:
            warnings += [
                f"path {path} does not exist; it is watched when it appears"
                for path in self._settings.paths
                if path not in present
            ]
        warnings += [
            f"path {path} is not a directory: it is only compared at intervals"
            for path in present
            if _readable(path) and not os.path.isdir(path)
        ]
        limit = int((_INOTIFY / "max_user_watches").read_text())
        if limit < 65536:
            warnings.append(
                f"fs.inotify.max_user_watches is {limit}: one is needed for each directory;"
                " set it to 524288 in /etc/sysctl.d"
            )
        return warnings

    def run(self, context: SensorContext) -> None:
        """Watch until the agent stops.

        Raises:
            sqlite3.DatabaseError: the baseline is damaged; it has been moved aside, and the next
                run makes a new one.
            OSError: no inotify instance is to be had.
        """
        # Here, because the commands load all sensors and must not load watchdog.
        from collectors.files.worker import Worker

        packages = choose(self._root) if self._settings.packages else None
        # Who can write the manifests decides what folds: they are watched whatever is set.
        also = [] if packages is None else [os.fsdecode(packages.directory)]
        own = own_places(self._state_dir, sys.argv) if self._protect else []
        web_roots = resolve_roots(self._settings.web_roots)
        scope = make_scope(self._settings, self._state_dir, also, own)
        try:
            baseline = Baseline(context.state_dir)
            try:
                Worker(
                    self._settings,
                    scope,
                    baseline,
                    context,
                    self._status,
                    packages=packages,
                    roles=Roles(os.path.realpath(self._root), own, web_roots),
                    order=Order(web_roots, own),
                ).run()
            finally:
                baseline.close()
        except sqlite3.DatabaseError as error:
            if _damaged(error):
                kept = set_aside(context.state_dir, time.time_ns())
                _log.error("files: the baseline is damaged (%s); kept as %s", error, kept)
            raise

    def coverage(self) -> Coverage:
        """Return what is watched and what is not."""
        return self._status.coverage()

    def offer(self, paths: Sequence[SafePath]) -> None:
        """Do nothing: this sensor finds changes itself."""


def _readable(path: str) -> bool:
    """Ask with the capabilities that the agent has: access(2) alone leaves them out."""
    return os.access(path, os.R_OK, effective_ids=True)


def _lexists(path: str) -> bool:
    """Tell whether *path* may be there: out of reach is not absent."""
    try:
        os.lstat(path)
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def _damaged(error: sqlite3.DatabaseError) -> bool:
    # OperationalError (disk full, locked) says nothing about the file; Python 3.10 has no codes.
    text = str(error)
    return "malformed" in text or "not a database" in text
