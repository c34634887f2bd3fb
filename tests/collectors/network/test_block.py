"""What must not happen: a block says it has packets that it has not."""

from __future__ import annotations

import numpy as np

from collectors.network.block import ETHERNET, Block


def test_a_block_is_as_long_as_its_arrays() -> None:
    column = np.arange(3)
    block = Block(data=memoryview(b"abc"), offset=column, captured=column, wire=column, time=column)
    assert (len(block), block.link, block.interfaces) == (3, ETHERNET, ("",))
