"""A keyed hash of who talks with whom, the same for both directions.

Each end (address, port) is mixed into 64 bits with secret odd factors (multiply and shift, after
Dietzfelbinger et al. 1997, "A reliable randomized algorithm for the closest-pair problem"), then
the smaller and the larger of both are mixed with the protocol. The highest bit of the lower half
tells which end sent the packet, so that one sort puts a conversation together and its directions
apart, and the upper half alone, with this bit, is all that the sort looks at.

63 bits remain. Of 50,000 conversations two share a hash with a probability of about 1.4 in 10^10;
the secret is new at each start and nothing shows it, so nobody can look for such a pair. It is
noticed all the same, by the ends that are stored, and counted (`flows.Flows.collisions`).
"""

from __future__ import annotations

import secrets
import sys

import numpy as np

from collectors.network import model
from collectors.network.arrays import Bytes, Ints, Shorts, Words
from collectors.network.headers import Rows

# A question and its answer of ICMP are one conversation: the type of the answer, of the question
# (RFC 792, 950, 1256, 4443, 2710, 4861, 3810 section 4).
ICMP_ANSWERS = {0: 8, 14: 13, 16: 15, 18: 17, 9: 10}
ICMP6_ANSWERS = {129: 128, 131: 130, 134: 133, 136: 135, 140: 139}

_ASKED = np.arange(512, dtype=np.uint16)
_ASKED[list(ICMP_ANSWERS)] = list(ICMP_ANSWERS.values())
_ASKED[[256 + each for each in ICMP6_ANSWERS]] = list(ICMP6_ANSWERS.values())
_S29, _S31, _S32 = np.uint64(29), np.uint64(31), np.uint64(32)
_ONE = np.uint64(1)
BOTH = ~(_ONE << _S32)
"""Mask that takes the direction out of a hash."""


class Secret:
    """The factors of one start."""

    def __init__(self, seed: int | None = None) -> None:
        """With *seed*, which only tests give, the factors are those of every start with it."""
        if seed is None:
            numbers = [secrets.randbits(64) for _ in range(6)]
        else:
            numbers = np.random.default_rng(seed).integers(1 << 63, size=6).tolist()
        self._factors = [np.uint64(number | 1) for number in numbers]

    def keys(self, rows: Rows) -> Words:
        """Return the hash of each row, with the direction in one bit, see `side`."""
        ports = rows.source_port, rows.destination_port
        icmp = np.flatnonzero((rows.proto == model.ICMP) | (rows.proto == model.ICMPV6))
        if len(icmp):
            ports = _of_icmp(rows, ports, icmp)
        sender = self._end(rows.source_high, rows.source, ports[0])
        receiver = self._end(rows.destination_high, rows.destination, ports[1])
        factors = self._factors
        key = np.minimum(sender, receiver) * factors[4] + np.maximum(sender, receiver)
        key += (rows.proto.astype(np.uint64) << _ONE) + rows.six
        key ^= key >> _S31
        key *= factors[5]
        key ^= key >> _S29
        key &= BOTH
        key |= (sender > receiver).astype(np.uint64) << _S32
        return key

    def _end(self, high: Words, low: Words, port: Shorts) -> Words:
        factors = self._factors
        mixed = low * factors[0] + port * factors[1]
        mixed ^= mixed >> _S29
        mixed += high * factors[2]
        mixed *= factors[3]
        mixed ^= mixed >> _S32
        return mixed


def side(keys: Words) -> Ints:
    """Return which end sent the packet of each hash: 0 or 1."""
    return (keys >> _S32 & _ONE).astype(np.int64)


def order(keys: Words) -> tuple[Ints, Words]:
    """Return the numbers of *keys* in order, equal ones as they came, and the keys in this order.

    Two passes of numpy's radix sort of 16 bits take less than half of the time of its merge sort.
    They compare 31 bits of the hash and the direction; where others differ, all is sorted anew.
    """
    halves = keys.view(np.uint16).reshape(-1, 4)
    upper, lower = (3, 2) if sys.byteorder == "little" else (0, 1)
    found = np.argsort(halves[:, lower], kind="stable")
    found = found[np.argsort(halves[:, upper][found], kind="stable")]
    ordered = keys[found]
    if (ordered[1:] < ordered[:-1]).any():
        found = np.argsort(keys, kind="stable")
        ordered = keys[found]
    return found, ordered


def asked(proto: Bytes, kind: Shorts) -> Shorts:
    """Return the ICMP type that *kind* answers, *kind* itself where it is no answer."""
    found: Shorts = _ASKED[(kind & np.uint16(255)) + (proto == model.ICMPV6) * np.uint16(256)]
    return found


def _of_icmp(rows: Rows, ports: tuple[Shorts, Shorts], which: Ints) -> tuple[Shorts, Shorts]:
    source, destination = ports[0].copy(), ports[1].copy()
    # Both ends get the same number, or the direction would change the hash.
    kind = asked(rows.proto[which], source[which])
    source[which] = destination[which] = kind
    return source, destination
