"""The short way for text without anything says nothing that the long way would not say."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from collectors.content import scan as module
from collectors.content.result import CLEAN, ScanResult
from tests.collectors.content.citizens import make_niks
from tests.collectors.content.scanning import scan

NIK = make_niks(1)[0].encode()
PIECES = (
    *(
        b"warga@kota.go.id",
        b"Nama;NIK\n",
        NIK,
        NIK[:6] + b" " + NIK[6:],
        b"\n",
        b" ",
        b"a,b\n",
        b".",
    ),
    *(
        b"APP_KEY=base64:",
        b"DB_PASSWORD=rahasia-sekali-9\n",
        b"\0",
        b"\xff\xfe",
        b"\xa0",
        b"\xc3\xa9",
    ),
    *(b"tanggal lahir 17-08-1990\n", b"nama Siti\n", b"+6281234567890", b"1571", b"-----BEGIN "),
    *(b"PRIVATE KEY-----", b"PK\3\4", b"\x1f\x8b", b"%PDF-", b"From: a@b.id\nTo: c@d.id\n\n"),
    *(b"no_hp\n", b"081234567890\n", b"telepon ", b"rekening;", b"0012345678901\n", b"RAHASIA\n"),
    *(
        b"secretAccessKey: ",
        b"AKIAIOSFODNN7ABCDEFG",
        b"nopol ",
        b"4111 1111 1111 1111 ",
        b"x" * 2000,
    ),
    *(
        b"nama_lgkp,tgl_lhr\n",
        b"https://a:rahasia9@db.id/",
        b"01.234.567.8-901.234",
        b"2026-11-24 ",
    ),
    *(b"HP: 0812-3456-7890\n", b"INSERT INTO `a` VALUES (", b"BH 1234 XY", b"paspor A1234567"),
)
TEXTS = st.lists(st.sampled_from(PIECES) | st.binary(max_size=30), max_size=16).map(b"".join)


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch) -> object:
    def run(data: bytes) -> tuple[ScanResult, ScanResult]:
        monkeypatch.setattr(module, "_QUICK", 1 << 20)
        short = scan(data)
        monkeypatch.setattr(module, "_QUICK", 0)
        return short, scan(data)

    return run


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=TEXTS)
@example(data=b"")
@example(data=b"a@b.id c@d.id")
@example(data=b"hanya teks\n" * 1000)
def test_both_ways_say_the_same(both: object, data: bytes) -> None:
    assert callable(both)
    short, long = both(data)
    assert short == long


def test_text_without_anything_takes_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("the long way")

    monkeypatch.setattr(module.Scanner, "_bare", never)
    result = scan(b"Pengumuman. Hubungi warga@kota.go.id\n" * 100)
    assert (result.outcome, result.format, result.scanned) == (CLEAN, "text", 3700)
    with pytest.raises(AssertionError, match="the long way"):
        scan(b"nik\n" + NIK)
