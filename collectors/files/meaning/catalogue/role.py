"""The form of an entry of the catalogue."""

from __future__ import annotations

from typing import NamedTuple

from collectors.kinds import Severity

HOME = r"(?:/root|/home/[^/]+|/var/www|/var/lib/[^/]+|/srv/[^/]+|/opt/[^/]+)"
"""Any home directory."""
LIB = r"(?:/usr)?/lib(?:64)?"
SYSTEMD = rf"(?:/etc|/run|/usr/local/lib|{LIB})/systemd"

LOW, MEDIUM, HIGH, CRITICAL = Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL


class Role(NamedTuple):
    """What a file decides."""

    name: str
    """As in ``ronda.file.role``."""
    severity: Severity
    """Of a creation or a new content."""
    techniques: tuple[str, ...]
    patterns: tuple[str, ...]
    deleted: Severity = Severity.LOW
    """Of a deletion."""
    text: bool = True
    """People write it: its changes are shown as a diff."""
    secret: bool = False
    """Nothing but line numbers and the names in front of the lines is ever shown."""
