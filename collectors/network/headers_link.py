"""Takes off what stands between the link and the IP header, for all packets of a block at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from collectors.network import headers_struct as one
from collectors.network.arrays import Bools, Bytes, Ints
from collectors.network.block import (
    ETHERNET,
    LOOP,
    NULL,
    PPP,
    PPP_HDLC,
    RAW,
    RAW_IP4,
    RAW_IP6,
    SLL,
    SLL2,
    Block,
)

_VERSIONS = np.zeros(16, np.int64)
_VERSIONS[4], _VERSIONS[6] = one.IP4, one.IP6
_WRAPPED = np.zeros(65_536, bool)
_WRAPPED[[*one.TAGS, one.PPPOE, *one.MPLS, one.BRIDGED]] = True


class Found(NamedTuple):
    """Packets half unwrapped: what comes next, where, and how far it reaches."""

    packet: Ints
    type: Ints
    at: Ints
    end: Ints
    wire: Ints
    vlan: Ints
    place: Ints

    def take(self, which: Ints | Bools) -> Found:
        """Return some of them."""
        return Found(*(each[which] for each in self))


def gather(data: Bytes, at: Ints, shape: np.dtype[np.void]) -> npt.NDArray[np.void]:
    """Return the bytes at each place as rows of *shape*; what lies past the block reads as 0."""
    width = shape.itemsize
    last = len(data) - width
    if len(at) and int(at.max()) > last:
        # Only packets at the very end of the block, or such as are cut off and not believed.
        cut = max(last, 0)
        tail = np.zeros(2 * width, np.uint8)
        tail[: len(data) - cut] = data[cut:]
        over = at > last
        found = np.zeros(len(at), shape)
        found[~over] = gather(data, at[~over], shape)
        found[over] = gather(tail, np.minimum(at[over] - cut, width), shape)
        return found
    # Rows of raw bytes are copied whole; fields one by one would cost five times as much.
    raw = np.ndarray((max(last + 1, 0),), np.dtype((np.void, width)), buffer=data, strides=(1,))
    return raw[at].view(shape)


BYTE = np.dtype({"names": ["a"], "formats": ["u1"], "itemsize": 1})
SHORT = np.dtype({"names": ["a"], "formats": [">u2"], "itemsize": 2})
WORD = np.dtype({"names": ["a"], "formats": [">u4"], "itemsize": 4})


def numbers(data: Bytes, at: Ints, shape: np.dtype[np.void]) -> Ints:
    """Return the number at each place."""
    return gather(data, at, shape)["a"].astype(np.int64)


def unlink(data: Bytes, block: Block) -> tuple[Found, int]:
    """Read the headers of the link; packets that are shown twice fall out and are counted."""
    at, captured = block.offset, block.captured
    count = len(block)
    nothing = np.zeros(count, np.int64)
    kind, length, place, keep = _LINKS.get(block.link, _no_link)(data, at, captured, nothing)
    if block.loopback and block.outgoing is not None:
        again = ~block.outgoing.astype(bool)
        keep = again if keep is None else keep & again
    found = Found(
        packet=np.arange(count),
        type=kind,
        at=at + length,
        end=at + captured,
        wire=at + block.wire,
        vlan=nothing if block.vlan is None else block.vlan,
        place=place,
    )
    if keep is None or keep.all():
        return found, 0
    return found.take(keep), count - int(np.count_nonzero(keep))


_Link = tuple[Ints, "Ints | int", Ints, "Bools | None"]
"""EtherType, bytes of the header, place, and which packets to keep (None: all)."""


def _no_link(_data: Bytes, _at: Ints, _room: Ints, nothing: Ints) -> _Link:
    return nothing, 0, nothing, None


def _ethernet(data: Bytes, at: Ints, room: Ints, nothing: Ints) -> _Link:
    return np.where(room >= 14, numbers(data, at + 12, SHORT), one.OTHER), 14, nothing, None


def _raw(data: Bytes, at: Ints, room: Ints, nothing: Ints) -> _Link:
    versions = _VERSIONS[numbers(data, at, BYTE) >> 4]
    return np.where(room >= 1, versions, one.OTHER), 0, nothing, None


def _loopback(data: Bytes, at: Ints, room: Ints, nothing: Ints) -> _Link:
    family = numbers(data, at, WORD)
    # Of the capturing host's byte order: whichever makes it small.
    swapped = family.astype(np.uint32).byteswap().astype(np.int64)
    family = np.where(swapped <= 0xFFFF, swapped, family)
    kind = np.zeros_like(family)
    for number, each in one.FAMILIES.items():
        kind[family == number] = each
    return np.where(room >= 4, kind, one.OTHER), 4, nothing, None


def _cooked(data: Bytes, at: Ints, room: Ints, nothing: Ints) -> _Link:
    whole = room >= 16
    place = np.where(whole, numbers(data, at, SHORT), nothing)
    second = (place == one.SENT) & (numbers(data, at + 2, SHORT) == one.LOOPBACK)
    return np.where(whole, numbers(data, at + 14, SHORT), one.OTHER), 16, place, ~second


def _cooked2(data: Bytes, at: Ints, room: Ints, nothing: Ints) -> _Link:
    whole = room >= 20
    place = np.where(whole, numbers(data, at + 4, WORD), nothing)
    second = whole & (numbers(data, at + 10, BYTE) == one.SENT)
    second &= numbers(data, at + 8, SHORT) == one.LOOPBACK
    return np.where(whole, numbers(data, at, SHORT), one.OTHER), 20, place, ~second


def _ppp(data: Bytes, at: Ints, room: Ints, nothing: Ints) -> _Link:
    length = np.where(numbers(data, at, BYTE) == 0xFF, 4, 2)
    kind = _of_ppp(numbers(data, at + length - 2, SHORT))
    return np.where(room >= 4, kind, one.OTHER), length, nothing, None


def _of_ppp(protocol: Ints) -> Ints:
    kind = np.zeros_like(protocol)
    for number, each in one.PPP_TYPES.items():
        kind[protocol == number] = each
    return kind


_LINKS = {
    ETHERNET: _ethernet,
    RAW: _raw,
    RAW_IP4: _raw,
    RAW_IP6: _raw,
    NULL: _loopback,
    LOOP: _loopback,
    SLL: _cooked,
    SLL2: _cooked2,
    PPP: _ppp,
    PPP_HDLC: _ppp,
}


def unwrap(data: Bytes, found: Found) -> Found:
    """Take off tags, labels and the like."""
    todo = np.flatnonzero(_WRAPPED[found.type])
    if not len(todo):
        return found
    # They are changed in place: not in the caller's arrays.
    found = found._replace(type=found.type.copy(), at=found.at.copy(), vlan=found.vlan.copy())
    for _ in range(one.WRAPS):
        if not len(todo):
            break
        moved = _unwrap_once(data, found, todo)
        todo = todo[moved]
    return found


def _unwrap_once(data: Bytes, found: Found, todo: Ints) -> Bools:
    """Take one layer off the packets *todo*; return which of them had one."""
    kind, at = found.type[todo], found.at[todo]
    room = found.end[todo] - at
    step = np.zeros_like(at)
    after = kind.copy()

    tag = np.isin(kind, one.TAGS) & (room >= 4)
    which = todo[tag]
    words = numbers(data, at[tag], WORD)
    here = found.vlan[which]
    found.vlan[which] = np.where(here, here, words >> 16 & 0xFFF)
    step[tag], after[tag] = 4, words & 0xFFFF
    if len(which) == len(todo):
        found.at[todo], found.type[todo] = at + 4, after
        return tag

    session = (kind == one.PPPOE) & (room >= 8)
    step[session], after[session] = 8, _of_ppp(numbers(data, at[session] + 6, SHORT))

    label = np.isin(kind, one.MPLS) & (room >= 5)
    bottom = np.flatnonzero(label)
    bottom = bottom[numbers(data, at[bottom] + 2, BYTE) & 1 == 1]
    step[label] = 4
    after[bottom] = _VERSIONS[numbers(data, at[bottom] + 4, BYTE) >> 4]

    bridged = (kind == one.BRIDGED) & (room >= 14)
    step[bridged], after[bridged] = 14, numbers(data, at[bridged] + 12, SHORT)

    found.at[todo] = at + step
    found.type[todo] = after
    moved: Bools = step > 0
    return moved
