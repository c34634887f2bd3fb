"""What a directory looks like, in one number: equal means that no row of it needs to be read.

The digest covers the name and the signature (`rows.packed`) of everything in the directory that is
not left out. It is stored beside the directory when all its rows agree with the disk and none has
to be hashed again, and removed with the first row that changes. So it says nothing that comparing
row by row would not say.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable

from collectors.files.rows import pack_state

Excluding = Callable[[bytes], object]
"""Tells whether a name is left out."""

_DIRECTORY = stat.S_IFDIR


class Gathered:
    """Names and signatures of one directory, as they are compared."""

    def __init__(self) -> None:
        self._items: list[bytes] | None = []

    def add(self, name: bytes, key: bytes, state: bytes | None) -> None:
        """Add a name; *state* None: it has to be looked at again, whatever the digest.

        A name that is stored masked (*key*) spoils the digest, which is not keyed: the name could
        be guessed from it.
        """
        if state is None or key != name:
            self._items = None
        elif self._items is not None:
            self._items.append(name + b"\0" + state)

    def digest(self) -> bytes | None:
        """Return the digest, None when the directory has to be compared name by name."""
        return None if self._items is None else _digest(self._items)


def unchanged(descriptor: int, seen: bytes, excluded: Excluding | None) -> list[bytes] | None:
    """Return the subdirectories of the open directory if it looks as it did when *seen* was made.

    None: something differs. This is what nearly all of a comparison of the tree consists of; there
    is nothing in it for each name but one system call and what the digest needs.
    """
    items: list[bytes] = []
    below: list[bytes] = []
    add, pack, encode = items.append, pack_state, os.fsencode
    with os.scandir(descriptor) as found:
        for entry in found:
            text = entry.name
            name = text.encode() if text.isascii() else encode(text)
            if excluded is not None and excluded(name):
                continue
            try:
                state = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                return None
            mode = state.st_mode
            if mode & 0o170000 == _DIRECTORY:
                below.append(name)
            add(
                b"%b\0%b"
                % (
                    name,
                    pack(
                        state.st_ino,
                        state.st_dev,
                        state.st_ctime_ns,
                        state.st_mtime_ns,
                        state.st_size,
                        mode,
                        state.st_uid,
                        state.st_gid,
                    ),
                )
            )
    return below if _digest(items) == seen else None


def _digest(items: list[bytes]) -> bytes:
    # A name has no NUL and a signature has one length: the joined text can be read one way only.
    items.sort()
    return hashlib.sha256(b"".join(items)).digest()
