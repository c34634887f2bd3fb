"""Which package manager's database is the host's."""

from __future__ import annotations

import os

from collectors.files.packages.database import Database
from collectors.files.packages.dpkg import DpkgDatabase
from collectors.files.packages.rpm.database import RpmDatabase


def choose(root: bytes = b"/") -> Database | None:
    """Return the database below *root*, None where there is none.

    Where both are, dpkg's counts if it knows any package: rpm on Debian is a tool (alien, building
    for others), as dpkg is on Fedora.
    """
    dpkg, rpm = DpkgDatabase(root), RpmDatabase(root)
    if dpkg.present() and (os.path.getsize(dpkg.status) or not rpm.present()):
        return dpkg
    return rpm if rpm.present() else None
