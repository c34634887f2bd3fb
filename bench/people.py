"""Synthetic citizens for measurements: valid in form, made up, different at each run."""

from __future__ import annotations

import random

REGENCIES = ("1571", "1501", "1502", "1503", "1504", "1505", "1506", "1507", "1508", "1509", "1572")
FIRST = ("Siti", "Budi", "Rina", "Agus", "Dewi", "Joko", "Nur", "Putri", "Eko", "Yanti")
LAST = ("Saputra", "Lestari", "Wijaya", "Hasanah", "Pratama", "Sari", "Hidayat", "Utami")


def nik(source: random.Random) -> str:
    """Return one NIK: region, birth date (women day + 40), serial number."""
    day = source.randint(1, 28) + source.choice((0, 40))
    return (
        f"{source.choice(REGENCIES)}{source.randint(1, 9):02d}{day:02d}"
        f"{source.randint(1, 12):02d}{source.randint(60, 99):02d}{source.randint(1, 9999):04d}"
    )


def dump(source: random.Random, rows: int) -> tuple[str, list[str]]:
    """Return a mysqldump-like text with *rows* citizens, and their NIKs."""
    niks = [nik(source) for _ in range(rows)]
    values = ",\n".join(
        f"({number},'{one}','{source.choice(FIRST)} {source.choice(LAST)}')"
        for number, one in enumerate(niks, 1)
    )
    head = (
        "CREATE TABLE `penduduk` (\n  `id` int,\n  `nik` varchar(16),\n  `nama` varchar(64)\n);\n"
    )
    return f"{head}INSERT INTO `penduduk` VALUES {values};\n", niks
