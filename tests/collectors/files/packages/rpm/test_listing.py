"""What must not happen: a line taken for a package that it is not, or a wrong story of a run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.files.packages.manifests import Act
from collectors.files.packages.rpm.listing import Installed, acts, parse, stamp, unstamp

SUM = "a" * 64
LINE = f"3 1795532966 {SUM} (none) bash x86_64 0 5.2.26 3.fc40\n"


@pytest.mark.parametrize(
    "line",
    [
        LINE.replace("bash", "ba sh"),
        LINE.replace("bash", "../bash"),
        LINE.replace("bash", "bash:i686"),
        LINE.replace("3 ", "-3 ", 1),
        LINE.replace("3 ", "3;id ", 1),
        LINE.replace(SUM, SUM[:-1]),
        LINE.replace("5.2.26", "5.2|26"),
        LINE.replace("3.fc40", ""),
        "gpg-pubkey\n",
    ],
)
def test_what_is_no_line(line: str) -> None:
    assert parse([line.encode()]) == {}


def test_several_of_a_name() -> None:
    kernel = f"7 1 {SUM} (none) kernel-core x86_64 0 6.8 1\n"
    other = f"9 2 (none) {'b' * 40} kernel-core x86_64 2 6.9 1\n"
    key = f"1 1 {SUM} (none) gpg-pubkey (none) 0 5ef4c544 6b05a897\n"
    assert parse(text.encode() for text in (kernel, other, key)) == {
        "kernel-core:x86_64": [
            Installed(7, 1, SUM, "6.8-1"),
            Installed(9, 2, "b" * 40, "2:6.9-1"),
        ],
        "gpg-pubkey": [Installed(1, 1, SUM, "5ef4c544-6b05a897")],
    }


@given(st.lists(st.binary(max_size=80)))
def test_anything_may_come(lines: list[bytes]) -> None:
    parse(lines)


def of(*installed: Installed) -> dict[str, str]:
    return {"a:noarch": stamp(installed)}


OLD, AGAIN = Installed(1, 10, SUM, "1-1"), Installed(2, 20, SUM, "1-1")
NEW = Installed(3, 30, "b" * 64, "1:2-1")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (of(OLD), of(OLD), []),
        ({}, of(OLD), [("install", None, "1-1")]),
        (of(OLD), of(NEW), [("upgrade", "1-1", "1:2-1")]),
        (of(OLD), of(AGAIN), [("reinstall", "1-1", "1-1")]),
        (of(OLD), {}, [("remove", "1-1", None)]),
        (of(OLD), of(OLD, NEW), [("install", None, "1:2-1")]),
        (of(OLD, NEW), of(NEW), [("remove", "1-1", None)]),
    ],
)
def test_acts(
    before: dict[str, str], after: dict[str, str], expected: list[tuple[str, str | None, str]]
) -> None:
    assert acts(before, after) == [Act(verb, "a:noarch", *rest) for verb, *rest in expected]


def test_a_stamp_can_be_read() -> None:
    assert unstamp(stamp([OLD, NEW])) == [OLD, NEW]
    assert unstamp("") == []
