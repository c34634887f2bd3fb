"""What goes into the child that masks lines and what comes out of it (msgpack)."""

from __future__ import annotations

import msgspec

TARGET = "collectors.content.lines:start"

MOST_BYTES = 256 << 10
"""Larger files are not looked into."""
MOST_LINES = 10_000
LONGEST = 300
"""Characters of a line that are kept."""

TEXT = "text"
BINARY = "binary"
TOO_LARGE = "too large"
UNREADABLE = "unreadable"

PASSWD, SHADOW = "passwd", "shadow"
SUPERUSER = "superuser"
"""An account with number 0 that is not the first one named root."""
PASSWORDLESS = "passwordless"
"""An account that lets anybody in who knows its name."""


class LinesInit(msgspec.Struct, frozen=True, kw_only=True):
    """Given once, when the child starts."""

    key: bytes
    """Of this host alone: hashes of lines say nothing elsewhere."""


class LinesRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One file; its descriptor rides beside the request."""

    style: str = "plain"
    """``plain``: what looks secret is masked. ``words``: names that look secret are no reason
    (sudoers, PAM and keys that are public speak of passwords and keys all the time). ``secret``:
    nothing but the names in front of the first colon is shown."""
    accounts: str = ""
    """``passwd`` or ``shadow``: the lines are accounts; what matters of them is looked for."""


class LinesResult(msgspec.Struct, frozen=True, kw_only=True):
    """The lines of a file. Nothing in it is raw."""

    outcome: str
    """``text``, ``binary``, ``too large`` or ``unreadable``."""
    sha256: bytes = b""
    """Of what was read."""
    lines: list[tuple[bytes, str]] = []
    """Keyed hash of the raw line, and the line as it may be shown."""
    notable: list[tuple[int, str, str]] = []
    """Of accounts: index of the line, ``superuser`` or ``passwordless``, name to be shown."""
