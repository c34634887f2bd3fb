"""Synthetic documents that hold citizens' data or credentials, with the truth about them."""

from __future__ import annotations

import base64
import gzip
import json
import random
from collections.abc import Callable

from bench.people import FIRST, LAST, nik
from signatures.identifiers.base import luhn

Document = tuple[str, bytes, dict[str, int]]
"""File name, content, how many of which type."""
Chance = random.Random


def checked(digits: str) -> str:
    """Return *digits* with a Luhn digit."""
    return next(f"{digits}{last}" for last in "0123456789" if luhn(f"{digits}{last}"))


def kk(chance: Chance) -> str:
    """Return one family card number."""
    date = f"{chance.randint(1, 28):02d}{chance.randint(1, 12):02d}{chance.randint(5, 26):02d}"
    return f"{nik(chance)[:6]}{date}{chance.randint(1, 9999):04d}"


def nip(chance: Chance) -> str:
    """Return one civil servant's number."""
    born = chance.randint(1965, 2000)
    dates = f"{born}{chance.randint(1, 12):02d}{chance.randint(1, 28):02d}{born + 25}"
    return f"{dates}{chance.randint(1, 12):02d}{chance.choice('12')}{chance.randint(1, 99):03d}"


def npwp(chance: Chance) -> str:
    """Return one taxpayer's number, as written."""
    value = checked(f"{chance.randint(1, 99):02d}{chance.randint(1, 999999):06d}") + (
        f"{chance.choice(('331', '064', '412'))}{chance.randint(0, 20):03d}"
    )
    if chance.random() < 0.5:
        return value
    return f"{value[:2]}.{value[2:5]}.{value[5:8]}.{value[8]}-{value[9:12]}.{value[12:]}"


def card(chance: Chance) -> str:
    """Return one payment card number."""
    prefix = chance.choice(("453987", "523467", "234561", "353346", "622143"))
    return checked(f"{prefix}{chance.randint(0, 10**9 - 1):09d}")


NUMBERS: dict[str, tuple[Callable[[Chance], str], tuple[str, ...]]] = {
    "nik": (nik, ("nik", "NIK", "no_ktp", "noKtp", "NIK Ibu", "nomor_induk_kependudukan")),
    "kk": (kk, ("no_kk", "NO_KK", "noKK", "nomor_kk", "No. KK")),
    "nip": (nip, ("nip", "NIP", "nip_baru", "NIP Pegawai")),
    "npwp": (npwp, ("npwp", "NPWP", "no_npwp", "npwp_perusahaan")),
    "card": (card, ("no_kartu_kredit", "card_number", "cc")),
}


def name(chance: Chance) -> str:
    """Return a person's name."""
    return f"{chance.choice(FIRST)} {chance.choice(LAST)}"


def table(chance: Chance, keys: list[str], rows: list[list[str]]) -> tuple[str, str]:
    """Write a table in one of many formats; return extension and text."""
    form = chance.choice(tuple(FORMATS))
    return FORMATS[form](chance, keys, rows)


def _csv(chance: Chance, keys: list[str], rows: list[list[str]]) -> tuple[str, str]:
    mark = chance.choice(",;\t|")
    quote = chance.choice(("", '"'))
    lines = [keys, *rows]
    text = "\n".join(mark.join(f"{quote}{cell}{quote}" for cell in line) for line in lines)
    return chance.choice(("csv", "txt", "tsv")), text + "\n"


def _bare(_chance: Chance, _keys: list[str], rows: list[list[str]]) -> tuple[str, str]:
    return "csv", "".join(",".join(row) + "\n" for row in rows)


def _excel(_chance: Chance, keys: list[str], rows: list[list[str]]) -> tuple[str, str]:
    body = "".join(",".join(f'="{cell}"' for cell in row) + "\n" for row in rows)
    return "csv", ",".join(keys) + "\n" + body


def _dump(_chance: Chance, keys: list[str], rows: list[list[str]]) -> tuple[str, str]:
    columns = ",\n".join(f"  `{key}` varchar(32)" for key in keys)
    values = ",".join("(" + ",".join(f"'{cell}'" for cell in row) + ")" for row in rows)
    return "sql", f"CREATE TABLE `t` (\n{columns}\n);\nINSERT INTO `t` VALUES {values};\n"


def _inserts(_chance: Chance, keys: list[str], rows: list[list[str]]) -> tuple[str, str]:
    columns = ", ".join(f"`{key}`" for key in keys)
    return "sql", "".join(
        f"INSERT INTO `t` ({columns}) VALUES ({', '.join(repr(cell) for cell in row)});\n"
        for row in rows
    )


def _copy(_chance: Chance, keys: list[str], rows: list[list[str]]) -> tuple[str, str]:
    names = ", ".join(key.lower().replace(" ", "_").replace(".", "") for key in keys)
    body = "".join("\t".join(row) + "\n" for row in rows)
    return "sql", f"--\n\nCOPY public.t ({names}) FROM stdin;\n{body}\\.\n"


def _json(chance: Chance, keys: list[str], rows: list[list[str]]) -> tuple[str, str]:
    found = [dict(zip(keys, row, strict=True)) for row in rows]
    if chance.random() < 0.5:
        return "jsonl", "".join(json.dumps(one) + "\n" for one in found)
    return "json", json.dumps({"data": found}, indent=chance.choice((None, 2)))


