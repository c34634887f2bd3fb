"""What must not happen: an archive misread, trusted in part, or able to hold the reader up."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.files.packages.archive import Contents, Found, Search
from collectors.files.packages.unpack import ArchiveError, read, search
from tests.collectors.files.packages.debs import deb

FILES = {"/usr/bin/alpha": b"#!/bin/sh\n", "/usr/share/doc/alpha/copyright": b"free\n" * 500}
_WRONG = (ArchiveError, tarfile.TarError, lzma.LZMAError, EOFError, OSError, ValueError)


def contents(data: bytes) -> Contents:
    with io.FileIO(_file(data)) as file:
        return read(file)


def _file(data: bytes) -> int:
    descriptor = os.memfd_create("deb")
    os.write(descriptor, data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def test_everything_in_it() -> None:
    data = deb(
        "alpha",
        "1:2.0-1",
        FILES,
        conffiles={"/etc/alpha.conf": b"a=1\n"},
        links={"/usr/bin/beta": "alpha"},
        modes={"/usr/bin/alpha": 0o4755},
        scripts={"postinst": b"#!/bin/sh\nexit 0\n"},
    )
    found = contents(data)
    assert found.sha256 == hashlib.sha256(data).digest()
    assert found.key == ("alpha", "all", "1:2.0-1")
    assert found.conffiles == [b"/etc/alpha.conf"]
    entries = {entry.path: entry for entry in found.entries}
    program = entries[b"/usr/bin/alpha"]
    assert (program.kind, program.mode, program.user) == ("file", 0o4755, "root")
    assert program.sha256 == hashlib.sha256(FILES["/usr/bin/alpha"]).digest()
    assert program.md5 == hashlib.md5(FILES["/usr/bin/alpha"]).digest()
    assert entries[b"/usr/bin/beta"].link == b"alpha"
    assert entries[b"/usr/share/doc"].kind == "dir"
    scripts = {each.name: each for each in found.control}
    assert scripts["postinst"].mode == 0o755
    assert scripts["postinst"].sha256 == hashlib.sha256(b"#!/bin/sh\nexit 0\n").digest()


@pytest.mark.parametrize("percent", [0, 1, 5, 20, 50, 99])
def test_cut_short(percent: int) -> None:
    data = deb("alpha", "1", FILES)
    with pytest.raises(_WRONG):
        contents(data[: len(data) * percent // 100])


@given(st.binary(max_size=400), st.integers(0, 600), st.integers(1, 255))
def test_damage_is_never_a_crash(junk: bytes, where: int, flip: int) -> None:
    whole = bytearray(deb("alpha", "1", {"/usr/bin/alpha": b"x"}))
    whole[where % len(whole)] ^= flip
    for data in (junk, b"!<arch>\n" + junk, bytes(whole)):
        try:
            found = contents(data)
        except _WRONG:
            continue
        assert found.sha256 == hashlib.sha256(data).digest()


def test_paths_that_lead_out_are_left_out() -> None:
    data = deb("alpha", "1", {"/usr/../../etc/passwd": b"x", "/usr/bin/alpha": b"y"})
    assert b"/usr/bin/alpha" in {entry.path for entry in contents(data).entries}
    assert not any(b".." in entry.path for entry in contents(data).entries)


@pytest.mark.parametrize("packed", ["", "gz", "xz"])
def test_lists_name_archives(packed: str, tmp_path: Path) -> None:
    sums = [hashlib.sha256(bytes([number])).digest() for number in range(250)]
    stanzas = [f"Package: p{n}\nSHA256: {s.hex()}\nSize: 3\n\n" for n, s in enumerate(sums)]
    text = ("Description: " + "x" * 3000 + "\n").join(stanzas).encode() * 2
    data = {"": text, "gz": gzip.compress(text), "xz": lzma.compress(text)}[packed]
    path = tmp_path / "Packages"
    path.write_bytes(data)
    wanted = [sums[0], sums[-1], hashlib.sha256(b"stranger").digest()]
    with path.open("rb", buffering=0) as file:
        found = search(file, Search(wanted, packed))
    assert found == Found(hashlib.sha256(text).digest(), len(text), sorted(wanted[:2]))


def test_a_hash_in_another_field_names_nothing(tmp_path: Path) -> None:
    stranger = hashlib.sha256(b"stranger")
    path = tmp_path / "Packages"
    path.write_text(f"Description: SHA256: {stranger.hexdigest()}\n X-SHA256: 1\n")
    with path.open("rb", buffering=0) as file:
        assert search(file, Search([stranger.digest()])).names == []
