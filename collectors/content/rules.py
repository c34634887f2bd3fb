"""The compiled rules that all texts share."""

from __future__ import annotations

import functools

from signatures.yara_rules import Rules, compile_family


class RuleSets:
    """The compiled rules that all texts share."""

    def __init__(self) -> None:
        """Compile what every text needs.

        Raises:
            signatures.yara_rules.RuleError: a rule is wrong.
        """
        self.text = compile_family("credentials", "context")

    @functools.cached_property
    def personal(self) -> Rules:
        """For binaries; text does not need them: numpy sees its digits faster."""
        return compile_family("personal")
