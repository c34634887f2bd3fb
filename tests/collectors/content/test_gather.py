"""One file of many parts: no part is told for what is not told of the file, nothing twice."""

from __future__ import annotations

import gzip

import pytest

from collectors.content.custom_forms import CustomIdentifier
from collectors.content.result import CLEAN, FOUND
from collectors.content.rules import RuleSets
from tests.collectors.content.citizens import make_niks
from tests.collectors.content.extract import builders
from tests.collectors.content.scanning import scan

FORMS = (
    CustomIdentifier(name="no_rm", pattern="RM-[0-9]{6}", keys=("No. RM",), least=3),
    CustomIdentifier(name="operasi", words=("Operasi Senyap",)),
)
NIKS = make_niks(12)
CSV = ("no,nik\n" + "".join(f"{at},{nik}\n" for at, nik in enumerate(NIKS))).encode()


def records(*numbers: int) -> bytes:
    return b"no_rm;nama\n" + b"".join(b"RM-%06d;x\n" % number for number in numbers)


def test_too_few_in_all_members_are_told_nowhere() -> None:
    """Neither as a finding nor as a part; and a column of another name does not count."""
    data = builders.make_zip(
        {"a.csv": records(1), "b.csv": records(2), "c.csv": records(3).replace(b"no_rm", b"kode")}
    )
    result = scan(data, "x.zip", custom=FORMS)
    assert (result.outcome, result.tallies, result.parts) == (CLEAN, (), ())


def test_enough_in_all_members_together() -> None:
    """`least` is of the file; the same number in two members is one distinct value."""
    data = builders.make_zip(
        {"a.csv": records(1), "b.csv": records(2, 1), "c.csv": CSV, "d.csv": b"nama\nSiti\n"}
    )
    result = scan(data, "x.zip", custom=FORMS)
    counts = {tally.type: (tally.count, tally.distinct) for tally in result.tallies}
    assert counts == {"custom.no_rm": (3, 2), "nik": (12, 12)}
    assert [(part.path, part.count, part.types, part.format) for part in result.parts] == [
        ("c.csv", 12, ("nik",), "csv"),
        ("b.csv", 2, ("custom.no_rm",), "csv"),
        ("a.csv", 1, ("custom.no_rm",), "csv"),
    ]


def test_a_member_with_words_of_the_operator_only() -> None:
    data = builders.make_zip(
        {"rapat.docx": builders.make_docx(["Tentang OPERASI SENYAP"]), "b.txt": b"tidak ada"}
    )
    result = scan(data, "x.zip", custom=FORMS)
    assert result.outcome == FOUND
    (tally,) = result.tallies
    assert (tally.type, tally.count) == ("custom.operasi", 1)
    (part,) = result.parts
    assert str(part.path).startswith("rapat.docx > ")
    assert (part.format, part.count, part.types, part.row) == (
        "docx",
        1,
        ("custom.operasi",),
        None,
    )
    assert scan(data, "x.zip").tallies == ()


def test_what_needs_other_data_makes_no_part_alone() -> None:
    """Addresses are told beside other data; a member that holds nothing else is told with them."""
    mails = b"nama,email\nSiti,siti.aminah@warga.example.org\n"
    alone = scan(builders.make_zip({"a.csv": mails}))
    assert (alone.tallies, alone.parts) == ((), ())
    beside = scan(builders.make_zip({"a.csv": mails, "b.csv": CSV}))
    assert {part.path for part in beside.parts} <= {"a.csv", "b.csv"}
    assert {one for part in beside.parts for one in part.types} == {
        tally.type for tally in beside.tallies
    }


@pytest.mark.parametrize(
    ("data", "format_"),
    [
        (b"tidak ada", "text"),
        (b"\x00\x01\x02" * 900, "binary"),
        (gzip.compress(b"tidak ada"), "text"),
        (CSV, "csv"),
        (gzip.compress(CSV), "csv"),
        (builders.make_xlsx({"W": [("nik",), *((nik,) for nik in NIKS)]}), "xlsx"),
    ],
)
def test_format(data: bytes, format_: str) -> None:
    assert scan(data).format == format_


def test_the_row_is_counted_over_blocks() -> None:
    """Blocks with and without a number before the one with the first value."""
    head = b"no,nik\n" + b"1,0\n" * 900_000 + b"2,12345678\n" * 200_000
    part = scan(head + CSV.partition(b"\n")[2], "x.csv").parts[0]
    assert part.row == head.count(b"\n") + 1
    assert part.offset == len(head) + len("0,")


def test_rules_that_take_too_long_end_with_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not as a file that cannot be read; and what was found before stays."""
    from collectors.content import gather

    blocks = 0

    def slow(rules: object, data: bytes, timeout: int) -> set[str]:
        nonlocal blocks
        assert 1 <= timeout <= 26
        blocks += 1
        if blocks > 1:
            raise TimeoutError
        return set()

    monkeypatch.setattr(gather, "hits", slow)
    result = scan(CSV + b"x\n" * (2 << 20))
    assert result.outcome == "timed_out"
    assert [(tally.type, tally.exact) for tally in result.tallies] == [("nik", False)]


def test_definitions_are_compiled_when_there_are_some() -> None:
    assert RuleSets().custom is None
    assert RuleSets(FORMS).custom is not None
