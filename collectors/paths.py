"""Paths that may be named after a citizen.

A path is bytes inside. Before it is stored, logged or reported, each component that holds an
identifier (``ktp_<NIK>.jpg``) is replaced by its masked form and a token under a key that never
leaves this host; all other paths stay as they are. ``ronda-agent locate TOKEN`` finds the file.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import os
import re
from typing import NewType

from collectors.kinds import Scrubbed
from collectors.redact import escape, mask_found, scrub

SafePath = NewType("SafePath", bytes)
"""A path whose components passed `PathGuard`; safe to store."""

# A NUL cannot stand in a file name, so it marks a replaced component without ambiguity.
_MARK = b"\0"
_SHOWN_TOKEN = 8
_ENDING = re.compile(rb"(?:\.[A-Za-z0-9]{1,10}){1,2}\Z")


class PathGuard:
    """Replaces telling components, shows paths, and finds the real ones again."""

    def __init__(self, key: bytes) -> None:
        """*key* is local to this host (``identity/path.key``).

        Raises:
            ValueError: the key is shorter than 32 bytes.
        """
        if len(key) < 32:
            raise ValueError("the path key must have 32 bytes or more")
        self._key = key
        self._cached = functools.lru_cache(maxsize=4096)(self._guard_name)

    def derive(self, purpose: bytes) -> bytes:
        """Return a key of this host for *purpose*: 32 bytes that say nothing about another."""
        return hmac.digest(self._key, b"\0derive\0" + purpose, hashlib.sha256)

    def guard_name(self, name: bytes) -> bytes:
        """Return one component as it may be stored. A stored component comes back unchanged."""
        if name[:1] == _MARK:
            return name
        return self._cached(name)

    def _guard_name(self, name: bytes) -> bytes:
        masked = mask_found(name)
        if masked is name or masked == name:
            return name
        return _MARK + masked + _MARK + self._digest(name)

    def _digest(self, data: bytes) -> bytes:
        return hmac.digest(self._key, data, hashlib.sha256)[:16].hex().encode()

    def guard(self, path: bytes) -> SafePath:
        """Return *path* as it may be stored."""
        return SafePath(b"/".join([self.guard_name(part) for part in path.split(b"/")]))

    def display(self, path: SafePath) -> Scrubbed:
        """Return *path* as people see it: masked components with ``~`` and the start
        of the token before the ending (``ktp_1571**********23~9f2c11ab.jpg``).
        """
        if not _replaced(path):
            text = path.decode("utf-8", "surrogateescape")
            # Identifiers that only a whole path shows (a URL with credentials) are masked here.
            return scrub(text)
        shown = b"/".join([self._shown(part) for part in path.split(b"/")])
        return Scrubbed(escape(shown.decode("utf-8", "surrogateescape")))

    @staticmethod
    def _shown(part: bytes) -> bytes:
        if part[:1] != _MARK:
            return part
        _, masked, token = part.split(_MARK, 2)
        # The ending stays one: rules, scores and formats go by it.
        ending = _ENDING.search(masked)
        at = ending.start() if ending else len(masked)
        return masked[:at] + b"~" + token[:_SHOWN_TOKEN] + masked[at:]

    def token(self, path: SafePath) -> str | None:
        """Return what ``locate`` takes for *path*, or None where nothing was replaced."""
        return self._digest(path).decode() if _replaced(path) else None

    def resolve(self, path: SafePath) -> bytes | None:
        """Return the real path, or None when a replaced component cannot be found any more.

        Reads directories only for replaced components.
        """
        if not _replaced(path):
            return bytes(path)
        real: list[bytes] = []
        for part in path.split(b"/"):
            if part[:1] != _MARK:
                real.append(part)
                continue
            name = self._find_name(b"/".join(real) or b"/", part)
            if name is None:
                return None
            real.append(name)
        return b"/".join(real)

    def _find_name(self, directory: bytes, guarded: bytes) -> bytes | None:
        try:
            with os.scandir(directory) as entries:
                for entry in entries:
                    if self._guard_name(entry.name) == guarded:
                        return entry.name
        except OSError:
            return None
        return None


def _replaced(path: bytes) -> bool:
    return _MARK in path
