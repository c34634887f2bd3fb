"""What must not happen: a reader gets the name of a rule where a sentence should be."""

from __future__ import annotations

import re
from pathlib import Path

import collectors.network.detect
from collectors.network.detect.ioc import TYPES
from signatures.network_names import NAMES

FOLDER = Path(collectors.network.detect.__file__).parent
RULE = re.compile(
    r'"((?:arp|brute|capture|dns|exfil|icmp|listener|mining|peer|scan|shell|weak|web)\.[a-z_0-9]+)"'
)


def rules() -> set[str]:
    """Return every rule that stands in the detectors."""
    named = {name for path in FOLDER.glob("*.py") for name in RULE.findall(path.read_text())}
    made = {"beacon", "weak.ftp", "weak.telnet", *(f"ioc.{kind}" for kind in TYPES)}
    return named | made


def test_every_rule_has_a_name_and_no_name_is_left_over() -> None:
    assert rules() == set(NAMES)


def test_names_fit_into_a_sentence() -> None:
    assert [name for name in NAMES.values() if len(name) > 50 or name.endswith(".")] == []
    assert len(set(NAMES.values())) == len(NAMES)
