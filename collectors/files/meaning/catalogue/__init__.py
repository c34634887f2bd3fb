"""Which paths decide what on a Linux server: roles as data.

Techniques are those of MITRE ATT&CK for Enterprise, version 18 (version 19 files T1562 and
T1070.002 under T1685). Patterns are regular expressions over a whole path below the host's root.
The first role that fits counts. Adding one: an entry here, a line in the test's table.
"""

from __future__ import annotations

from collectors.files.meaning.catalogue import access, defence, services, start
from collectors.files.meaning.catalogue.role import Role

__all__ = ["BY_NAME", "CONFIGURATION", "ROLES", "Role"]

ROLES = (*defence.ROLES, *access.ROLES, *start.ROLES, *services.ROLES)
"""Names are unique: a role has one severity."""

BY_NAME = {role.name: role for role in ROLES}

CONFIGURATION = r"/etc/.+"
"""Text files here that have no role are shown as a diff, too."""
