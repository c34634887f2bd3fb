"""The wall and what a name makes an identifier: left alone without it, masked with it."""

from __future__ import annotations

import pytest

from signatures.identifiers.hiding import hide


def hidden(text: str) -> list[str]:
    data = text.encode()
    return [data[start:end].decode() for start, end in hide(data)]


@pytest.mark.parametrize(
    "text",
    [
        "0812345678901",
        "081234567890.jpg",
        "upload_20240512143055.sql",
        "epoch 1700000000 size 1234567890123",
        "A1234567 B7654321",
        "simpan 20240512143055",
        "teknisi 1234567890",
        "BH 1234 XY",
        "siti@gmail.com",
        "1990-12-31",
        "nisn kosong; ukuran: 17",
        "ghp_kosong glpat-kosong eyJ",
    ],
)
def test_what_only_a_name_makes_one_stays(text: str) -> None:
    assert hidden(text) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("nisn=0051234567", "0051234567"),
        ("/data/no_hp_081234567890.jpg", "081234567890"),
        ("GET /api?noHp=081234567890", "081234567890"),
        ('"telepon": "+62 812-3456-7890"', "62 812-3456-7890"),
        ("No. BPJS 0001234567890", "0001234567890"),
        ("paspor: A7654321", "A7654321"),
        ("rekening BNI", ""),
        ("no_rekening=1234509876", "1234509876"),
        ("DB_PASSWORD=Rahasia123 php artisan", "Rahasia123"),
        ("curl api.telegram.org/bot110201543:AAaB3dE5gH7jK9mN2pQ4sT6vW8yZ1cF0hJ5/x", ""),
    ],
)
def test_with_the_name_it_is_masked(text: str, value: str) -> None:
    if value:
        assert value in hidden(text)
    elif "telegram" in text:
        assert len(hidden(text)) == 1
    else:
        assert hidden(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "kunci-PRIVATE KEY.txt",
        "postgres://siap:rahasiaDB@basis/siap",
        "config_cG9zdGdyZXM6Ly9zaWFwOnJhaGFzaWFEQkBiYXNpcy9zaWFw.bak",
        "scan_bmlrIDMyMDEwMTQ1MDc4OTAwMDE.jpg",
        "ktp %33%32%30%31%30%31%34%35%30%37%38%39%30%30%30%31",
    ],
)
def test_few_digits_do_not_end_the_search(text: str) -> None:
    # All but a handful of names are passed over quickly: those with a telling word or token not.
    expected = text != "kunci-PRIVATE KEY.txt"  # no key follows
    assert bool(hidden(text)) is expected
