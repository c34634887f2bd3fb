"""Tells of one block of text whether anything may stand in it: most files hold nothing.

It asks what `collectors.content.gather` asks, block by block, without what that needs to answer:
columns, layouts, counts. The answer "nothing" is exact; "something" costs a second look.
"""

from __future__ import annotations

import numpy as np

from collectors.content.credentials import matches
from collectors.content.digits import Bytes, candidates, may_hold
from collectors.content.named import FINDERS, NAMES, TOLD_BESIDE_OTHERS
from collectors.content.numbers import NAMED, ROWS, shapes_for
from collectors.content.sieve import Sieve
from collectors.content.validate import BY_NAMED_SHAPE, BY_SHAPE

_SIEVE = Sieve(BY_SHAPE)
_FEWEST_NAMED = min(sum(shape) for shape in BY_NAMED_SHAPE)
_ALONE = NAMES - TOLD_BESIDE_OTHERS


def may_tell(data: bytes, rules: set[str]) -> bool:
    """Tell whether anything in *data*, a whole text, may be told.

    *rules* are the YARA rules that it matches.
    """
    return _has_number(data, rules) or (
        not rules <= TOLD_BESIDE_OTHERS
        and (_has_named(data, rules) or next(matches(data, rules), None) is not None)
    )


def _has_number(data: bytes, rules: set[str]) -> bool:
    active = frozenset(rules & NAMED)
    if active and may_hold(data, _FEWEST_NAMED):
        return _has_valid(data, active)
    parts = _SIEVE.parts(data)
    return bool(parts) and _has_valid(parts, frozenset())


def _has_valid(data: bytes, active: frozenset[str]) -> bool:
    block: Bytes = np.frombuffer(data, np.uint8)
    shapes = shapes_for(active)
    for found in candidates(block, shapes):
        for start in range(0, len(found.digits), ROWS):
            digits = found.digits[start : start + ROWS]
            if any(check(digits).any() for _, check in shapes[found.shape]):
                return True
    return False


def _has_named(data: bytes, rules: set[str]) -> bool:
    return any(next(FINDERS[type_](data), None) is not None for type_ in rules & _ALONE)
