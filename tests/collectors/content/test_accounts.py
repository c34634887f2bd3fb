"""What must not happen: a second root goes by; an ordinary account cries wolf; a NIK leaves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.content.accounts import look
from collectors.content.line_forms import PASSWD, PASSWORDLESS, SHADOW, SUPERUSER

NIK = "1571014508900001"
ROOT = b"root:x:0:0:root:/root:/bin/bash"


@pytest.mark.parametrize(
    "line",
    [
        b"budi:x:1000:1000::/home/budi:/bin/sh",
        b"ten:x:10:0::/:/bin/sh",
        b"odd:x:0x0:0::/:/bin/sh",
        b"none:x::0::/:/bin/sh",
        b"#toor:x:0:0::/:/bin/sh",
        b"+:::0::/:/bin/sh",
        b"",
        b"toor",
        b"sys:*:3:3::/:/bin/sh",
    ],
)
def test_nothing_notable(line: bytes) -> None:
    assert look([ROOT, line], PASSWD) == []


@pytest.mark.parametrize("number", [b"0", b"00", b" 0", b"+0", b"-0", b"\t000"])
def test_a_second_root(number: bytes) -> None:
    lines = [ROOT, b"budi:x:1000:1000::/:/bin/sh", b"sysadm:x:" + number + b":0::/:/bin/sh"]
    assert look(lines, PASSWD) == [(2, SUPERUSER, "sysadm")]
    assert look(lines, SHADOW) == []


def test_only_the_first_root_is_root() -> None:
    assert look([ROOT, ROOT], PASSWD) == [(1, SUPERUSER, "root")]
    assert look([b"toor:x:0:0::/:/bin/sh", ROOT], PASSWD) == [(0, SUPERUSER, "toor")]


def test_no_password() -> None:
    assert look([ROOT, b"budi::1000:1000::/:/bin/sh"], PASSWD) == [(1, PASSWORDLESS, "budi")]
    shadow = [b"root:$6$x:1::::::", b"budi::1::::::", b"games:*:1::::::", b"ani:!:1::::::"]
    assert look(shadow, SHADOW) == [(1, PASSWORDLESS, "budi")]


def test_names_are_masked_and_bounded() -> None:
    lines = [
        ROOT,
        f"{NIK}:x:0:0::/:/bin/sh".encode(),
        b"a\x1b[2J" * 99 + b":x:0:0::/:/bin/sh",
        b"\xff\xfe:x:0:0::/:/bin/sh",
    ]
    names = [name for _, _, name in look(lines, PASSWD)]
    assert names[0] == "****"
    assert "\x1b" not in names[1]
    assert all(len(name) <= 64 for name in names)


@given(st.lists(st.binary(max_size=60), max_size=8), st.sampled_from([PASSWD, SHADOW]))
def test_any_bytes(lines: list[bytes], kind: str) -> None:
    for number, what, name in look(lines, kind):
        assert 0 <= number < len(lines)
        assert what in (SUPERUSER, PASSWORDLESS)
        assert name.isprintable()
