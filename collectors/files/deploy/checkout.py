"""Git checkouts: finding the one that holds a file, and asking what its index has.

Nothing of git is run. What git wrote is read by the bounded child (`collectors.content.git`).
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections.abc import Container
from typing import Any, NamedTuple

import msgspec

from collectors.child import BoundedChild, ChildError, Limits
from collectors.files.deploy.indexed import Entry, Listing
from collectors.files.scope import join, split

TARGET = "collectors.content.git:start"
_LIMITS = Limits(memory=384 << 20, cpu=30, descriptors=16, requests=20_000)
_TIMEOUT = 20.0
_DEPTH = 64
"""Directories above a file in which a checkout is looked for."""
_FRESH = 5.0
"""Seconds for which an answer about a directory is believed."""
_CACHED = 4096
_PAUSE = 60.0
"""Seconds for which a checkout whose index brought the child down is left alone."""
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Checkout(NamedTuple):
    """A work tree and where its git directory is; real paths."""

    work: bytes
    git: bytes


class Reader:
    """Asks the child. All calls from the sensor's worker."""

    def __init__(self) -> None:
        self._child = BoundedChild(TARGET, limits=_LIMITS)
        self._used = 0.0
        self._links: dict[bytes, tuple[float, Checkout | None]] = {}
        self._listing: tuple[Any, Listing | None] = (None, None)
        self._avoid: dict[bytes, float] = {}
        self.trouble = ""
        """Why the last index could not be read: ``split``, ``sparse``, ``malformed`` ..."""

    def close(self) -> None:
        """End the child."""
        self._child.close()

    def rest(self, seconds: float = 20.0) -> None:
        """End the child when it was not needed for so long."""
        if self._child.running and time.monotonic() - self._used > seconds:
            self._child.close()
            self._listing = (None, None)

    def find(self, directory: bytes) -> Checkout | None:
        """Return the checkout that holds *directory*: the nearest one above."""
        now = time.monotonic()
        found = self._links.get(directory)
        if found is not None and now - found[0] < _FRESH:
            return found[1]
        if len(self._links) >= _CACHED:
            self._links.clear()
        above = directory
        checkout = None
        for _ in range(_DEPTH):
            checkout = self._at(above)
            if checkout is not None or above in (b"/", b""):
                break
            above = split(above)[0]
        self._links[directory] = (now, checkout)
        return checkout

    def _at(self, work: bytes) -> Checkout | None:
        path = join(work, b".git")
        try:
            state = os.lstat(path)
        except OSError:
            return None
        if stat.S_ISDIR(state.st_mode):
            return Checkout(work, path)
        if not stat.S_ISREG(state.st_mode):
            return None
        leads = self._ask(path, "link")
        if not isinstance(leads, bytes):
            return None
        real = os.path.realpath(os.path.join(work, leads))
        with contextlib.suppress(OSError):
            # As git's safe.directory: the git directory of somebody else says nothing.
            if os.stat(real).st_uid in (0, state.st_uid):
                return Checkout(work, real)
        return None

    def locked(self, checkout: Checkout) -> os.stat_result | None:
        """Return the state of the lock that git holds while it changes files, if it does."""
        try:
            return os.lstat(checkout.git + b"/index.lock")
        except OSError:
            return None

    def owner(self, checkout: Checkout) -> int | None:
        """Return the user whose the index is."""
        try:
            return os.lstat(checkout.git + b"/index").st_uid
        except OSError:
            return None

    def open_to(self, checkout: Checkout, users: Container[int], groups: Container[int]) -> bool:
        """Tell whether one of *users* or *groups*, or everybody, can replace or write the index."""
        for path in (checkout.git, checkout.git + b"/index"):
            with contextlib.suppress(OSError):
                state = os.lstat(path)
                if (
                    state.st_uid in users
                    or state.st_mode & 0o002
                    or (state.st_mode & 0o020 and state.st_gid in groups)
                ):
                    return True
        return False

    def listing(self, checkout: Checkout, directory: bytes) -> Listing | None:
        """Return what the index has of *directory* (a real path); None when it cannot be read."""
        path = checkout.git + b"/index"
        try:
            state = os.lstat(path)
        except OSError:
            self.trouble = "missing"
            return None
        where = directory[len(checkout.work.rstrip(b"/")) + 1 :]
        key = (path, where, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
        if self._listing[0] == key:
            return self._listing[1]
        answer = self._ask(path, "directory", where)
        listing = None
        if isinstance(answer, list):
            known, entries = answer
            by_name = {name: Entry(flags, oid, tuple(n)) for name, flags, oid, n in entries}
            listing = Listing(known, by_name, state.st_mtime_ns, state.st_ctime_ns)
        else:
            self.trouble = str(answer or "unreadable")
        self._listing = (key, listing)
        return listing

    def tracked(self, checkout: Checkout) -> bytes | None:
        """Return hashes of what the index has (see `collectors.content.git.hashes`)."""
        answer = self._ask(checkout.git + b"/index", "tracked")
        return answer if isinstance(answer, bytes) else None

    def head(self, checkout: Checkout) -> str:
        """Return branch and commit of HEAD for people, not yet scrubbed; empty if unknown."""
        found = self._ask(checkout.git + b"/HEAD", "head")
        if not isinstance(found, list):
            return ""
        value: bytes = found[1]
        if found[0] == "commit":
            return value[:12].decode()
        commit = None
        for base in (checkout.git, self._common(checkout)):
            loose = self._ask(join(base, value), "head")
            if isinstance(loose, list) and loose[0] == "commit":
                commit = loose[1]
                break
        if commit is None:
            commit = self._ask(self._common(checkout) + b"/packed-refs", "packed", value)
        name = value.removeprefix(b"refs/heads/").decode("utf-8", "surrogateescape")
        return f"{name} at {commit[:12].decode()}" if isinstance(commit, bytes) else name

    def _common(self, checkout: Checkout) -> bytes:
        """Return the directory that the work trees of a repository share."""
        path = checkout.git + b"/commondir"
        leads = self._ask(path, "link") if os.path.lexists(path) else None
        if not isinstance(leads, bytes):
            return checkout.git
        return os.path.realpath(os.path.join(checkout.git, leads))

    def _ask(self, path: bytes, word: str, argument: bytes = b"") -> Any:
        """Return the child's answer about the file *path*; None when there is none."""
        now = time.monotonic()
        if self._avoid.get(path, 0.0) > now:
            return None
        try:
            descriptor = os.open(path, _FILE)
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                raise
            return None
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            self._used = now
            request = msgspec.msgpack.encode((word, argument))
            return msgspec.msgpack.decode(self._child.call(request, [descriptor], _TIMEOUT))
        except ChildError as error:
            self.trouble = error.cause
            if len(self._avoid) >= _CACHED:
                self._avoid.clear()
            self._avoid[path] = now + _PAUSE
            return None
        finally:
            os.close(descriptor)
