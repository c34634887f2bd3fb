from __future__ import annotations

import pytest

from signatures.sigma_cases import matches
from signatures.sigma_load import load_texts
from tests.signatures.sigma_samples import rule_text


@pytest.mark.parametrize(
    ("detection", "part"),
    [
        ("selection:\n  x|expand: '%admins%'\ncondition: selection", "placeholder %admins%"),
        ("selection:\n  x|hour: 5\ncondition: selection", "parts of a time"),
        ("selection:\n  x|re: '(?=a)b'\ncondition: selection", "invalid"),
        ("selection:\n  x|nosuch: b\ncondition: selection", "Unknown modifier"),
        ("keywords:\n  '|re': 'a.b'\ncondition: keywords", "name a field"),
        ("selection:\n  x: 1\ncondition: selection | count() > 5", "pipe"),
        ("selection:\n  x: 1\ncondition: selection and other", "other"),
        ("selection:\n  x: 1\nunused:\n  y: 1\ncondition: selection", "'unused' is not in"),
        ("selection:\n  FieldX: 1\ncondition: selection", "no ECS name"),
        ("selection:\n  x|gt: abc\ncondition: selection", ""),
        ("selection:\n  x|cidr: nonsense\ncondition: selection", ""),
    ],
)
def test_what_cannot_be_compiled_is_an_error_never_silent(detection: str, part: str) -> None:
    loaded = load_texts({"r.yml": rule_text(detection)})
    assert loaded.rules == ()
    assert len(loaded.problems) == 1
    assert part in loaded.problems[0].text


def test_a_regular_expression_meets_a_lone_surrogate() -> None:
    for pattern, expected in (("b", False), ("a", True)):
        text = rule_text(f"a:\n  x|re: {pattern}\ncondition: a")
        (rule,) = load_texts({"r.yml": text}).rules
        event = {"ronda.kind": "file.change", "x": "a\udc80"}
        assert matches(rule, event) is expected