def _yaml(_chance: Chance, keys: list[str], rows: list[list[str]]) -> tuple[str, str]:
    lines = []
    for row in rows:
        pairs = [f"{key}: '{cell}'" for key, cell in zip(keys, row, strict=True)]
        lines.append("- " + "\n  ".join(pairs) + "\n")
    return "yml", "".join(lines)


def _xml(_chance: Chance, keys: list[str], rows: list[list[str]]) -> tuple[str, str]:
    tags = [key.replace(" ", "_").replace(".", "") for key in keys]
    body = "".join(
        "<row>"
        + "".join(f"<{tag}>{cell}</{tag}>" for tag, cell in zip(tags, row, strict=True))
        + "</row>\n"
        for row in rows
    )
    return "xml", f'<?xml version="1.0"?>\n<rows>\n{body}</rows>\n'


def _html(_chance: Chance, keys: list[str], rows: list[list[str]]) -> tuple[str, str]:
    head = "".join(f"<th>{key}</th>" for key in keys)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>\n" for row in rows)
    return "html", f"<!DOCTYPE html>\n<table><tr>{head}</tr>\n{body}</table>\n"


def _php(_chance: Chance, keys: list[str], rows: list[list[str]]) -> tuple[str, str]:
    body = "".join(
        "  ["
        + ", ".join(f"'{key}' => '{cell}'" for key, cell in zip(keys, row, strict=True))
        + "],\n"
        for row in rows
    )
    return "php", f"<?php\nreturn [\n{body}];\n"


def _log(_chance: Chance, keys: list[str], rows: list[list[str]]) -> tuple[str, str]:
    return "log", "".join(
        f"[2026-11-24 08:15:{number % 60:02d}] local.INFO: simpan "
        + " ".join(f"{key.replace(' ', '_')}={cell}" for key, cell in zip(keys, row, strict=True))
        + "\n"
        for number, row in enumerate(rows)
    )


def _prose(_chance: Chance, keys: list[str], rows: list[list[str]]) -> tuple[str, str]:
    return "txt", "".join(
        "Dengan ini diterangkan:\n"
        + "".join(f"  {key:<20}: {cell}\n" for key, cell in zip(keys, row, strict=True))
        for row in rows
    )


FORMATS: dict[str, Callable[[Chance, list[str], list[list[str]]], tuple[str, str]]] = {
    "csv": _csv,
    "bare": _bare,
    "excel": _excel,
    "dump": _dump,
    "inserts": _inserts,
    "copy": _copy,
    "json": _json,
    "yaml": _yaml,
    "xml": _xml,
    "html": _html,
    "php": _php,
    "log": _log,
    "prose": _prose,
}


def personal(chance: Chance) -> Document:
    """Make a document with one to three types of numbers."""
    types = chance.sample(tuple(NUMBERS), chance.choice((1, 1, 1, 2, 3)))
    count = chance.choice((1, 2, 3, 5, 12, 60, 400))
    keys = ["id", *(chance.choice(NUMBERS[type_][1]) for type_ in types), "nama", "telepon"]
    rows = [
        [
            str(number),
            *(NUMBERS[type_][0](chance) for type_ in types),
            name(chance),
            f"0812{chance.randint(0, 10**8 - 1):08d}",
        ]
        for number in range(count)
    ]
    extension, text = table(chance, keys, rows)
    return wrapped(chance, extension, text, dict.fromkeys(types, count))


def wrapped(chance: Chance, extension: str, text: str, truth: dict[str, int]) -> Document:
    """Encode the text as servers have it: mostly UTF-8, sometimes UTF-16 or gzip."""
    data, kind = text.encode(), chance.random()
    if kind < 0.08:
        return f"data.{extension}.gz", gzip.compress(data, mtime=0), truth
    if kind < 0.14 and extension in ("csv", "txt"):
        return f"data.{extension}", text.encode("utf-16"), truth
    return f"data.{extension}", data, truth


def credential(chance: Chance) -> Document:
    """Make a document with a credential."""
    letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    word = "".join(chance.choices(letters, k=14))
    kind = chance.choice(("dsn", "password", "app_key", "private_key"))
    if kind == "dsn":
        scheme = chance.choice(("mysql", "postgres", "mongodb+srv", "redis", "amqp"))
        text = f"APP_ENV=production\nDATABASE_URL={scheme}://aplikasi:{word}@10.1.2.3:3306/data\n"
    elif kind == "password":
        form = chance.choice(
            (
                "APP_ENV=x\nDB_PASSWORD={}\n",
                "<?php\ndefine('DB_PASSWORD', '{}');\n",
                "DB_PASS: {}\n",
            )
        )
        text = form.format(word)
    elif kind == "app_key":
        key = base64.b64encode(chance.randbytes(32)).decode()
        text = f"APP_NAME=x\nAPP_KEY=base64:{key}\nAPP_DEBUG=false\n"
    else:
        body = base64.encodebytes(chance.randbytes(600)).decode()
        label = chance.choice(("RSA ", "EC ", "OPENSSH ", "", "ENCRYPTED "))
        text = f"-----BEGIN {label}PRIVATE KEY-----\n{body}-----END {label}PRIVATE KEY-----\n"
    return "x.env" if kind != "private_key" else "x.key", text.encode(), {kind: 1}
