"""Git checkouts: finding the one that holds a file, and comparing the file with its index.

Nothing of git is run. What git wrote is read by the bounded child (`collectors.content.git`).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import time
from collections.abc import Callable, Container
from typing import Any, NamedTuple

import msgspec

from collectors.child import BoundedChild, ChildError, Limits
from collectors.files.compare import Row
from collectors.files.hashing import open_file
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
_CHUNK = 1 << 20
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_SETTLED_NS = 10_000_000_000
"""A deletion counts as git's when the index was written so short a time before."""

COMMITTED, MODIFIED, UNTRACKED = "committed", "modified", "untracked"


class Checkout(NamedTuple):
    """A work tree and where its git directory is; real paths."""

    work: bytes
    git: bytes


class Entry(NamedTuple):
    """What the index has of a file."""

    flags: int
    oid: bytes
    numbers: tuple[int, ...]
    """ctime s, ns, mtime s, ns, dev, ino, mode, uid, gid, size; 32 bits each."""


class Listing(NamedTuple):
    """What the index has of a directory."""

    known: bool
    """Something in it or below it is tracked."""
    entries: dict[bytes, Entry]
    written: int
    """mtime of the index, ns."""
    changed: int
    """ctime of the index, ns."""

    def recent(self, now: int) -> bool:
        """Tell whether a deletion at *now*, ns, may be what wrote the index."""
        return abs(now - self.changed) < _SETTLED_NS


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


def unchanged(entry: Entry, row: Row, written: int) -> bool:
    """Tell whether git itself would take the file for unchanged, by stat(2) alone. Pure.

    *written*: mtime of the index; what was changed no earlier may have changed since (racy git).
    """
    low = 0xFFFFFFFF
    (mtime, mtime_ns), (ctime, ctime_ns) = divmod(row.mtime, 10**9), divmod(row.ctime, 10**9)
    numbers = entry.numbers
    if (numbers[9], numbers[5]) != (row.size & low, row.inode & low) or row.mtime >= written:
        return False
    if (numbers[7], numbers[8]) != (row.uid & low, row.gid & low):
        return False
    # A git without nanoseconds stores zero there: too coarse for us, the content decides.
    return numbers[:4] == (ctime & low, ctime_ns, mtime & low, mtime_ns)


def state_of(
    listing: Listing,
    name: bytes,
    row: Row | None,
    *,
    now: int,
    had: bool,
    blob: Callable[[str], bytes | None],
) -> str:
    """Return ``committed``, ``modified`` or ``untracked``.

    *row*: what is there, None when it is gone; *now*: ns since 1970; *had*: the index had the name
    before; *blob* returns the object id of the content by ``sha1`` or ``sha256``.
    """
    entry = listing.entries.get(name)
    if row is None:
        if entry is not None:
            return MODIFIED
        return COMMITTED if had and listing.recent(now) else UNTRACKED
    if entry is None:
        return UNTRACKED
    if entry.flags >> 12 & 3 or not _same_mode(entry.numbers[6], row.mode):
        return MODIFIED
    if stat.S_IFMT(entry.numbers[6]) == 0o160000:
        return COMMITTED  # the place of a submodule; its files have an index of their own
    if stat.S_ISREG(row.mode) and unchanged(entry, row, listing.written):
        return COMMITTED
    return COMMITTED if blob(_ALGORITHM[len(entry.oid)]) == entry.oid else MODIFIED


_ALGORITHM = {20: "sha1", 32: "sha256"}


def _same_mode(tracked: int, mode: int) -> bool:
    kind = stat.S_IFMT(tracked)
    if kind == 0o160000:
        return stat.S_ISDIR(mode)
    if kind != stat.S_IFMT(mode):
        return False
    # Of the bits git keeps one: executable by the owner. It never sets setuid or setgid.
    return not stat.S_ISREG(mode) or (
        not mode & 0o7000 and bool(mode & 0o100) == bool(tracked & 0o100)
    )


def blob_of_file(
    name: bytes, directory: int | None, limit: int, algorithm: str, pulse: Callable[[], None]
) -> bytes | None:
    """Return git's object id of a file; None when it is larger than *limit* or cannot be read."""
    try:
        descriptor = open_file(name, directory)
    except OSError:
        return None
    try:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode) or state.st_size > limit:
            return None
        digest = hashlib.new(algorithm, b"blob %d\0" % state.st_size, usedforsecurity=False)
        offset = 0
        while chunk := os.pread(descriptor, _CHUNK, offset):
            digest.update(chunk)
            offset += len(chunk)
            if offset > state.st_size:
                return None
            pulse()
        return digest.digest() if offset == state.st_size else None
    except OSError:
        return None
    finally:
        os.close(descriptor)


def blob_of_bytes(data: bytes, algorithm: str) -> bytes:
    """Return git's object id of *data*: the target of a symbolic link."""
    return hashlib.new(algorithm, b"blob %d\0" % len(data) + data, usedforsecurity=False).digest()
