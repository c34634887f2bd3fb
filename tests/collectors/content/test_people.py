"""People of a register: chance never makes one, and real ones are counted in any format."""

from __future__ import annotations

import io
import math
import os
import random

import msgspec
import pytest

from collectors.content.people import around, least
from collectors.content.result import Init, RegisterSeen, Request, ScanResult
from collectors.content.worker import start
from signatures.edm.build import Columns, make
from tests.collectors.content.citizens import make_niks
from tests.collectors.content.scanning import KEY

EVERYBODY = make_niks(6000, seed=7)
MEMBERS, STRANGERS = EVERYBODY[:5000], EVERYBODY[5000:]
NAMES = {nik: f"Warga {chr(65 + n % 26)}{n} Santoso" for n, nik in enumerate(MEMBERS)}
INIT = msgspec.msgpack.encode(Init(key=KEY, epoch=1))


def register(*, named: bool) -> int:
    """Return a descriptor of a register of the members."""
    descriptor = os.memfd_create("register")
    rows = ([nik, NAMES[nik]] for nik in MEMBERS)
    with open(os.dup(descriptor), "wb") as out:
        make(rows, Columns({"nik": "nik"}, ["nama"] if named else []), KEY, 1, out)
    return descriptor


NAMED, BARE = register(named=True), register(named=False)
HANDLES = {descriptor: start(INIT) for descriptor in (NAMED, BARE)}
"""Each keeps its register mapped."""


def scan(text: str, name: str = "a.csv", descriptor: int = NAMED) -> ScanResult:
    file = os.memfd_create("scanned")
    data = text.encode()
    with open(os.dup(file), "wb") as out:
        out.write(data)
    request = msgspec.msgpack.encode(Request(name=name, size=len(data)))
    handle = HANDLES.get(descriptor) or start(INIT)
    answer = handle(request, [file, os.dup(descriptor)])
    for nik in MEMBERS[:50]:
        assert nik.encode() not in answer
    return msgspec.msgpack.decode(answer, type=ScanResult)


def people(text: str, name: str = "a.csv", descriptor: int = NAMED) -> RegisterSeen | None:
    (one, *more) = (*scan(text, name, descriptor).people, None)
    assert len(more) <= 1
    return one


for one in HANDLES:
    scan("", descriptor=one)


@pytest.mark.parametrize("descriptor", [NAMED, BARE])
def test_strangers_are_nobody(descriptor: int) -> None:
    rows = "\n".join(f"{nik},{NAMES[MEMBERS[n]]}" for n, nik in enumerate(STRANGERS))
    assert people(f"nik,nama\n{rows}\n", descriptor=descriptor) is None
    assert people("", descriptor=descriptor) is None
    rng = random.Random(3)
    noise = "\n".join(str(rng.randrange(10**15, 10**16)) for _ in range(20_000))
    assert people(noise, descriptor=descriptor) is None


def test_one_among_many_is_not_sure_without_a_name() -> None:
    rows = "\n".join([*STRANGERS[:200], MEMBERS[0]])
    seen = people(f"nik\n{rows}\n")
    assert seen is None or not seen.sure


def test_another_name_confirms_nobody() -> None:
    rows = "\n".join(f"{nik},{NAMES[MEMBERS[-1 - n]]}" for n, nik in enumerate(MEMBERS[:40]))
    seen = people(f"nik,nama\n{rows}\n")
    assert seen is not None
    assert (seen.confirmed, seen.distinct, seen.sure) == (0, 40, True)


def sql(rows: list[str]) -> str:
    values = ",".join(f"({n},'{nik}','{NAMES[nik].upper()}')" for n, nik in enumerate(rows))
    return f"CREATE TABLE p (id int, nik varchar(16), nama text);\nINSERT INTO p VALUES {values};\n"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("nik;nama\n" + "\n".join(f"{n};{NAMES[n]}" for n in MEMBERS[:300]), "a.csv"),
        (sql(MEMBERS[:300]), "a.sql"),
        (
            "\n".join(f'{{"nama": "{NAMES[n].lower()}", "nik": "{n}"}}' for n in MEMBERS[:300]),
            "a.jsonl",
        ),
        (
            "\n".join(f"NIK {n[:6]}.{n[6:12]}.{n[12:]} a.n. {NAMES[n]}" for n in MEMBERS[:300]),
            "a.txt",
        ),
        ("nama\tnik\n" + "\n".join(f"{NAMES[n]}\t{n}" for n in MEMBERS[:300]), "a.log"),
    ],
    ids=["csv", "sql", "json", "text", "tab"],
)
def test_all_are_counted_and_confirmed(text: str, name: str) -> None:
    seen = people(text, name)
    assert seen is not None
    assert (seen.distinct, seen.count, seen.sure) == (300, 300, True)
    if name != "a.txt":
        assert seen.confirmed >= 290


def test_one_person_with_the_name_is_enough() -> None:
    rows = "\n".join(STRANGERS[:200])
    seen = people(f"nik,nama\n{MEMBERS[9]},{NAMES[MEMBERS[9]]}\n{rows}\n")
    assert seen is not None
    assert (seen.distinct, seen.confirmed, seen.sure) == (1, 1, True)


