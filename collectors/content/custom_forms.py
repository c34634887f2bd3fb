"""What an operator defines in ``[[sensors.exposure.identifiers]]``, and how it is checked."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from signatures.identifiers import BY_NAME, custom

PREFIX = "custom."
"""Before the name in findings: ``custom.no_rm``."""


class CustomIdentifier(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One identifier or dictionary of the operator."""

    name: str
    """Small letters, digits, underscores; findings say ``custom.NAME``."""
    pattern: str = ""
    """A regular expression with an end to every repetition and a literal of 3 characters."""
    words: tuple[str, ...] = ()
    """Instead of a pattern: whole words, capitals or not."""
    keys: tuple[str, ...] = ()
    """If given, a column or key with one of these names has to hold the value."""
    least: int = 1
    """Fewer in a file are not told."""
    weight: int = 40
    """Sensitivity of one value, 0 to 100."""

    def __post_init__(self) -> None:
        """Check all of it.

        Raises:
            ValueError: begins with the name of the wrong key.
        """
        self._check("name", lambda: custom.check_name(self.name, frozenset(BY_NAME)))
        if bool(self.pattern) == bool(self.words):
            raise ValueError("pattern: give either a pattern or words")
        if self.pattern:
            self._check("pattern", lambda: custom.parse(self.pattern))
        self._check("words", lambda: custom.check_words(self.words))
        for name, low, high in (("least", 1, 1_000_000), ("weight", 0, 100)):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name}: out of range ({low} to {high})")

    @staticmethod
    def _check(key: str, check: Callable[[], object]) -> None:
        try:
            check()
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from error
