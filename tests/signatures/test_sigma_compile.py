from __future__ import annotations

from typing import Any

import pytest

from signatures.sigma_cases import matches
from signatures.sigma_load import load_texts
from signatures.sigma_rule import Rule
from tests.signatures.sigma_samples import rule_text


def compiled(detection: str) -> Rule:
    loaded = load_texts({"r.yml": rule_text(detection)})
    assert loaded.problems == ()
    return loaded.rules[0]


def hits(detection: str, event: dict[str, Any]) -> bool:
    return matches(compiled(detection), {"ronda.kind": "file.change", **event})


@pytest.mark.parametrize(
    ("selection", "no", "yes"),
    [
        ("file.path: /a/b", "/a/bc", "/A/B"),
        ("file.path|contains: /WWW/", "/ww/", "/srv/www/x"),
        ("file.path|startswith: /etc", "x/etc", "/ETC/x"),
        ("file.path|endswith: .php", ".php5", "/a.PHP"),
        ("file.path|contains|all: [a, b]", "xa", "xbxa"),
        ("file.path|cased: /Etc", "/etc", "/Etc"),
        ("file.path|re: '^/a[0-9]+$'", "/A1", "/a12"),
        ("file.path|re|i: '^/a[0-9]+$'", "/b1", "/A12"),
        ("file.path: '*/x?z/*'", "/xz/", "/a/xyz/b"),
        (r"file.path: 'a\*b'", "aXb", "a*b"),
        ("file.path: 'a*'", "ba", "abc"),
        ("file.path: '*'", None, ""),
        ("file.size|gte: 100", 99, 100),
        ("file.size|gt: 1.5", 1, 2.0),
        ("file.size|lt: 5", "x", "4"),
        ("file.size: 4", 5, 4.0),
        ("file.size: [4, 5]", 6, "5"),
        ("repaired: true", False, True),
        ("source.ip|cidr: 10.0.0.0/8", "11.0.0.1", "10.9.9.9"),
        ("file.path|neq: x", "X", "y"),
        ("file.path: null", "", None),
        ("file.path: ''", "a", ""),
        ("file.path|exists: true", None, ["a"]),
        ("file.path|exists: false", "a", None),
        ("file.path: [a, null]", "b", None),
        ("file.path|contains: [a, b]", "x", "xbx"),
        ("file.path|base64offset|contains: foo", "foo", "xZm9vx"),
        ("file.path|windash|contains: ' -x'", " x", " /x"),
        ("file.path|fieldref: other", "z", "OTHER"),
    ],
)
def test_modifiers(selection: str, no: object, yes: object) -> None:
    field = selection.partition(":")[0].partition("|")[0]
    detection = f"selection:\n  {selection}\ncondition: selection"
    assert not hits(detection, {field: no, "other": "other"})
    assert hits(detection, {field: yes, "other": "other"})


def test_any_element_of_a_list_matches() -> None:
    detection = "selection:\n  types: [nik, kk]\ncondition: selection"
    assert not hits(detection, {"types": ["card"]})
    assert not hits(detection, {"types": []})
    assert hits(detection, {"types": ["card", "KK"]})


@pytest.mark.parametrize(
    ("condition", "no", "yes"),
    [
        ("a and b", {"x": "1"}, {"x": "1", "y": "1"}),
        ("a or b", {}, {"y": "1"}),
        ("a and not b", {"x": "1", "y": "1"}, {"x": "1", "y": "2"}),
        ("not (a or b)", {"x": "1"}, {}),
        ("1 of them", {}, {"x": "1"}),
        ("all of them", {"x": "1"}, {"x": "1", "y": "1"}),
    ],
)
def test_conditions(condition: str, no: dict[str, str], yes: dict[str, str]) -> None:
    detection = f"a:\n  x: 1\nb:\n  y: 1\ncondition: {condition}"
    assert not hits(detection, no)
    assert hits(detection, yes)


def test_keywords_search_every_field() -> None:
    detection = "keywords: ['wget *evil', curl]\ncondition: keywords"
    assert not hits(detection, {"process.command_line": "wget x"})
    assert hits(detection, {"process.command_line": "WGET http://evil"})
    assert hits(detection, {"reason": ["a", "use curl"]})


def test_alternatives_in_lists_of_maps() -> None:
    detection = "selection:\n  - x: 1\n    y: 2\n  - z|contains: q\ncondition: selection"
    assert not hits(detection, {"x": "1", "y": "3"})
    assert hits(detection, {"x": "1", "y": "2"})
    assert hits(detection, {"z": "aqa"})


@pytest.mark.parametrize(
    ("detection", "needed"),
    [
        ("a:\n  x: [1, B]\ncondition: a", {"x": {"1", "b"}}),
        ("a:\n  x: 1\n  y|contains: b\ncondition: a", {"x": {"1"}}),
        ("a:\n  x: 1\nb:\n  x: 2\ncondition: a or b", {"x": {"1", "2"}}),
        ("a:\n  x: 1\nb:\n  y: 2\ncondition: a or b", {}),
        ("a:\n  x: 1\ncondition: not a", {}),
        ("a:\n  x: [1, 'b*']\ncondition: a", {}),
        ("a:\n  x: [1, null]\ncondition: a", {}),
    ],
)
def test_required_values_are_found_and_none_is_invented(
    detection: str, needed: dict[str, set[str]]
) -> None:
    found = {need.field: set(need.values) for need in compiled(detection).needed}
    assert found == needed
