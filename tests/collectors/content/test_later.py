"""A layout that waits: nothing is chosen for nothing, and every block is begun once, in order."""

from __future__ import annotations

import numpy as np

from collectors.content.digits import Bytes, Ints
from collectors.content.groups import Groups
from collectors.content.later import Later


class Told:
    format = "told"

    def __init__(self) -> None:
        self.groups = Groups()
        self.begun: list[bytes] = []

    def begin(self, data: bytes) -> None:
        self.begun.append(data)

    def assign(self, data: bytes, block: Bytes, starts: Ints) -> Ints:
        assert self.begun[-1] == data
        return starts


def later() -> tuple[Later, list[Told]]:
    made: list[Told] = []

    def choose() -> Told:
        made.append(Told())
        return made[-1]

    return Later(choose), made


def ask(layout: Later, data: bytes) -> None:
    block: Bytes = np.frombuffer(data, np.uint8)
    assert layout.assign(data, block, np.array([0], np.int64)).tolist() == [0]


def test_one_block_without_a_question_chooses_nothing() -> None:
    layout, made = later()
    layout.begin(b"a")
    assert layout.groups.names == [""]
    assert made == []


def test_blocks_are_begun_once_and_in_order() -> None:
    for asked in range(8):
        layout, made = later()
        blocks = (b"a", b"b", b"c")
        for number, data in enumerate(blocks):
            layout.begin(data)
            for _ in range(2):
                if asked >> number & 1:
                    ask(layout, data)
        (told,) = made
        assert told.begun == list(blocks)
        assert layout.format == "told"
        assert layout.groups is told.groups
