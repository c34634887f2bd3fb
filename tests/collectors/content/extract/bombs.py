"""Small files that become huge, made in no time: what is inside is never written out."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import zlib
from collections.abc import Callable

import zstandard

from tests.collectors.content.extract import builders

MIB = 1 << 20


def deflated(filler: bytes, mebibytes: int, before: bytes = b"", after: bytes = b"") -> bytes:
    """Return a raw deflate stream of *mebibytes* of *filler*, which is one byte."""
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = engine.compress(before) + engine.flush(zlib.Z_FULL_FLUSH)
    one = engine.compress(filler * MIB) + engine.flush(zlib.Z_FULL_FLUSH)
    last = engine.compress(after) + engine.flush()
    return first + one * mebibytes + last  # after a full flush nothing refers to what was before


def zipped(members: dict[str, tuple[bytes, int]]) -> bytes:
    """Return a zip of raw deflate streams, each with the length it claims."""
    out, directory = b"", b""
    for name, (stream, claimed) in members.items():
        common = struct.pack(
            "<HHHHHIIIHH", 20, 0, 8, 0, 0x21, 0, len(stream), claimed, len(name), 0
        )
        directory += b"PK\1\2" + struct.pack("<H", 20) + common
        directory += struct.pack("<HHHII", 0, 0, 0, 0, len(out)) + name.encode()
        out += b"PK\3\4" + common + name.encode() + stream
    count = len(members)
    end = struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), len(out), 0)
    return out + directory + b"PK\5\6" + end


def forty_two() -> bytes:
    """Return five layers of sixteen zips each, four gigabytes in each at the bottom: 4.5 PB."""
    data = zipped({"0.dll": (deflated(b"\0", 4096), 0xFFFFFFFF)})
    for layer in range(5):
        data = builders.make_zip({f"{layer}-{number:x}.zip": data for number in range(16)})
    return data


def pdf(filters: int, mebibytes: int, filler: bytes = b" ") -> bytes:
    """Return a PDF whose only page has that much content, deflated *filters* times."""
    stream = deflated(filler, mebibytes, b"BT /F1 9 Tf (", b") Tj ET")
    stream = b"\x78\x9c" + stream + bytes(4)
    for _ in range(filters - 1):
        stream = zlib.compress(stream)
    names = "/FlateDecode" * filters
    whole = builders.make_pdf([["x"]])
    begin, end = whole.index(b"5 0 obj"), whole.index(b"xref")
    body = f"5 0 obj\n<</Length {len(stream)}/Filter[{names}]>>stream\n".encode() + stream
    return whole[:begin] + body + b"\nendstream\nendobj\n" + whole[end:]


def document(name: str, before: bytes, filler: bytes, after: bytes) -> bytes:
    """Return an office document with a gigabyte of *filler* in its part *name*."""
    return zipped({name: (deflated(filler, 1024, before, after), 1 << 30)})


BOMBS: dict[str, Callable[[], bytes]] = {
    "42.zip": forty_two,
    "flat.zip": lambda: zipped({"a.sql": (deflated(b"x", 4096), 0xFFFFFFFF)}),
    "gz": lambda: gzip.compress(bytes(64 * MIB), 1) * 200,
    "gz in gz": lambda: gzip.compress(gzip.compress(bytes(256 * MIB), 1)),
    "bz2": lambda: bz2.compress(bytes(8 * MIB)) * 2000,
    "xz": lambda: lzma.compress(bytes(64 * MIB), preset=0) * 200,
    "zst": lambda: zstandard.compress(bytes(64 * MIB), 1) * 200,
    "docx": lambda: document(
        "word/document.xml", b'<w:document xmlns:w="w"><w:p><w:t>', b"x", b"</w:t></w:p>"
    ),
    "xlsx": lambda: document("xl/worksheets/sheet1.xml", b"<s><row><c><v>", b"1", b"</v>"),
    "strings.xlsx": lambda: document("xl/sharedStrings.xml", b"<sst><si><t>", b"x", b"</t>"),
    "ods": lambda: document("content.xml", b"<a><b>", b"x", b"</b>"),
    "pdf": lambda: pdf(1, 1024),
    "twice.pdf": lambda: pdf(2, 2048),
    "letters.pdf": lambda: pdf(1, 256, b"A"),
}
