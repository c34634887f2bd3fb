"""From a path to its role. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from collectors.files.meaning.catalogue import BY_NAME, CONFIGURATION, ROLES, Role
from collectors.files.scope import below

_PASSING = re.compile(
    rb".*(?:\.dpkg-(?:new|tmp|old|dist|bak)|\.rpm(?:new|save|orig)|\.ucf-(?:dist|old|new)|\.sw[opx]"
    rb"|~|/4913|/\.placeholder|/crontabs/tmp\.[^/]+|/\.#[^/]+|/#[^/]+#|\.pyc)",
    re.DOTALL,
)
"""What package managers and editors leave for a moment and no program reads."""

_ALL = re.compile(
    "|".join(f"(?P<{role.name}>{'|'.join(role.patterns)})" for role in ROLES).encode(), re.DOTALL
)
_CONFIGURATION = re.compile(CONFIGURATION.encode(), re.DOTALL)


class Roles:
    """The roles of one host."""

    def __init__(self, root: bytes = b"/", own: Iterable[bytes] = ()) -> None:
        """*root*: where the host's file system begins. *own*: full paths that belong to Ronda."""
        self._root = root.rstrip(b"/")
        self._own = tuple(own)

    def of(self, path: bytes) -> Role | None:
        """Return the role of the full *path* (raw or guarded)."""
        if any(below(path, own) for own in self._own):
            return BY_NAME["ronda"]
        inner = self.inner(path)
        if inner is None or _PASSING.fullmatch(inner):
            return None
        found = _ALL.fullmatch(inner)
        return BY_NAME[found.lastgroup] if found is not None and found.lastgroup else None

    def configuration(self, path: bytes) -> bool:
        """Tell whether a change of *path* is worth a diff, as far as the name goes."""
        role = self.of(path)
        if role is not None:
            return role.text
        inner = self.inner(path)
        return (
            inner is not None
            and _CONFIGURATION.fullmatch(inner) is not None
            and _PASSING.fullmatch(inner) is None
        )

    def inner(self, path: bytes) -> bytes | None:
        """Return *path* as the host sees it, None when it is outside."""
        if not path.startswith(self._root + b"/"):
            return None
        return path[len(self._root) :]
