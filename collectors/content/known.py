"""Values that somebody has a name for: canaries that were planted, people in a register."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from collectors.content.result import CanarySeen
from collectors.content.validate import Numbers
from collectors.knowledge import Canary
from collectors.redact import Redactor
from signatures.edm.scalar import value_key
from signatures.edm.vector import hash_numbers

_MOST_TOLD = 50
"""Canaries of one file that are told."""


class Known:
    """What is known, for all files."""

    def __init__(self, key: bytes, redactor: Redactor, canaries: Sequence[Canary]) -> None:
        """*key* is the fleet key that marks were made with."""
        self._key = key
        self._redactor = redactor
        self.tokens: dict[str, dict[str, str]] = {}
        """Type and token to the id of the canary."""
        hashes: dict[str, list[int]] = {}
        for canary in canaries:
            for mark in canary.marks:
                self.tokens.setdefault(mark.type, {})[mark.token] = canary.id
                if mark.hash is not None:
                    hashes.setdefault(mark.type, []).append(mark.hash)
        self._hashes = {
            type_: np.unique(np.array(values, np.uint64)) for type_, values in hashes.items()
        }
        self._keys = {type_: value_key(key, type_) for type_ in self._hashes}

    def watch(self) -> Watch:
        """Return a watch over one file."""
        return Watch(self)

    def canary_of(self, type_: str, value: str) -> str | None:
        """Return the canary that has *value*, normalised, if any."""
        tokens = self.tokens.get(type_)
        return tokens.get(self._redactor.token(type_, value)) if tokens else None

    def suspects(self, type_: str, values: Numbers) -> Numbers:
        """Return which of *values*, encoded, have the hash of a canary."""
        wanted = self._hashes.get(type_)
        if wanted is None:
            return values[:0]
        hashed = hash_numbers(self._keys[type_], values)
        found: Numbers = values[np.isin(hashed, wanted)]
        return found


class Watch:
    """What was seen in one file."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._canaries: Counter[tuple[str, str]] = Counter()

    def __bool__(self) -> bool:
        """Tell whether a canary was seen."""
        return bool(self._canaries)

    def see(self, type_: str, values: Numbers, text: Iterable[str] = ()) -> None:
        """Look at valid numbers of *type_*, encoded as `collectors.content.columns` does.

        *text*: unused but by types whose encoding is not their digits.
        """
        del text
        for value in self._known.suspects(type_, values).tolist():
            canary = self._known.canary_of(type_, f"{value:016d}")
            if canary is not None:
                self._canaries[canary, type_] += 1

    def see_texts(self, type_: str, values: dict[str, int]) -> None:
        """Look at credentials, normalised, with how often each stands in the file."""
        if type_ not in self._known.tokens:
            return
        for value, count in values.items():
            canary = self._known.canary_of(type_, value)
            if canary is not None:
                self._canaries[canary, type_] += count

    def canaries(self) -> tuple[CanarySeen, ...]:
        """Return the canaries that stand in the file."""
        return tuple(
            CanarySeen(id=canary, type=type_, count=count)
            for (canary, type_), count in self._canaries.most_common(_MOST_TOLD)
        )
