"""What must not happen: a file that git would look at again counts as unchanged."""

from __future__ import annotations

import pytest

from collectors.files.compare import Row
from collectors.files.deploy.indexed import Entry, Listing, state_of, unchanged

OID = b"o" * 20
ROW = Row(7, 1, 5_000_000_002, 3_000_000_001, 11, 0o100644, 1000, 1001)
NUMBERS = (5, 2, 3, 1, 1, 7, 0o100644, 1000, 1001, 11)
ENTRY = Entry(0, OID, NUMBERS)
WRITTEN = 9_000_000_000


@pytest.mark.parametrize(
    "row",
    [
        ROW._replace(size=12),
        ROW._replace(inode=8),
        ROW._replace(mtime=3_000_000_000),
        ROW._replace(ctime=6_000_000_002),  # written to, and the time set back
        ROW._replace(uid=0),
        ROW._replace(gid=0),
    ],
)
def test_not_unchanged(row: Row) -> None:
    assert not unchanged(ENTRY, row, WRITTEN)


def test_unchanged_unless_racy() -> None:
    assert unchanged(ENTRY, ROW, WRITTEN)
    assert not unchanged(ENTRY, ROW, ROW.mtime)
    coarse = Entry(0, OID, (5, 0, 3, 0, *NUMBERS[4:]))
    assert not unchanged(coarse, ROW, WRITTEN)


def judge(
    entry: Entry | None,
    row: Row | None,
    blob: bytes = b"",
    changed: int = 0,
    *,
    had: bool = False,
) -> str:
    listing = Listing(True, {} if entry is None else {b"f": entry}, WRITTEN, changed)
    return state_of(listing, b"f", row, now=100_000_000_000, had=had, blob=lambda _: blob)


@pytest.mark.parametrize(
    ("entry", "row", "state"),
    [
        (ENTRY, ROW._replace(mode=0o104644), "modified"),
        (ENTRY, ROW._replace(mode=0o102644), "modified"),
        (ENTRY, ROW._replace(mode=0o100755), "modified"),
        (ENTRY, ROW._replace(mode=0o120777), "modified"),
        (ENTRY, ROW._replace(mode=0o40755), "modified"),
        (ENTRY._replace(flags=0x2000), ROW, "modified"),  # in conflict
        (ENTRY, None, "modified"),
        (None, ROW, "untracked"),
        (None, None, "untracked"),
        (ENTRY, ROW._replace(size=12), "modified"),
        (ENTRY, ROW, "committed"),
        (ENTRY, ROW._replace(mode=0o100640), "committed"),
    ],
)
def test_states(entry: Entry | None, row: Row | None, state: str) -> None:
    assert judge(entry, row) == state


def test_the_content_decides() -> None:
    assert judge(ENTRY, ROW._replace(ctime=1), blob=OID) == "committed"
    assert judge(ENTRY, ROW._replace(ctime=1), blob=b"x" * 20) == "modified"


def test_a_deletion_is_gits_only_when_the_index_had_it_and_was_just_written() -> None:
    assert judge(None, None, changed=95_000_000_000) == "untracked"
    assert judge(None, None, changed=95_000_000_000, had=True) == "committed"
    assert judge(None, None, changed=80_000_000_000, had=True) == "untracked"


def test_the_place_of_a_submodule() -> None:
    link = Entry(0, OID, (*NUMBERS[:6], 0o160000, *NUMBERS[7:]))
    assert judge(link, ROW._replace(mode=0o40755)) == "committed"
    assert judge(link, ROW) == "modified"
