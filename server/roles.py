"""One role of the collector in a process of its own."""

from __future__ import annotations

import ctypes
import importlib
import logging
import os
import signal
import sqlite3
import sys
from pathlib import Path

import msgspec

from server.config import ConfigError, ServerConfig, load

ROLES = {
    "ingest": "server.ingest.role",
    "detect": "server.detect.role",
    "api": "server.api.role",
}
READY_FD = "RONDA_READY_FD"
PARENT = "RONDA_PARENT_PID"
COMMAND = "from server.roles import main; main()"
"""For ``python -P -c``: ``-m`` would run this module twice under two names."""
_PR_SET_PDEATHSIG = 1  # linux/prctl.h

log = logging.getLogger(__name__)


class RoleFailed(OSError):  # noqa: N818 - named for what happened
    """A role cannot go on; ``str()`` says what to do. The parent starts it again."""


def require_initialised(config: ServerConfig) -> None:
    """Check that ``ronda server init`` has been run.

    Raises:
        RoleFailed: it has not.
    """
    if not (config.ca_dir / "ca.crt").exists():
        raise RoleFailed(f"{config.state_dir} is not initialised: run ronda server init first")


def report_ready() -> None:
    """Tell the parent that this role serves; does nothing in a role that has no parent."""
    fd = os.environ.pop(READY_FD, None)
    if fd is not None:
        os.write(int(fd), b"1")
        os.close(int(fd))


def reread(config: ServerConfig) -> ServerConfig:
    """Return *config* with what SIGHUP may change, or as it was when the file has a mistake."""
    try:
        new = load(config.path)
    except (ConfigError, OSError) as error:
        log.error("settings not reloaded: %s", error)  # noqa: TRY400 - one line for the operator
        return config
    kept = msgspec.structs.replace(
        config, language=new.language, alerts=new.alerts, notify=new.notify
    )
    if kept != new:
        log.warning("only language, [alerts] and [notify] are reloaded: the rest needs a restart")
    return kept


def run_role(config: ServerConfig, role: str) -> None:
    """Run *role* until SIGTERM or SIGINT.

    Raises:
        KeyError: there is no such role.
        ImportError: it is not installed.
    """
    importlib.import_module(ROLES[role]).run(config)


def main() -> None:
    """Entry of a role's process: role and settings file in ``argv[1:3]``."""
    _die_with_parent()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the role has its own handler
    role, path = sys.argv[1:3]
    os.umask(0o077)
    # systemd's journal adds the time.
    logging.basicConfig(
        level=logging.INFO, format=f"{role}: %(levelname)s %(message)s", stream=sys.stderr
    )
    try:
        run_role(load(Path(path)), role)
    except (ConfigError, OSError, ValueError, sqlite3.Error) as error:
        # What an operator can mend is one line; a mistake of ours keeps its traceback.
        log.error("%s", error)  # noqa: TRY400
        sys.exit(1)


def _die_with_parent() -> None:
    parent = os.environ.pop(PARENT, None)
    if parent is None:
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != int(parent):  # it died before we asked
        sys.exit(1)
