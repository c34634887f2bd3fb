"""A capture file of a few frames, for evidence: libpcap's format with nanoseconds. Pure.

https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from collectors.network.dissect.forms import Frame

_HEAD = struct.Struct("<IHHiIII")
_RECORD = struct.Struct("<IIII")
_MAGIC = 0xA1B23C4D
_SNAP = 262_144
_SECOND = 10**9


def snippet(frames: Iterable[Frame], link: int) -> bytes:
    """Return the file; what was cut off a frame shows in its two lengths."""
    parts = [_HEAD.pack(_MAGIC, 2, 4, 0, 0, _SNAP, link)]
    for frame in frames:
        seconds, rest = divmod(max(0, frame.at), _SECOND)
        data = frame.data[:_SNAP]
        length = max(frame.length, len(data))
        parts += [_RECORD.pack(seconds & 0xFFFFFFFF, rest, len(data), length & 0xFFFFFFFF), data]
    return b"".join(parts)
