"""What must not happen: a header that breaks the child's reader, or tells what is not signed."""

from __future__ import annotations

import base64
import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.files.packages.archive import Entry
from collectors.files.packages.rpm import header
from collectors.files.packages.rpm.header import MAGIC, HeaderError, answer, index, take

SUM = "ab" * 32
_STRING, _STRINGS, _INT32, _INT16 = 6, 8, 4, 3
FIELDS: dict[int, tuple[int, int, bytes]] = {
    1000: (_STRING, 1, b"alpha\0"),
    1001: (_STRING, 1, b"1.0\0"),
    1002: (_STRING, 1, b"2\0"),
    1003: (_INT32, 1, struct.pack(">I", 3)),
    1022: (_STRING, 1, b"noarch\0"),
    1030: (_INT16, 4, struct.pack(">4H", 0o100755, 0o120777, 0o100600, 0o040755)),
    1035: (_STRINGS, 4, SUM.encode() + b"\0\0" + SUM.encode() + b"\0\0"),
    1036: (_STRINGS, 4, b"\0a\0\0\0"),
    1037: (_INT32, 4, struct.pack(">4I", 0, 0, 1 | 64, 0)),
    1039: (_STRINGS, 4, b"root\0" * 4),
    1040: (_STRINGS, 4, b"root\0" * 4),
    1116: (_INT32, 4, struct.pack(">4I", 0, 0, 1, 1)),
    1117: (_STRINGS, 4, b"a\0b\0c\0d\0"),
    1118: (_STRINGS, 2, b"/usr/bin/\0/etc/\0"),
    5011: (_INT32, 1, struct.pack(">I", 8)),
}


def blob(fields: dict[int, tuple[int, int, bytes]], *, signed: int | None = None) -> bytes:
    """Return a region; *signed*: how many entries its trailer speaks of."""
    entries, data = [], b""
    for tag, (kind, count, value) in sorted(fields.items()):
        data += b"\0" * (-len(data) % 4)
        entries.append(struct.pack(">IIiI", tag, kind, len(data), count))
        data += value
    count = len(entries) + 1
    trailer = struct.pack(">IIiI", 63, 7, -16 * (count if signed is None else signed), 16)
    first = struct.pack(">IIiI", 63, 7, len(data), 16)
    data += trailer
    return struct.pack(">II", count, len(data)) + first + b"".join(entries) + data


def record(body: bytes, number: int = 5) -> bytes:
    wrapped = base64.encodebytes(body)  # rpm breaks lines as well
    return b"@%d|%s|(none)|%s" % (number, base64.encodebytes(b"signature"), wrapped)


def test_a_header() -> None:
    text = record(blob(FIELDS)) + record(blob(FIELDS), 6)
    first = take(io.BytesIO(text), 0)
    assert first.header is not None
    contents = first.header.contents
    assert (contents.package, contents.version, contents.architecture) == (
        "alpha", "3:1.0-2", "noarch",
    )  # fmt: skip
    total = bytes.fromhex(SUM)
    assert contents.entries == [
        Entry(b"/usr/bin/a", "file", 0o755, "root", "root", sha256=total),
        Entry(b"/usr/bin/b", "symlink", 0o777, "root", "root", link=b"a"),
        Entry(b"/etc/c", "ghost", 0o600, "root", "root"),
        Entry(b"/etc/d", "dir", 0o755, "root", "root"),
    ]
    assert contents.conffiles == [b"/etc/c"]
    assert first.header.signed == MAGIC + blob(FIELDS)
    assert first.header.signatures == [b"signature"]
    second = take(io.BytesIO(text), first.after)
    assert (first.instance, second.instance, second.after) == (5, 6, -1)
    assert second.header == first.header


def test_an_answer_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    text = b"".join(record(blob(FIELDS), number) for number in range(1, 8))
    everything = answer(io.BytesIO(text), 0).taken
    assert [each.instance for each in everything] == [1, 2, 3, 4, 5, 6, 7]
    monkeypatch.setattr(header, "MAX_ANSWER", 2 * len(record(blob(FIELDS))))
    first = answer(io.BytesIO(text), 0).taken
    assert [each.instance for each in first] == [1, 2]
    rest = answer(io.BytesIO(text), first[-1].after).taken
    assert [each.instance for each in rest] == [3, 4]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        blob(FIELDS)[:-1],
        blob(FIELDS) + b"more",
        blob(FIELDS, signed=5),  # ten entries nobody signed
        blob({**FIELDS, 1117: (_STRINGS, 9999, b"a\0")}),
        blob({**FIELDS, 1117: (_STRINGS, 3, b"a\0b\0c\0")}),
        blob({**FIELDS, 1116: (_INT32, 4, struct.pack(">4I", 0, 0, 1, 7))}),
        blob({**FIELDS, 1030: (_INT16, 1 << 30, b"")}),
        blob({**FIELDS, 1000: (_STRING, 1, b"\xff\0")}),
    ],
)
def test_what_is_no_header(body: bytes) -> None:
    found = take(io.BytesIO(record(body)), 0)
    assert (found.instance, found.header) == (5, None)


def test_a_tag_twice_is_refused() -> None:
    text = bytearray(blob(FIELDS))
    text[8 + 16 : 8 + 20] = struct.pack(">I", 1001)
    with pytest.raises(HeaderError):
        index(bytes(text))


def test_old_sums_are_not_taken_for_new_ones() -> None:
    md5 = {**FIELDS, 5011: (_INT32, 1, struct.pack(">I", 1))}
    found = take(io.BytesIO(record(blob(md5))), 0).header
    assert found is not None
    assert not any(entry.sha256 for entry in found.contents.entries)


def test_a_path_cannot_leave_the_root() -> None:
    odd = {**FIELDS, 1118: (_STRINGS, 2, b"../../x/\0/etc/../\0")}
    found = take(io.BytesIO(record(blob(odd))), 0).header
    assert found is not None
    assert [e.path for e in found.contents.entries] == [b"/x/a", b"/x/b", b"/c", b"/d"]


@given(st.binary(max_size=200), st.integers(0, len(blob(FIELDS))), st.integers(0, 8))
def test_damage_never_breaks_the_reader(junk: bytes, where: int, cut: int) -> None:
    whole = blob(FIELDS)
    for body in (junk, whole[:where] + junk + whole[where + cut :]):
        take(io.BytesIO(record(body)), 0)
        take(io.BytesIO(b"@" + junk + body), 0)
