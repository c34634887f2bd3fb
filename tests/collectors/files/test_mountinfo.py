"""What must not happen: a mount point that is misread."""

from __future__ import annotations

import pytest

from collectors.files.mountinfo import Mount, parse, read_mounts

LINE = rb"36 35 98:0 /mnt1 /srv/a\040b rw,noatime master:1 - ext3 /dev/root rw,errors=continue"


def test_a_line_with_a_space_and_a_master() -> None:
    assert parse(LINE) == [Mount(36, "98:0", b"/mnt1", b"/srv/a b", "ext3")]


@pytest.mark.parametrize(
    ("field", "plain"), [(rb"/a\011\012\134", b"/a\t\n\\"), (b"/\xff", b"/\xff")]
)
def test_escapes(field: bytes, plain: bytes) -> None:
    assert parse(LINE.replace(rb"/srv/a\040b", field))[0].point == plain


def test_any_number_of_optional_fields() -> None:
    for optional in (b"", b"shared:1 ", b"shared:1 master:2 propagate_from:3 "):
        (mount,) = parse(LINE.replace(b"master:1 ", optional))
        assert mount.kind == "ext3"


@pytest.mark.parametrize("text", [b"", b"\n", b"1 2 3", b"x" + LINE, b"1 2 3 4 5 6 7 8 -"])
def test_what_is_no_line_is_passed_over(text: bytes) -> None:
    assert parse(text) == []


@pytest.mark.mounts
def test_this_host_has_a_root() -> None:
    assert b"/" in {mount.point for mount in read_mounts()}
