"""Synthetic documents that hold citizens' data or credentials, with the truth about them."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from typing import NamedTuple

from bench.exposure_values import (
    BANKS,
    NAMED,
    NUMBERS,
    account,
    birth,
    bpjs,
    email,
    kk,
    name,
    phone,
)
from bench.people import nik

Chance = random.Random


class Document(NamedTuple):
    """A file with the truth about it."""

    file: str
    data: bytes
    truth: dict[str, int]
    """How many of which type."""
    either: frozenset[str] = frozenset()
    """Types of which nothing is asked: a column without a name that no rule could tell."""


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
    known = {**NUMBERS, **NAMED}
    chosen = chance.sample(tuple(NUMBERS), chance.choice((0, 1, 1, 2)))
    chosen += chance.sample(tuple(NAMED), chance.choice((0, 1, 2)) if chosen else 2)
    count = chance.choice((1, 2, 3, 5, 12, 60, 400))
    keys = ["id", *(chance.choice(known[type_][1]) for type_ in chosen), "nama"]
    rows = [
        [str(number), *(known[type_][0](chance) for type_ in chosen), name(chance)]
        for number in range(1, count + 1)
    ]
    form = chance.choice(tuple(FORMATS))
    extension, text = FORMATS[form](chance, keys, rows)
    truth = dict.fromkeys(chosen, count)
    # Without a name: of a weak number nothing is asked, and a few cards and taxpayers' numbers
    # cannot be told from any other number.
    unsure = NAMED.keys() | ({"npwp", "card", "nik", "kk"} if count < 3 else {"card"})
    either = frozenset(chosen) & unsure if form == "bare" else frozenset()
    return wrapped(chance, extension, text, truth, either)


def contact(chance: Chance) -> Document:
    """Make a list of people with addresses; an address alone is nothing that is reported."""
    count = chance.choice((1, 5, 60))
    rows = [[str(at), name(chance), email(chance), nik(chance)] for at in range(1, count + 1)]
    keys = ["id", "nama", "email", "nik"]
    if chance.random() < 0.5:
        extension, text = table(chance, keys[:3], [row[:3] for row in rows])
        return wrapped(chance, extension, text, {})
    form = chance.choice([form for form in FORMATS if form != "bare"])
    extension, text = FORMATS[form](chance, keys, rows)
    return wrapped(chance, extension, text, {"nik": count, "email": count})


def salaries(chance: Chance) -> Document:
    """Make a list of bank accounts with their banks."""
    count = chance.choice((1, 5, 60))
    bank = chance.choice(BANKS)
    keys = ["no", "nama", chance.choice(("no_rekening", "No. Rekening", "norek")), "bank"]
    rows = [
        [str(at), name(chance), account(chance), bank if chance.random() < 0.9 else "BNI"]
        for at in range(1, count + 1)
    ]
    form = chance.choice([form for form in FORMATS if form != "bare"])
    extension, text = FORMATS[form](chance, keys, rows)
    return wrapped(chance, extension, text, {"bank_account": count})


def registry(chance: Chance) -> Document:
    """Make a dump with the columns of the population register or of the health insurance."""
    count = chance.choice((2, 20, 200))
    if chance.random() < 0.5:
        keys = ["NIK", "NO_KK", "NAMA_LGKP", "TGL_LHR", "NIK_IBU", "NIK_AYAH"]
        rows = [
            [nik(chance), kk(chance), name(chance), birth(chance), nik(chance), nik(chance)]
            for _ in range(count)
        ]
        truth = {"nik": 3 * count, "kk": count, "birth": count, "dukcapil": 1}
    else:
        keys = ["PSNOKA", "NOKARTU", "NAMA", "NIK", "NOHP", "TGLLAHIR"]
        rows = [
            [bpjs(chance), bpjs(chance), name(chance), nik(chance), phone(chance), birth(chance)]
            for _ in range(count)
        ]
        truth = {"bpjs": 2 * count, "nik": count, "phone": count, "birth": count, "bpjs_dump": 1}
    form = chance.choice(("csv", "dump", "inserts", "copy", "json", "html", "xml"))
    extension, text = FORMATS[form](chance, keys, rows)
    return wrapped(chance, extension, text, truth)


def letter(chance: Chance) -> Document:
    """Make a classified letter."""
    mark = chance.choice(("SANGAT RAHASIA", "RAHASIA", "TERBATAS"))
    body = (
        f"Nomor    : {chance.randint(1, 900)}/SEK/2026\nLampiran : -\n"
        "Perihal  : Laporan keadaan\n\nYth. Bapak Wali Kota\ndi Jambi\n\nDengan hormat, ...\n"
    )
    form = chance.randrange(3)
    if form == 0:
        text = f"{mark}\n\nPEMERINTAH KOTA JAMBI\nSEKRETARIAT DAERAH\n\n{body}"
    elif form == 1:
        text = f"PEMERINTAH KOTA JAMBI\nSEKRETARIAT DAERAH\n\n        {mark}\n\n{body}"
    else:
        text = f"PEMERINTAH KOTA JAMBI\n\nSifat    : {mark}\n{body}"
    return wrapped(chance, "txt", text, {"marking": 1})


def wrapped(
    chance: Chance,
    extension: str,
    text: str,
    truth: dict[str, int],
    either: frozenset[str] = frozenset(),
) -> Document:
    """Encode the text as servers have it: mostly UTF-8, sometimes UTF-16 or gzip."""
    data, kind = text.encode(), chance.random()
    if kind < 0.08:
        compressed = gzip.compress(data, mtime=0)
        return Document(f"data.{extension}.gz", compressed, truth, either)
    if kind < 0.14 and extension in ("csv", "txt"):
        return Document(f"data.{extension}", text.encode("utf-16"), truth, either)
    return Document(f"data.{extension}", data, truth, either)
