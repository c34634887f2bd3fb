"""What must not happen: "nothing" is said of text of which the long way tells something.

`test_scan_quick` holds both ways to the same answer; here is what costs the long way nothing.
"""

from __future__ import annotations

import pytest

from collectors.content.glance import may_tell
from signatures.yara_rules import compile_family, hits
from tests.collectors.content.citizens import make_niks

RULES = compile_family("credentials", "context")
NIK = make_niks(1)[0].encode()
PLAIN = b"Pengumuman kelurahan, tanggal 2026-11-24.\n" * 100


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"telepon kantor, no. hp dan nomor rekening belum ada\n",
        b"email: warga@kota.go.id\n",
        b"$config['password'] = '';\n",
        b"secretAccessKey: string\n",
        b"SHA 0071010203040506a\n1234567890123456\n",
        b"paspor dan nopol: lihat lampiran\n",
    ],
)
def test_nothing(text: bytes) -> None:
    for data in (text, PLAIN + text + PLAIN):
        assert not may_tell(data, hits(RULES, data))


@pytest.mark.parametrize(
    "text",
    [
        NIK,
        NIK[:6] + b" " + NIK[6:12] + b"-" + NIK[12:],
        b"no_hp\n081234567890\n",
        b"HP: 0812-3456-7890 atau telp +62 812 3456 7890\n",
        b"paspor A1234567\n",
        b"nopol BH 1234 XY\n",
        b"tgl_lahir 17-08-1990\n",
        b"DB_PASSWORD=kuat-sekali-9\n",
    ],
)
def test_something(text: bytes) -> None:
    for data in (text, PLAIN + text + PLAIN):
        assert may_tell(data, hits(RULES, data))
