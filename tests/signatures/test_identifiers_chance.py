"""How often chance looks like an identifier: what each file states is what is measured."""

from __future__ import annotations

import os
import random
import re
import string

import pytest

from signatures.identifiers import BY_NAME, IDENTIFIERS, find
from signatures.identifiers.base import Identifier
from signatures.identifiers.finders import CREDENTIAL_FINDERS
from signatures.yara_rules import ROOT

TRIES = 20_000
WITH_SHAPES = [kind for kind in IDENTIFIERS if kind.shapes]
_PART = re.compile(r"(\[[^\]]+\]|\(\?:[^)]*\)|\d)(\{\d+(?:,\d+)?\}|\?)?")


def written(shape: str, chance: random.Random) -> str:
    """Return a random text of *shape*: classes of characters, alternatives, repetitions."""
    parts = []
    for match in _PART.finditer(shape):
        what, how = match.group(1), match.group(2) or ""
        least, _, most = how.strip("{}").partition(",")
        times = chance.randint(0, 1) if how == "?" else int(least or 1)
        if most:
            times = chance.randint(times, int(most))
        parts += [one(what, chance) for _ in range(times)]
    text = "".join(parts)
    assert re.fullmatch(shape, text)
    return text


def one(what: str, chance: random.Random) -> str:
    if what.startswith("(?:"):
        return written(chance.choice(what[3:-1].split("|")), chance)
    if what[0] != "[":
        return what
    inside = what[1:-1]
    ranged = re.fullmatch(r"(.)-(.)", inside)
    letters = (
        "".join(chr(code) for code in range(ord(ranged[1]), ord(ranged[2]) + 1))
        if ranged
        else inside
    )
    return chance.choice(letters)


@pytest.mark.parametrize("kind", WITH_SHAPES, ids=lambda kind: kind.name)
def test_the_stated_chance_is_the_measured_one(kind: Identifier) -> None:
    chance = random.Random(kind.name)
    plain = [shape for shape in kind.shapes if not re.search(r"[ ._-]\]", shape)] or kind.shapes
    hits = 0
    for _ in range(TRIES):
        text = written(chance.choice(plain), chance)
        hits += kind.validate(kind.normalise(text))
    spread = 4 * (kind.chance * (1 - kind.chance) / TRIES) ** 0.5
    assert abs(hits / TRIES - kind.chance) <= spread + 0.15 * kind.chance, hits / TRIES


@pytest.mark.parametrize("name", ["passport", "plate", "birth"])
def test_texts_with_a_name_state_their_chance(name: str) -> None:
    chance = random.Random(name)
    upper, kind, hits = string.ascii_uppercase, BY_NAME[name], 0
    for _ in range(TRIES):
        digits = f"{chance.randrange(10**8):08d}"
        text = {
            "passport": f"{chance.choice(upper)}{digits[:7]}",
            "plate": "".join(chance.choices(upper, k=2)) + f"{digits[:4]}{chance.choice(upper)}",
            "birth": f"{digits[:4]}-{digits[4:6]}-{digits[6:]}",
        }[name]
        hits += kind.validate(kind.normalise(text))
    assert abs(hits / TRIES - kind.chance) <= 0.02 + 0.15 * kind.chance, hits / TRIES


@pytest.mark.parametrize("alphabet", [string.ascii_letters + string.digits, string.hexdigits])
def test_credentials_are_not_seen_in_noise(alphabet: str) -> None:
    assert all(finder.identifier.chance < 1e-5 for finder in CREDENTIAL_FINDERS)
    chance = random.Random(alphabet)
    for _ in range(300):
        noise = "".join(chance.choices(alphabet + "+/=_-:$.\n", k=3000)).encode()
        credentials = [hit for hit in find(noise) if not BY_NAME[hit.type].shapes]
        assert credentials == []


def test_every_identifier_has_a_yara_rule() -> None:
    rules = {
        name.removesuffix(".yar")
        for family in os.listdir(ROOT)
        for name in os.listdir(os.path.join(ROOT, family))
        if name.endswith(".yar")
    }
    assert {kind.name for kind in IDENTIFIERS} - rules == set()
