"""Which roles of this collector run, as the process table shows it.

The parent process keeps no record that others could read, and a record would outlive a crash:
the kernel's table does not.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Sequence
from pathlib import Path

from server.roles import COMMAND, ROLES


def role_of(argv: Sequence[str], config: str) -> str | None:
    """Return the role that a process with *argv* plays for the settings file *config*. Pure."""
    words = list(argv)
    if COMMAND in words:
        role, path = [*words[words.index(COMMAND) + 1 :], "", ""][:2]
        return role if role in ROLES and path == config else None
    # Started alone, by hand or by a unit of its own: its settings may come from the environment.
    for word, following in itertools.pairwise(words):
        if word == "--role" and "run" in words and following in ROLES:
            return following
    return None


def running(config: Path, proc: str = "/proc") -> dict[str, str]:
    """Return ``up`` or ``down`` for each role. The asking process plays the role ``api``."""
    found = {"api"}
    own = os.geteuid()
    for name in os.listdir(proc):
        if not name.isdigit():
            continue
        # A process may end while we look, or belong to others: then it is not one of ours.
        with contextlib.suppress(OSError):
            if os.stat(f"{proc}/{name}").st_uid != own:
                continue
            with open(f"{proc}/{name}/cmdline", "rb") as file:
                argv = os.fsdecode(file.read()).split("\0")
            # A zombie has an empty command line.
            found.add(role_of(argv, str(config)) or "api")
    return {role: "up" if role in found else "down" for role in ROLES}
