"""Rows of the baseline as they are stored: packed, so that an unchanged file is one comparison."""

from __future__ import annotations

import os
import struct
from typing import NamedTuple

from collectors.files import attributes, commitment
from collectors.files.compare import OUTCOMES, Row

_STATE = struct.Struct("<QQqqqIII")
_RIGHTS = struct.calcsize("<QQqqq")
"""Where mode, owner and group begin in a packed signature."""
AGAIN, SILENT, BARE = 1, 2, 4
"""Flags: hash at the next look; recorded by the first baseline; attributes are not known."""

pack_state = _STATE.pack


def packed(state: os.stat_result) -> bytes:
    """Return the signature of *state* as it is stored."""
    return pack_state(
        state.st_ino,
        state.st_dev,
        state.st_ctime_ns,
        state.st_mtime_ns,
        state.st_size,
        state.st_mode,
        state.st_uid,
        state.st_gid,
    )


class Stored(NamedTuple):
    """A row as it is stored."""

    state: bytes
    outcome: int
    digest: bytes | None
    flags: int
    attributes: bytes | None = None

    def row(self) -> Row:
        """Return the row."""
        inode, device, ctime, mtime, size, mode, uid, gid = _STATE.unpack(self.state)
        known = None if self.flags & BARE else attributes.unpack(self.attributes)
        return Row(
            inode,
            device,
            ctime,
            mtime,
            size,
            mode,
            uid,
            gid,
            outcome=OUTCOMES[self.outcome],
            digest=self.digest,
            again=bool(self.flags & AGAIN),
            silent=bool(self.flags & SILENT),
            attributes=known,
        )

    def unchanged(self, state: os.stat_result) -> bool:
        """Tell whether nothing is to be done about a file that has this *state* now."""
        return not self.flags & AGAIN and self.state == packed(state)

    def term(self, directory: bytes, name: bytes) -> int:
        """Return what the row adds to the commitment."""
        rights = self.state[_RIGHTS:]
        return commitment.term(directory, name, rights, self.digest, self.attributes)


def store(row: Row) -> Stored:
    """Return *row* as it is stored."""
    flags = AGAIN * row.again | SILENT * row.silent | BARE * (row.attributes is None)
    extra = None if row.attributes is None else attributes.pack(row.attributes)
    return Stored(pack_state(*row[:8]), OUTCOMES.index(row.outcome), row.digest, flags, extra)
