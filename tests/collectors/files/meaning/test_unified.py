"""What must not happen: a change that the diff does not show, or a diff without bounds."""

from __future__ import annotations

import hashlib
import time

from hypothesis import given
from hypothesis import strategies as st

from collectors.files.meaning.unified import CHANGED, MOST_BYTES, MOST_LINES, Line, unified


def lines(text: str) -> list[Line]:
    """Return lines as the child would: what stands after ``=`` is masked."""
    return [
        (hashlib.sha256(line.encode()).digest()[:8], line.partition("=")[0])
        for line in text.split("\n")
    ]


def test_nothing_changed() -> None:
    assert unified([], []) is None
    assert unified(lines("a\nb"), lines("a\nb")) is None


def test_a_line_changed() -> None:
    old = lines("1\n2\n3\n4\n5\n6\n7")
    new = lines("1\n2\n3\nfour\n5\n6\n7")
    assert unified(old, new) == "@@ -2,5 +2,5 @@\n 2\n 3\n-4\n+four\n 5\n 6"


def test_added_and_removed() -> None:
    assert unified([], lines("a\nb")) == "@@ -1,0 +1,2 @@\n+a\n+b"
    assert unified(lines("a"), []) == "@@ -1,1 +1,0 @@\n-a"
    assert unified(lines("a\nb"), lines("a\nb\nc")) == "@@ -1,2 +1,3 @@\n a\n b\n+c"


def test_a_masked_value_changed() -> None:
    diff = unified(lines("x\nPASS=one"), lines("x\nPASS=two"))
    assert diff == f"@@ -1,2 +1,2 @@\n x\n-PASS\n+PASS{CHANGED}"


def test_a_note() -> None:
    diff = unified([], lines("a"), "why")
    assert diff is not None
    assert diff.startswith("(why)\n@@")


def test_bounds() -> None:
    old = lines("\n".join(f"line {number}" for number in range(9_000)))
    new = lines("\n".join(f"other {number}" for number in range(9_000)))
    begin = time.process_time()
    diff = unified(old, new)
    assert time.process_time() - begin < 5
    assert diff is not None
    assert diff.count("\n") <= MOST_LINES
    assert diff.endswith(" more lines)")
    wide = unified([], lines("\n".join("x" * 299 + str(number) for number in range(100))))
    assert wide is not None
    assert len(wide.encode()) <= MOST_BYTES


@given(
    st.lists(st.sampled_from("abcdef"), max_size=30),
    st.lists(st.sampled_from("abcdef"), max_size=30),
)
def test_the_diff_leads_from_old_to_new(old: list[str], new: list[str]) -> None:
    diff = unified(lines("\n".join(old)) if old else [], lines("\n".join(new)) if new else [])
    if old == new:
        assert diff is None
        return
    assert diff is not None
    kept = list(old)
    shift = 0
    for hunk in diff.split("@@ -")[1:]:
        head, *body = hunk.rstrip("\n").split("\n")
        at = int(head.split(",")[0]) - 1 + shift
        before = [line[0:1] != "+" and line[1:] for line in body]
        removed = [line for line in before if line is not False]
        added = [line[1:].removesuffix(CHANGED) for line in body if not line.startswith("-")]
        assert kept[at : at + len(removed)] == removed
        kept[at : at + len(removed)] = added
        shift += len(added) - len(removed)
    assert kept == new
