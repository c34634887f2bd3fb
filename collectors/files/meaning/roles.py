"""From a path to its role. Pure."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

from collectors.files.meaning.catalogue import BY_NAME, CONFIGURATION, ROLES, Role
from collectors.files.scope import Own

_PASSING = re.compile(
    rb".*(?:\.dpkg-(?:new|tmp|old|dist|bak)|\.rpm(?:new|save|orig)|\.ucf-(?:dist|old|new)|\.sw[opx]"
    rb"|~|/4913|/\.placeholder|/crontabs/tmp\.[^/]+|/\.#[^/]+|/#[^/]+#|\.pyc)",
    re.DOTALL,
)
"""What package managers and editors leave for a moment and no program reads."""

_ANYWHERE = "(?:/[^/]+)+/"


def _compile(top: str = "") -> re.Pattern[bytes]:
    """Return all patterns that can fit a path below ``/top``, by what stands in them; "": all."""
    parts = []
    for role in ROLES:
        fitting = [
            each for each in role.patterns if top in each or each.startswith(_ANYWHERE) or not top
        ]
        if fitting:
            parts.append(f"(?P<{role.name}>{'|'.join(fitting)})")
    return re.compile("|".join(parts).encode(), re.DOTALL)


_ALL = _compile()
_ELSEWHERE = _compile("/?")
_TOPS = {
    name.encode(): _compile(name.removesuffix("64"))
    for name in ["boot", "etc", "home", "lib", "lib64", "opt", "root", "run", "srv", "usr", "var"]
}
"""By the first directory: an alternation is tried from its first branch to its last."""
_GATE = re.compile(
    rb"/(?:etc|lib|lib64|boot|run)/|/usr/(?!share/(?!dbus|polkit|keyrings|systemd|ronda))|/var/(?:spool|lib|log|ossec)/|/\.|/opt/ronda|/web\.config"
    rb"|/(?:php\.ini|wp-config|config|settings|local_settings|database|db|koneksi)[^/]*\Z",
    re.DOTALL,
)
"""What every path with a role has: most others are told apart ten times faster."""
_CONFIGURATION = re.compile(CONFIGURATION.encode(), re.DOTALL)


_USUAL = b"/var/www"
"""Where most hosts keep what they hand out; patterns know it."""


class Roles:
    """The roles of one host."""

    def __init__(
        self, root: bytes = b"/", own: Iterable[Own] = (), web_roots: Iterable[bytes] = ()
    ) -> None:
        """*root*: where the host's file system begins. *own*: what belongs to Ronda.

        *web_roots*: what web servers hand out, as full paths without symbolic links.
        """
        self._root = root.rstrip(b"/")
        self._own = tuple(own)
        self._web_roots = tuple(root.rstrip(b"/") for root in web_roots)
        self.of = functools.lru_cache(maxsize=1024)(self._of)
        """Return the role of the full path (raw or guarded), None when it has none."""

    def _of(self, path: bytes) -> Role | None:
        if any(place.holds(path) for place in self._own):
            return BY_NAME["ronda"]
        inner = self.inner(path)
        role = None if inner is None else _by_pattern(inner)
        web_root = None if role is not None else self.web_root(path)
        # As it would be called in the usual place.
        return role if web_root is None else _by_pattern(_USUAL + path[len(web_root) :])

    def web_root(self, path: bytes) -> bytes | None:
        """Return the web root that *path* lies in, None when it lies in none."""
        return next((root for root in self._web_roots if path.startswith(root + b"/")), None)

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


def _by_pattern(inner: bytes) -> Role | None:
    if not _GATE.search(inner) or _PASSING.fullmatch(inner):
        return None
    found = _TOPS.get(inner.split(b"/", 2)[1], _ELSEWHERE).fullmatch(inner)
    return BY_NAME[found.lastgroup] if found is not None and found.lastgroup else None
