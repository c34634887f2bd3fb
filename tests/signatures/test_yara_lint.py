"""The lint of YARA rules: what it refuses, and that our rules pass."""

from __future__ import annotations

import pytest

from signatures.yara_lint import lint
from signatures.yara_rules import Source, families, sources

META = 'id = "x"\n version = 1\n description = "x"\n attack = "T1"\n'


def problems(string: str) -> list[str]:
    text = f"rule x\n{{\n meta:\n {META} strings:\n  $a = {string}\n condition: any of them\n}}\n"
    return [str(problem) for problem in lint(Source("x", "x.yar", text))]


@pytest.mark.parametrize(
    "string",
    [
        r"/[1-9][0-9]{15}/",
        r"/\b\d+ab/",
        r"/(abcd)?[0-9]/",
        r"/abcd|[0-9]/",
        r"/ab?c?d?/",
        '"ab"',
        r"/[0-9]{2}\.[0-9]{3}/",
        "{ 41 42 ?? 43 44 }",
        "{ 41 42 [2-4] 43 }",
        "{ 41 (42 43 44 | 45 46 47) 48 }",
        "{ 4? 42 43 }",
    ],
)
def test_strings_without_an_atom_are_refused(string: str) -> None:
    (problem,) = problems(string)
    assert problem.startswith("x.yar:9: $a: longest literal is")


@pytest.mark.parametrize(
    "string",
    [
        r"/1571[0-9]{12}/",
        '"no_kk" nocase',
        r"/:\/\/[^\s]{2,200}@/",
        r"/[a\]b]xyz/",
        r"/\x41\x42\x43[0-9]/",
        "{ 41 42 43 ?? }",
        "{ 4? 42 43 44 }",
        "/[0-9]{15}/ // short atom: only in a test",
    ],
)
def test_strings_with_an_atom_or_a_reason_pass(string: str) -> None:
    assert problems(string) == []


def test_missing_meta_is_told() -> None:
    found = lint(Source("x", "x.yar", 'rule x { strings: \n $a = "abcd"\n }'))
    assert len(found) == 4


def test_our_rules_pass() -> None:
    assert [
        str(p) for family in families() for source in sources(family) for p in lint(source)
    ] == []
