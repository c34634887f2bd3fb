"""Private keys in PuTTY's own format."""

from __future__ import annotations

import re

from signatures.identifiers.base import Finder, every
from signatures.identifiers.private_key import PRIVATE_KEY

_BODY = re.compile(
    rb"PuTTY-User-Key-File-[23]: [^\r\n]{3,40}[\r\n][^\0]{0,4000}?Private-Lines: [0-9]{1,3}\r?\n"
    rb"((?:[A-Za-z0-9+/=]{1,80}\r?\n){1,200})"
)


FINDER = Finder("putty_key", PRIVATE_KEY, every(_BODY), 0.99)
"""Source: PuTTY user manual, appendix "PPK file format"."""
