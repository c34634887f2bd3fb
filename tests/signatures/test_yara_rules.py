"""Every rule file: cases beside it, a literal atom in each string, sound meta data."""

from __future__ import annotations

import base64
import functools
import os
import subprocess
import sys
from typing import Any

import pytest
import yaml

from signatures.yara_rules import (
    RuleError,
    Rules,
    Source,
    compile_family,
    expand,
    families,
    hits,
    sources,
    tables,
)

SOURCES = [source for family in families() for source in sources(family)]
compiled = functools.cache(compile_family)


def name_of(source: Source) -> str:
    return os.path.basename(source.path).removesuffix(".yar")


def cases(source: Source) -> dict[str, Any]:
    with open(source.path.removesuffix(".yar") + ".cases.yml", encoding="utf-8") as file:
        found = yaml.safe_load(file)
    assert list(found) == ["must_not_match", "must_match"]
    return dict(found)


def rules(source: Source) -> Rules:
    return compiled(source.family)


@pytest.mark.parametrize("source", SOURCES, ids=name_of)
def test_must_not_match(source: Source) -> None:
    for case in cases(source)["must_not_match"]:
        assert name_of(source) not in hits(rules(source), base64.b64decode(case["data"])), case[
            "name"
        ]


@pytest.mark.parametrize("source", SOURCES, ids=name_of)
def test_must_match(source: Source) -> None:
    for case in cases(source)["must_match"]:
        assert name_of(source) in hits(rules(source), base64.b64decode(case["data"])), case["name"]


def test_every_family_has_rules_and_one_rule_a_file() -> None:
    assert families() == ["context", "credentials", "personal"]
    for source in SOURCES:
        assert source.text.count("\nrule ") + source.text.startswith("rule ") == 1
        assert f"rule {name_of(source)}\n" in source.text
        assert f'id = "{source.family}.{name_of(source)}"' in source.text


def test_tables_cover_all_regencies() -> None:
    known = tables()
    assert len(known["regency"]) >= 514
    assert all(len({len(entry) for entry in table}) == 1 for table in known.values())
    nik = next(source for source in SOURCES if name_of(source) == "nik")
    text = expand(nik)
    assert all(f"/{code}[0-9]{{12}}/" in text for code in known["regency"])


def test_an_unknown_table_is_refused_with_its_place() -> None:
    source = Source("x", "x.yar", "rule x\n{\n strings:\n  $a_{planet} = /{planet}abc/\n}\n")
    with pytest.raises(RuleError, match=r"x\.yar:4:"):
        expand(source)


def test_a_family_without_rules_is_refused(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr("signatures.yara_rules.ROOT", str(tmp_path))
    with pytest.raises(RuleError, match="no rules"):
        compile_family("empty")


def test_rules_take_little_memory_once_they_are_compiled() -> None:
    code = """
from signatures.yara_rules import compile_family, hits

def own():
    with open("/proc/self/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Anonymous:"))

import yara
before = own()
kept = compile_family("credentials", "context")
assert hits(kept, b"AKIAIOSFODNN7EXAMPLE") is not None
print(own() - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 4096, "kB; as compiled they would take 8 MB"
