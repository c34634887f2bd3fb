"""What an operator defines: not elsewhere, not too few, and masked like everything else."""

from __future__ import annotations

import os
from typing import Any

import msgspec
import pytest

from collectors.content.custom_forms import CustomIdentifier
from collectors.content.result import Init, Request, ScanResult
from collectors.content.worker import start

FORMS = (
    CustomIdentifier(name="no_rm", pattern="RM-[0-9]{6,8}", keys=("No. RM",), least=3),
    CustomIdentifier(name="surat", pattern=r"\b800/[0-9]{1,4}/BKPSDM", weight=10),
    CustomIdentifier(name="operasi", words=("Operasi Senyap", "déjà-vu")),
)


def found(data: bytes, name: str) -> dict[str, Any]:
    handle = start(msgspec.msgpack.encode(Init(key=b"k" * 32, epoch=1, custom=FORMS)))
    descriptor = os.memfd_create("x")
    os.write(descriptor, data)
    answer = handle(msgspec.msgpack.encode(Request(name=name, size=len(data))), [descriptor])
    result = msgspec.msgpack.decode(answer, type=ScanResult)
    return {tally.type: tally for tally in result.tallies}


@pytest.mark.parametrize(
    "text",
    [
        "kode;nama\nRM-123456;a\nRM-123457;b\nRM-123458;c\n",
        "no_rm;nama\nRM-123456;a\nRM-123457;b\n",
        "no_rm;nama\nRM-12345;a\nRM-12;b\nRM;c\n",
        "1800/12/BKPSDM",
        "operasi senyapx dan operasi-senyap",
    ],
)
def test_nothing(text: str) -> None:
    assert found(text.encode(), "x.csv") == {}


def test_under_its_name() -> None:
    tally = found(b"no_rm;nama\nRM-123456;a\nRM-123457;b\nRM-123457;c\n", "x.csv")["custom.no_rm"]
    assert (tally.count, tally.distinct, tally.confidence) == (3, 2, 0.9)
    assert tally.samples[0] == "RM*****56"[:2] + tally.samples[0][2:]
    assert "123456" not in repr(tally)


def test_patterns_and_words() -> None:
    text = "Nomor 800/12/BKPSDM tentang OPERASI SENYAP; Déjà-vu, DÉJÀ-VU\n"
    tallies = found(text.encode(), "x.txt")
    assert {name: tally.count for name, tally in tallies.items()} == {
        "custom.surat": 1,
        "custom.operasi": 3,
    }


def test_forms_are_checked() -> None:
    for wrong, key in (
        ({"name": "nik", "pattern": "abc"}, "name"),
        ({"name": "no_x"}, "pattern"),
        ({"name": "no_x", "pattern": "abc", "words": ("abcd",)}, "pattern"),
        ({"name": "no_x", "pattern": "a+"}, "pattern"),
        ({"name": "no_x", "words": ("abc",)}, "words"),
        ({"name": "no_x", "pattern": "abc", "least": 0}, "least"),
        ({"name": "no_x", "pattern": "abc", "weight": 101}, "weight"),
    ):
        with pytest.raises(msgspec.ValidationError, match=f"^{key}: "):
            msgspec.convert(wrong, CustomIdentifier)
