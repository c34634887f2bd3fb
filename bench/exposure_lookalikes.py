"""Documents that look like citizens' data or credentials and are none: hard negatives."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable

from bench.exposure_values import checked

Chance = random.Random
Text = tuple[str, str]
"""Extension and content."""


def number(chance: Chance, count: int) -> str:
    """Return *count* digits, the first not zero."""
    return str(chance.randrange(10 ** (count - 1), 10**count))


def column(chance: Chance, key: str, make: Callable[[], str]) -> Text:
    """Write a column in one of four formats."""
    rows = [make() for _ in range(chance.choice((1, 3, 10, 80, 500)))]
    form = chance.randrange(4)
    if form == 0:
        return "csv", f"id,{key},jumlah\n" + "".join(f"{i},{v},1\n" for i, v in enumerate(rows))
    if form == 1:
        return "json", json.dumps([{"id": i, key: v} for i, v in enumerate(rows)])
    if form == 2:
        values = ",".join(f"({i},'{value}')" for i, value in enumerate(rows))
        return "sql", f"INSERT INTO `t` (`id`, `{key}`) VALUES {values};\n"
    return "log", "".join(f"2026-11-24 08:15:30 {key}={value} ok\n" for value in rows)


def orders(chance: Chance) -> Text:
    """Order and transaction numbers."""
    key = chance.choice(("order_id", "no_transaksi", "kode", "id", "invoice", "nomor", "ref"))
    return column(chance, key, lambda: number(chance, 16))


def times(chance: Chance) -> Text:
    """Microseconds and written dates of 16 and 18 digits."""
    start = 1_700_000_000 + chance.randrange(60_000_000)
    make = chance.choice(
        (
            lambda: str((start + chance.randrange(10**6)) * 10**6 + chance.randrange(10**6)),
            lambda: (
                f"20261124{chance.randrange(24):02d}{chance.randrange(60):02d}"
                f"{chance.randrange(60):02d}{chance.randrange(100):02d}"
            ),
            lambda: f"20261124{number(chance, 10)}",
        )
    )
    return column(chance, chance.choice(("ts", "dibuat", "created", "waktu", "key")), make)


def land(chance: Chance) -> Text:
    """NOP: 18 digits that begin with a region."""
    return column(
        chance,
        chance.choice(("nop", "NOP_PBB", "objek_pajak")),
        lambda: (
            f"1571{chance.randint(10, 110):03d}{chance.randint(1, 12):03d}"
            f"{chance.randint(1, 40):03d}{chance.randint(1, 9999):04d}0"
        ),
    )


def accounts(chance: Chance) -> Text:
    """Virtual accounts, bank accounts, billing codes."""
    key, make = chance.choice(
        (
            ("va", lambda: f"8808{number(chance, 12)}"),
            ("virtual_account", lambda: f"7001{number(chance, 12)}"),
            ("no_rekening", lambda: number(chance, 15)),
            ("rekening", lambda: number(chance, 15)),
            ("kode_billing", lambda: f"8{number(chance, 14)}"),
            ("ntpn", lambda: number(chance, 16)),
        )
    )
    return column(chance, key, make)


def devices(chance: Chance) -> Text:
    """IMEI: 15 digits with a Luhn digit."""
    key = chance.choice(("imei", "device", "perangkat"))
    return column(chance, key, lambda: checked(f"35{number(chance, 12)}"))


def phones(chance: Chance) -> Text:
    """Telephone numbers, alone and several in a line."""
    lines = [
        " ".join(f"62812{number(chance, 8)}" for _ in range(chance.randint(1, 4)))
        for _ in range(200)
    ]
    return chance.choice(("txt", "csv")), "telepon\n" + "\n".join(lines) + "\n"


def hashes(chance: Chance) -> Text:
    """Checksums, object names, lock files."""
    lines = [f"{chance.randbytes(20).hex()}  berkas{number}" for number in range(300)]
    packages = {
        f"node_modules/p{number}": {
            "version": "1.2.3",
            "resolved": f"https://registry.npmjs.org/p{number}/-/p{number}-1.2.3.tgz",
            "integrity": "sha512-" + base64.b64encode(chance.randbytes(64)).decode(),
        }
        for number in range(100)
    }
    return chance.choice(
        (("txt", "\n".join(lines)), ("json", json.dumps({"packages": packages}, indent=1)))
    )


def scripts(chance: Chance) -> Text:
    """Minified scripts and style sheets with long numbers."""
    numbers = ",".join(f"{chance.random()}" for _ in range(400))
    text = (
        f'!function(e,t){{var n=[{numbers}],r=1e21,o=9007199254740991,i="/*{number(chance, 16)}"}}'
    )
    styles = "".join(
        f".c{n}{{width:{chance.random() * 100}%;left:-9999px;color:#{number(chance, 6)}}}"
        for n in range(300)
    )
    return chance.choice((("js", text), ("css", styles)))


def access(chance: Chance) -> Text:
    """Access logs with epoch milliseconds, request ids and query strings."""
    return "log", "".join(
        f'10.0.{chance.randrange(256)}.{chance.randrange(256)} - - [4/Nov/2026:08:15:30 +0700] "GET'
        f" /api?ts=17{number(chance, 11)}&_={number(chance, 16)}&id={number(chance, 16)}"
        f' HTTP/1.1" 200 {chance.randrange(99999)} rt=0.{number(chance, 3)}'
        f" {chance.randbytes(16).hex()}\n"
        for _ in range(chance.choice((3, 50, 500)))
    )


def places(chance: Chance) -> Text:
    """Coordinates and other long fractions."""
    lines = [
        f"{-2 + chance.random()},{102 + chance.random()},{chance.random()}" for _ in range(300)
    ]
    points = [[102 + chance.random(), -2 + chance.random()] for _ in range(300)]
    shape = {"type": "LineString", "coordinates": points}
    return chance.choice(
        (("csv", "lat,lon,bobot\n" + "\n".join(lines)), ("geojson", json.dumps(shape)))
    )


def hidden(chance: Chance) -> Text:
    """Columns called NIK whose values are masked, hashed or random."""
    make = chance.choice(
        (
            lambda: f"1571**********{number(chance, 2)}",
            lambda: chance.randbytes(32).hex(),
            lambda: f"{chance.randrange(10**6):06d}",
        )
    )
    return column(chance, "nik", make)


def settings(chance: Chance) -> Text:
    """Templates without secrets, and documentation about them."""
    return chance.choice(
        (
            ("env", "DB_PASSWORD=\nAPP_KEY=\nMAIL_PASSWORD=null\nREDIS_PASSWORD=${REDIS}\n"),
            ("env", "DB_PASSWORD=secret\nDB_PASSWORD=changeme\nDB_PASSWORD=your_password\n"),
            ("md", "Use `mysql://user:password@localhost/db` or `http://user:pass@example.com`.\n"),
            ("php", "<?php\nreturn ['password' => env('DB_PASSWORD', ''), 'p' => getenv('X')];\n"),
            ("yml", "DB_PASSWORD: ${{ secrets.DB_PASSWORD }}\nDB_PASS: {{ vault_db }}\n"),
            ("txt", "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\n"),
            ("py", "KEY = '-----BEGIN RSA PRIVATE KEY-----'\nif KEY in text: pass\n"),
            (
                "pem",
                "-----BEGIN CERTIFICATE-----\n" + "MIIB" * 300 + "\n-----END CERTIFICATE-----\n",
            ),
            ("sh", 'mysql -p"$DB_PASSWORD" -u root\nexport DB_PASSWORD=$(cat /run/secret)\n'),
        )
    )


def numbers_in_text(chance: Chance) -> Text:
    """Letters and reports that mention numbers, none a citizen's."""
    lines = [
        f"Nomor surat 470/{number(chance, 4)}/DISDUK/2026, agenda {number(chance, 16)}.",
        "NIK adalah nomor induk kependudukan yang terdiri atas 16 digit.",
        "Contoh NIK: 1234567890123456 atau 0000000000000000.",
        f"ISBN 978{number(chance, 10)}, telepon 0741-{number(chance, 6)}.",
        f"Resi {number(chance, 15)}; barcode {number(chance, 13)}.",
    ]
    return "txt", "\n".join(lines * chance.choice((1, 5))) + "\n"


LOOKALIKES: tuple[Callable[[Chance], Text], ...] = (
    orders,
    times,
    land,
    accounts,
    devices,
    phones,
    hashes,
    scripts,
    access,
    places,
    hidden,
    settings,
    numbers_in_text,
)

EITHER: dict[Callable[[Chance], Text], frozenset[str]] = {
    land: frozenset({"nop"}),
    phones: frozenset({"phone"}),
}
"""What a lookalike is all the same, at lower rank."""
