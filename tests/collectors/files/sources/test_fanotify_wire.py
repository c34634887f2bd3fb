"""What must not happen: a buffer that is read past its end, an event taken for another."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.files.sources import fanotify_api as api
from collectors.files.sources.fanotify_wire import Event, parse

FSID = b"12345678"


def key(handle: bytes) -> bytes:
    """Return a file system id and a handle as events and `fanotify_api` spell them."""
    return FSID + struct.pack("=Ii", len(handle), 1) + handle


def info(kind: int, handle: bytes, name: bytes = b"") -> bytes:
    body = key(handle) + (name + b"\0" if name else b"")
    body += b"\0" * (-(4 + len(body)) % 4)
    return struct.pack("=BBH", kind, 0, 4 + len(body)) + body


def packed(mask: int, *records: bytes, pid: int = 7, descriptor: int = -1) -> bytes:
    body = b"".join(records)
    return struct.pack("=IBBHQii", 24 + len(body), 3, 0, 24, mask, descriptor, pid) + body


def test_a_name_in_a_directory() -> None:
    raw = packed(api.CREATE, info(2, b"dir!", b"file"), info(1, b"target!!"))
    assert list(parse(raw)) == [Event(api.CREATE, 7, key(b"dir!"), b"file", key(b"target!!"))]


def test_a_rename_has_both_ends() -> None:
    raw = packed(api.RENAME, info(10, b"old!", b"a"), info(12, b"new!", b"b"), info(1, b"it!!"))
    (event,) = parse(raw)
    assert (event.old_directory, event.old_name) == (key(b"old!"), b"a")
    assert (event.directory, event.name, event.target) == (key(b"new!"), b"b", key(b"it!!"))


def test_descriptors_are_handed_on() -> None:
    pidfd = struct.pack("=BBHi", 4, 0, 8, 11)
    (event,) = parse(packed(api.OPEN_EXEC, pidfd, descriptor=9))
    assert (event.descriptor, event.pidfd) == (9, 11)


def test_an_overflow_has_nothing_else() -> None:
    assert list(parse(packed(api.OVERFLOW, pid=0))) == [Event(api.OVERFLOW, 0)]


def test_unknown_records_are_passed_over() -> None:
    raw = packed(api.CREATE, info(77, b"what"), info(2, b"dir!", b"x"))
    assert next(parse(raw)).name == b"x"


@pytest.mark.parametrize(
    "raw",
    [
        packed(1, info(2, b"dir!", b"x"))[:-1],
        b"\x18\0\0\0\x02" + bytes(19),
        bytes(24),
        packed(1) + b"x",
        packed(1, struct.pack("=BBH", 2, 0, 0)),
        packed(1, struct.pack("=BBH", 2, 0, 20) + FSID + struct.pack("=II", 999, 1)),
    ],
)
def test_what_is_no_event_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"fanotify|handle"):
        list(parse(raw))


@given(st.binary(max_size=200))
def test_any_bytes_give_events_or_an_error(raw: bytes) -> None:
    try:
        list(parse(raw))
    except (ValueError, struct.error):
        return


NAMES = st.binary(min_size=1, max_size=20).filter(lambda name: b"\0" not in name)


@given(st.lists(st.tuples(NAMES, st.binary(max_size=16), st.integers(1, 0x7FFF)), max_size=5))
def test_what_is_packed_comes_back(events: list[tuple[bytes, bytes, int]]) -> None:
    raw = b"".join(packed(mask, info(2, handle, name)) for name, handle, mask in events)
    assert [(e.name, e.directory, e.mask) for e in parse(raw)] == [
        (name, key(handle), mask) for name, handle, mask in events
    ]
