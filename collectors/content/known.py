"""Values that somebody has a name for: canaries that were planted, people in a register."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from collectors.content.digits import Ints
from collectors.content.people import People, Registers
from collectors.content.result import CanarySeen, RegisterSeen
from collectors.content.validate import Numbers
from collectors.knowledge import Canary
from collectors.redact import Redactor

_MOST_TOLD = 50
"""Canaries of one file that are told."""


class Known:
    """What is known, for all files."""

    def __init__(self, key: bytes, redactor: Redactor, canaries: Sequence[Canary]) -> None:
        """*key* is the fleet key that marks and registers were made with."""
        self._redactor = redactor
        self.registers = Registers(key, redactor)
        self.tokens: dict[str, dict[str, str]] = {}
        """Type and token to the id of the canary."""
        hashes: dict[str, list[int]] = {}
        for canary in canaries:
            for mark in canary.marks:
                self.tokens.setdefault(mark.type, {})[mark.token] = canary.id
                if mark.hash is not None:
                    hashes.setdefault(mark.type, []).append(mark.hash)
        self.hashes = {
            type_: np.unique(np.array(values, np.uint64)) for type_, values in hashes.items()
        }
        """Of the numbers among the canaries, by type."""

    def watch(self, descriptors: Sequence[int] = ()) -> Watch:
        """Return a watch over one file; *descriptors* are of registers."""
        return Watch(self, People(self.registers, self.registers.attach(descriptors)))

    def canary_of(self, type_: str, value: str) -> str | None:
        """Return the canary that has *value*, normalised, if any."""
        tokens = self.tokens.get(type_)
        return tokens.get(self._redactor.token(type_, value)) if tokens else None


class Watch:
    """What was seen in one file."""

    def __init__(self, known: Known, people: People) -> None:
        self._known = known
        self._people = people
        self._canaries: Counter[tuple[str, str]] = Counter()

    def __bool__(self) -> bool:
        """Tell whether a canary was seen, or somebody of a register."""
        return bool(self._canaries) or bool(self._people)

    def wants(self, type_: str) -> bool:
        """Tell whether anything is known of numbers of *type_*."""
        return type_ in self._known.hashes or self._people.wants(type_)

    def see(self, type_: str, values: Numbers, data: bytes, starts: Ints) -> None:
        """Look at valid numbers, encoded as `collectors.content.columns` does.

        *starts*: where each stands in *data*.
        """
        wanted = self._known.hashes.get(type_)
        people = self._people.wants(type_)
        if not len(values) or (wanted is None and not people):
            return
        hashes = self._known.registers.hash_numbers(type_, values)
        if wanted is not None:
            for value in values[np.isin(hashes, wanted)].tolist():
                self._count(type_, f"{value:016d}", 1)
        if people:
            self._people.see(type_, values, hashes, data, starts)

    def see_texts(self, type_: str, values: dict[str, int]) -> None:
        """Look at credentials, normalised, with how often each stands in the file."""
        if type_ in self._known.tokens:
            for value, count in values.items():
                self._count(type_, value, count)

    def _count(self, type_: str, value: str, count: int) -> None:
        canary = self._known.canary_of(type_, value)
        if canary is not None:
            self._canaries[canary, type_] += count

    def canaries(self) -> tuple[CanarySeen, ...]:
        """Return the canaries that stand in the file."""
        return tuple(
            CanarySeen(id=canary, type=type_, count=count)
            for (canary, type_), count in self._canaries.most_common(_MOST_TOLD)
        )

    def people(self) -> tuple[RegisterSeen, ...]:
        """Return the people of registers that stand in the file."""
        return self._people.told()