def test_many_are_counted_within_two_percent() -> None:
    twice = MEMBERS * 2
    seen = people("nik\n" + "\n".join(twice), descriptor=BARE)
    assert seen is not None
    assert seen.count == 10_000
    assert abs(seen.distinct - 5000) < 5000 * 0.07


def test_a_damaged_register_holds_nobody_and_others_go_on() -> None:
    broken = os.memfd_create("register")
    os.write(broken, b"RONDAEDM" + b"\xff" * 1000)
    try:
        assert people(sql(MEMBERS[:30]), "a.sql", broken) is None
    finally:
        os.close(broken)
    seen = people(sql(MEMBERS[:30]), "a.sql")
    assert seen is not None


def test_people_are_not_told_under_the_name_of_a_damaged_register() -> None:
    text = "nik\n" + "\n".join(MEMBERS[:60])
    broken, file = os.memfd_create("register"), os.memfd_create("scanned")
    os.write(broken, b"RONDAEDM" + b"\xff" * 1000)
    os.write(file, text.encode())
    request = msgspec.msgpack.encode(Request(name="a.csv", size=len(text)))
    answer = start(INIT)(request, [file, broken, os.dup(NAMED)])
    (seen,) = msgspec.msgpack.decode(answer, type=ScanResult).people
    assert (seen.register, seen.distinct) == (1, 60)


@pytest.mark.parametrize(
    ("looked", "entries", "type_", "number"),
    [(1, 600_000, "nik", 1), (0, 600_000, "nik", 1), (100, 600_000, "nik", 2)],
)
def test_how_many_have_to_meet(looked: int, entries: int, type_: str, number: int) -> None:
    assert least(looked, entries, type_) == number


def test_the_denser_a_space_the_more_have_to_meet() -> None:
    assert least(1000, 600_000, "phone") > least(1000, 600_000, "nik")
    assert least(5_000_000, 600_000, "nik") <= 10


def test_it_is_the_tail_of_poisson_and_joins_where_it_is_taken_for_normal() -> None:
    for looked in (10_000, 1_000_000, 4_000_000):
        number, expected = least(looked, 600_000, "phone"), looked * 600_000 / 5e9
        term, beyond = math.exp(-expected), 1.0
        for k in range(number):
            beyond -= term
            term *= expected / (k + 1)
        assert beyond < 1e-6 + 1e-12
    counts = [least(looked, 600_000, "phone") for looked in range(3_900_000, 4_500_000, 50_000)]
    assert counts == sorted(counts)
    assert least(10**9, 600_000, "phone") > 120_000


def test_what_stands_around() -> None:
    data = b"1,1571010101900001,'SITI AMINAH','1980-02-03'),(2,"
    assert {"sitiaminah", "19800203"} <= set(around(data, 2))
    assert around(b"", 0) == []
    assert len(around(b"a b c d e f " * 200, 600)) <= 80


def made_of(columns: dict[str, str], rows: list[list[str]]) -> bytes:
    out = io.BytesIO()
    make(iter(rows), Columns(columns, []), KEY, 1, out)
    return out.getvalue()


PHONES = [f"0812{number:08d}" for number in range(31_000_000, 31_000_300)]
FAMILIES = [nik[:6] + "1" + nik[7:10] + "05" + nik[12:] for nik in MEMBERS[:300]]


@pytest.mark.parametrize(
    ("type_", "members", "text"),
    [
        ("phone", PHONES, "id,no_hp\n" + "\n".join(f"1,+62{phone[1:]}" for phone in PHONES)),
        ("phone", PHONES, "id,no_hp\n" + "\n".join(f"1,{phone}" for phone in PHONES)),
        ("kk", FAMILIES, "no_kk\n" + "\n".join(FAMILIES)),
        ("kk", FAMILIES, "nomor\n" + "\n".join(FAMILIES)),
    ],
    ids=["abroad", "national", "families", "unnamed"],
)
def test_other_numbers_are_registered_too(type_: str, members: list[str], text: str) -> None:
    descriptor = os.memfd_create("register")
    try:
        os.write(descriptor, made_of({type_: "x"}, [[one] for one in members]))
        seen = people(f"{text}\n", descriptor=descriptor)
    finally:
        os.close(descriptor)
    assert seen is not None
    assert (seen.type, seen.distinct, seen.sure) == (type_, len(set(members)), True)


def test_two_registers_and_two_numbers_are_told_apart() -> None:
    both = os.memfd_create("register")
    try:
        rows = [[nik, phone] for nik, phone in zip(MEMBERS[:300], PHONES, strict=True)]
        os.write(both, made_of({"nik": "a", "phone": "b"}, rows))
        text = "nik,no_hp\n" + "\n".join(f"{nik},{phone}" for nik, phone in rows[:120])
        file = os.memfd_create("scanned")
        os.write(file, text.encode())
        request = msgspec.msgpack.encode(Request(name="a.csv", size=len(text)))
        answer = start(INIT)(request, [file, os.dup(NAMED), os.dup(both)])
    finally:
        os.close(both)
    told = msgspec.msgpack.decode(answer, type=ScanResult).people
    assert {(one.register, one.type, one.distinct) for one in told} == {
        (0, "nik", 120),
        (1, "nik", 120),
        (1, "phone", 120),
    }
