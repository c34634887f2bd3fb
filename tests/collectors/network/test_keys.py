"""What must not happen: two directions of a conversation have different keys, or two starts one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from collectors.network import headers
from collectors.network.block import Block
from collectors.network.keys import BOTH, Secret, order, side
from tests.collectors.network.packets import blocks, ether, ip4, make_block, tcp

ENDS = st.tuples(st.binary(min_size=4, max_size=4), st.integers(0, 65535))


@given(ENDS, ENDS, st.sampled_from([6, 17, 132]))
def test_both_directions_have_one_key(
    one: tuple[bytes, int], other: tuple[bytes, int], proto: int
) -> None:
    there = ether(0x0800, ip4(proto, tcp(one[1], other[1]), source=one[0], destination=other[0]))
    back = ether(0x0800, ip4(proto, tcp(other[1], one[1]), source=other[0], destination=one[0]))
    keys = Secret().keys(headers.parse(make_block([there, back])).rows)
    assert keys[0] & BOTH == keys[1] & BOTH
    assert (keys[0] != keys[1]) == (one != other)


@given(blocks())
def test_a_secret_is_new_at_each_start(block: Block) -> None:
    rows = headers.parse(block).rows
    assert np.array_equal(Secret(7).keys(rows), Secret(7).keys(rows))
    if len(rows):
        assert not np.array_equal(Secret().keys(rows), Secret().keys(rows))


def test_a_million_conversations_have_a_million_keys() -> None:
    rows = headers.parse(make_block([ether(0x0800, ip4(6, tcp()))])).rows
    many = rows.take(np.zeros(1_000_000, np.int64))
    numbers = np.arange(1_000_000, dtype=np.uint64)
    many.source, many.source_port = (
        numbers >> np.uint64(10),
        (numbers & np.uint64(1023)).astype("u2"),
    )
    keys = Secret().keys(many) & BOTH
    assert len(np.unique(keys)) == 1_000_000
    # Each half of the bits is even, too: nothing is lost to a weak mix.
    for part in (keys >> np.uint64(44), keys >> np.uint64(1) & np.uint64(0xFFFFF)):
        used = np.bincount(part.astype(np.int64), minlength=1 << 20)
        assert used.max() < 20


@given(st.lists(st.tuples(*[st.sampled_from([0, 1, 2, 0xFFFF])] * 4), max_size=60))
def test_order_is_that_of_a_stable_sort_whatever_bits_are_alike(
    quarters: list[tuple[int, int, int, int]],
) -> None:
    keys = np.array(quarters, np.uint16).reshape(-1, 4).view(np.uint64)[:, 0].copy()
    found, ordered = order(keys)
    wanted = np.argsort(keys, kind="stable")
    assert np.array_equal(found, wanted)
    assert np.array_equal(ordered, keys[wanted])
    assert np.array_equal(keys & BOTH | side(keys).astype(np.uint64) << np.uint64(32), keys)
