"""What must not happen: other rows have the same root, or the same rows another one."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from collectors.files.commitment import WIDTH, Commitment, stored, term

_ROWS = st.lists(
    st.tuples(
        st.binary(max_size=8),
        st.binary(min_size=1, max_size=4),
        st.binary(min_size=12, max_size=12),
        st.none() | st.binary(min_size=32, max_size=32),
        st.none() | st.binary(min_size=1, max_size=5),
    ),
    unique=True,
    max_size=12,
)


@given(_ROWS, st.randoms(use_true_random=False))
def test_order_and_detours_do_not_matter(rows: list[tuple], chance: random.Random) -> None:  # type: ignore[type-arg]
    there = Commitment()
    for row in rows:
        there = there.moved(term(*row), 1)
    back = Commitment()
    shuffled = chance.sample(rows, len(rows))
    for row in [*shuffled, *shuffled]:
        back = back.moved(term(*row), 1)
    for row in rows:
        back = back.moved(-term(*row), -1)
    assert there == back
    assert there.root == back.root
    assert stored(there.total_bytes(), there.entries) == there
    assert len(there.total_bytes()) == WIDTH


@given(_ROWS)
def test_no_two_rows_add_the_same(rows: list[tuple]) -> None:  # type: ignore[type-arg]
    assert len({term(*row) for row in rows}) == len(rows)


def test_parts_do_not_run_into_each_other() -> None:
    rights, digest = b"r" * 12, b"d" * 32
    forms = [
        term(b"/a", b"b", rights, digest, None),
        term(b"/ab", b"", rights, digest, None),
        term(b"/a", b"b", rights, None, digest),
        term(b"/a", b"b", rights, digest, b"d"),
        term(b"/a", b"bd", rights, digest, None),
    ]
    assert len(set(forms)) == len(forms)
