"""Canaries in content: no other value is one, and one is seen in whatever stands around it."""

from __future__ import annotations

import functools
import os

import msgspec
import pytest

from collectors.content.result import Init, Request, ScanResult
from collectors.content.worker import start
from collectors.knowledge import Canary
from server.fleet.canaries import make
from tests.collectors.content.citizens import make_niks
from tests.collectors.content.scanning import KEY

NIK = make("nik", KEY)
KEYS = [make(kind, KEY) for kind in ("database", "aws", "app_key", "telegram")]
NUMBER = NIK.forms["csv"].partition(",")[0]


@functools.cache
def handler() -> object:
    canaries = tuple(Canary(id=one.id, marks=one.marks) for one in (NIK, *KEYS))
    return start(msgspec.msgpack.encode(Init(key=KEY, epoch=1, canaries=canaries)))


def scan(data: bytes, name: str = "a.csv") -> ScanResult:
    descriptor = os.memfd_create("scanned")
    with open(os.dup(descriptor), "wb") as file:
        file.write(data)
    request = msgspec.msgpack.encode(Request(name=name, size=len(data)))
    handle = handler()
    assert callable(handle)
    answer = handle(request, [descriptor])
    assert NUMBER.encode() not in answer
    return msgspec.msgpack.decode(answer, type=ScanResult)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        "nik\n{}\n".format("\n".join(make_niks(500))).encode(),
        f"nik\n{int(NUMBER) + 1}\n{int(NUMBER) - 1}\n".encode(),
        f"1{NUMBER}\n{NUMBER}1\n{NUMBER[:-1]}\n".encode(),
        b"DB_PASSWORD=another-password\n",
    ],
    ids=["empty", "citizens", "neighbours", "longer", "password"],
)
def test_what_is_no_canary(data: bytes) -> None:
    assert scan(data).canaries == ()


@pytest.mark.parametrize("form", ["csv", "sql", "json"])
def test_a_person_in_every_form(form: str) -> None:
    (seen,) = scan(f"{NIK.forms[form]}\n".encode()).canaries
    assert (seen.id, seen.type, seen.count) == (NIK.id, "nik", 1)


@pytest.mark.parametrize(
    "data",
    [
        "GET /cari?q=%s HTTP/1.1\n",
        "%s",
        "order\n" + "1234567890123456\n" * 300 + "%s\n" + "9\n" * 50,
        "\ufeffnik;nama\r\n%s;X\r\n",
        "x" * 100_000 + " %s " + "y" * 100_000,
    ],
    ids=["log", "bare", "among", "bom", "far"],
)
def test_whatever_stands_around_it(data: str) -> None:
    assert [one.id for one in scan((data % NUMBER).encode(), "a.log").canaries] == [NIK.id]
    wide = scan((data % NUMBER).encode("utf-16"), "a.log").canaries
    assert [one.id for one in wide] == [NIK.id]


@pytest.mark.parametrize("made", KEYS, ids=lambda made: str(made.kind))
def test_credentials_in_every_form(made: object) -> None:
    assert made in KEYS
    for form in getattr(made, "forms").values():  # noqa: B009 - parametrized objects
        ids = {one.id for one in scan(f"{form}\n".encode(), ".env").canaries}
        assert ids == {getattr(made, "id")}  # noqa: B009


def test_how_often() -> None:
    rows = "\n".join([NUMBER] * 7 + make_niks(20))
    (seen,) = scan(f"nik\n{rows}\n".encode()).canaries
    assert seen.count == 7
