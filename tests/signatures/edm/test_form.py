"""A register's file: whatever is bent, cut or of another fleet is refused."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signatures.edm.build import Columns, make
from signatures.edm.form import BadRegister, parse, verify
from tests.collectors.content.citizens import make_niks

KEY = b"k" * 32


def register(people: int = 50) -> bytes:
    out = io.BytesIO()
    rows = ([nik, f"WARGA {number}"] for number, nik in enumerate(make_niks(people)))
    make(rows, Columns({"nik": "nik"}, ["nama"]), KEY, 1, out)
    return out.getvalue()


DATA = register()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a register"),
        (b"nik,nama\n1,2\n", "not a register"),
        (DATA[:8], "cut short"),
        (DATA[:-1], "bytes, not"),
        (DATA + b"x", "bytes, not"),
        (DATA[:12] + b"\xc1" + DATA[13:], "cannot be read"),
    ],
)
def test_what_is_no_register(data: bytes, words: str) -> None:
    with pytest.raises(BadRegister, match=words):
        verify(io.BytesIO(data), len(data), KEY, 1)


def test_of_another_fleet_or_epoch() -> None:
    with pytest.raises(BadRegister, match="another fleet"):
        verify(io.BytesIO(DATA), len(DATA), b"x" * 32, 1)
    with pytest.raises(BadRegister, match="epoch 1"):
        verify(io.BytesIO(DATA), len(DATA), KEY, 2)


@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_one_changed_byte_is_seen(place: int, change: int) -> None:
    bent = bytearray(DATA)
    bent[place] ^= change
    with pytest.raises(BadRegister):
        verify(io.BytesIO(bytes(bent)), len(bent), KEY, 1)


@given(st.binary(max_size=200))
def test_nothing_breaks_the_parser(data: bytes) -> None:
    for given_ in (data, b"RONDAEDM" + data, b"RONDAEDM\x00\x01\x00\x00" + data):
        try:
            parse(given_, len(given_))
        except BadRegister:
            continue


def test_a_whole_one_is_taken() -> None:
    header = verify(io.BytesIO(DATA), len(DATA), KEY, 1)
    assert (header.people, header.rows, header.left_out) == (50, 50, 0)
    assert [(one.type, one.pairs) for one in header.sections] == [("nik", False), ("nik", True)]
