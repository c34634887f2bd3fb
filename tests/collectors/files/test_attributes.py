"""What must not happen: a hostile xattr stops the sensor, or two different ones look the same."""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.files import attributes
from collectors.files.attributes import (
    NONE,
    Attributes,
    make,
    pack,
    parse_acl,
    parse_capabilities,
    unpack,
)

_ACL = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", *entry)
    for entry in (
        (0x01, 6, 0xFFFFFFFF),
        (0x02, 7, 1001),
        (0x04, 4, 0xFFFFFFFF),
        (0x08, 5, 50),
        (0x10, 7, 0xFFFFFFFF),
        (0x20, 0, 0xFFFFFFFF),
    )
)


@given(st.binary(max_size=200))
def test_any_bytes_are_told_somehow(data: bytes) -> None:
    for parse in (parse_acl, parse_capabilities):
        text = parse(data)
        assert bool(text) == bool(data)
        assert text.isprintable()


@given(st.lists(st.tuples(st.sampled_from([1, 2, 4, 8, 16, 32]), st.integers(0, 7))))
def test_each_entry_of_an_acl_is_told(entries: list[tuple[int, int]]) -> None:
    data = struct.pack("<I", 2)
    data += b"".join(struct.pack("<HHI", tag, rights, 5) for tag, rights in entries)
    text = parse_acl(data)
    assert len([part for part in text.split(",") if part]) == len(entries)
    assert not text.startswith("0x")


def test_an_acl_is_written_as_getfacl_does() -> None:
    assert parse_acl(_ACL) == "u::rw-,u:1001:rwx,g::r--,g:50:r-x,m::rwx,o::---"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0), "cap_net_raw=ep"),
        (struct.pack("<IIIII", 0x02000000, 1 << 13, 0, 0, 0), "cap_net_raw=p"),
        (
            struct.pack("<IIIII", 0x02000001, 1 << 10, 1 << 12, 1 << 7, 0),
            "cap_net_bind_service,cap_bpf=ep cap_net_admin=ei",
        ),
        (struct.pack("<III", 0x01000001, 1, 0), "cap_chown=ep"),
        (struct.pack("<IIIIII", 0x03000001, 1, 0, 0, 0, 1000), "cap_chown=ep [rootid=1000]"),
        (struct.pack("<IIIII", 0x02000000, 0, 0, 0, 0), "="),
        (struct.pack("<IIIII", 0x02000001, 0, 0, 1 << 31, 0), "cap_63=ep"),
    ],
)
def test_capabilities_are_written_as_getcap_does(data: bytes, text: str) -> None:
    assert " ".join(sorted(parse_capabilities(data).split())) == " ".join(sorted(text.split()))


@given(st.integers(0, 2**40 - 1), st.integers(0, 2**40 - 1), st.booleans())
def test_different_capabilities_are_told_apart(one: int, other: int, effective: bool) -> None:
    def blob(bits: int) -> bytes:
        low, high = bits & 0xFFFFFFFF, bits >> 32
        return struct.pack("<IIIII", 0x02000000 | effective, low, 0, high, 0)

    assert (parse_capabilities(blob(one)) == parse_capabilities(blob(other))) == (one == other)


@given(
    st.builds(
        Attributes,
        st.integers(0, 2**31),
        st.text(),
        st.text(),
        st.text(),
        st.text(),
        st.binary(max_size=16),
    )
)
def test_what_is_stored_comes_back(found: Attributes) -> None:
    stored = pack(found)
    assert unpack(stored) == found
    assert (stored is None) == (found == NONE)


def test_other_attributes_are_told_apart_by_name_and_value() -> None:
    forms: list[dict[str, bytes]] = [
        {},
        {"user.a": b"1"},
        {"user.a": b"2"},
        {"user.a1": b""},
        {"user.a": b"1", "user.b": b""},
    ]
    made = [make(dict(each), list(each), "", 0) for each in forms]
    assert len(set(made)) == len(forms)


def test_what_a_file_carries_is_read_from_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x")
    os.link(path, tmp_path / "g")
    try:
        os.setxattr(path, "user.note", b"hello")
    except OSError:
        pytest.skip("no extended attributes here")
    descriptor = os.open(path, os.O_RDONLY)
    try:
        found = attributes.of_open(descriptor, os.fstat(descriptor).st_nlink)
    finally:
        os.close(descriptor)
    assert (found.links, found.acl, found.flags) == (2, "", "")
    assert len(found.others) == 16


@pytest.mark.root
def test_capabilities_acl_and_flags_are_read_from_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x")
    blob = struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0)
    try:
        os.setxattr(path, "security.capability", blob)
        os.setxattr(path, "system.posix_acl_access", _ACL)
    except OSError:
        pytest.skip("not on this file system")
    descriptor = os.open(path, os.O_RDONLY)
    libc = ctypes.CDLL(None, use_errno=True)
    flags = ctypes.c_long(0x20)
    fixed = libc.ioctl(descriptor, 0x40086602, ctypes.byref(flags)) == 0
    try:
        found = attributes.of_open(descriptor, 1)
    finally:
        flags.value = 0
        libc.ioctl(descriptor, 0x40086602, ctypes.byref(flags))
        os.close(descriptor)
    assert found.capabilities == "cap_net_raw=ep"
    assert found.acl.startswith("u::rw-,u:1001:rwx")
    assert found.flags == ("a" if fixed else "")


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    os.symlink("/nowhere", tmp_path / "link")
    directory = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for name, kind in ((b"pipe", stat.S_IFIFO), (b"link", stat.S_IFLNK), (b"no", stat.S_IFDIR)):
            assert attributes.at(name, directory, kind) == NONE
    finally:
        os.close(directory)
