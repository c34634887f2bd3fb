"""What the command line may ask of the sensor, and what it answers; `mailbox` carries both.

Paths in a request have passed the path guard and its reason is scrubbed: it lies on disk.
"""

from __future__ import annotations

import os
import pwd
import re
import secrets
from pathlib import Path
from typing import NamedTuple

import msgspec

from collectors.files.who.proc import login

MAX_PATHS = 32


class Request(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="do", forbid_unknown_fields=True
):
    """What all requests say."""

    id: str
    """32 hexadecimal digits, as in the file's name."""
    by: str
    """Numeric user who gave the command."""
    made: int
    """ns since 1970: when."""
    reason: str = ""
    """Scrubbed."""


class Expect(Request, frozen=True, kw_only=True, tag="expect"):
    """Announce a deployment."""

    paths: tuple[bytes, ...]
    """Guarded, absolute."""
    seconds: float
    boot: str
    """Boot id of the kernel when the command was given."""
    since_boot: float
    """Seconds of CLOCK_BOOTTIME when the command was given."""


class Close(Request, frozen=True, kw_only=True, tag="close"):
    """End a window before its time."""

    window: str


class Accept(Request, frozen=True, kw_only=True, tag="accept"):
    """Make the state of these paths the reference."""

    paths: tuple[bytes, ...] = ()
    """Guarded, absolute; none: everything."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a request."""

    done: bool
    """False: refused."""
    text: str
    """One sentence for people, scrubbed."""
    window: str = ""
    until: int = 0
    """ns since 1970."""
    entries: int = 0


Any = Expect | Close | Accept


class Author(NamedTuple):
    """Who gives a command."""

    uid: str
    """Numeric."""
    source: str
    """``login`` (the kernel's login user), ``sudo`` or ``user``."""


def author(loginuid: Path = Path("/proc/self/loginuid")) -> Author:
    """Return who runs this process: the login user stays through sudo and su."""
    number = login(loginuid)
    if number is not None:
        return Author(str(number), "login")
    said = os.environ.get("SUDO_UID", "")
    if os.geteuid() == 0 and re.fullmatch(r"[0-9]{1,10}", said):
        return Author(said, "sudo")
    return Author(str(os.getuid()), "user")


def name_of(uid: str) -> str:
    """Return the account of a numeric user, or the number."""
    try:
        return pwd.getpwuid(int(uid)).pw_name
    except (KeyError, ValueError):
        return uid


def new_id() -> str:
    """Return an id that nobody can guess."""
    return secrets.token_hex(16)
