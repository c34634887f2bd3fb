"""The compiled rules that all texts share."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from collectors import child_memory
from collectors.content.custom import Definitions
from collectors.content.custom_forms import CustomIdentifier
from signatures.yara_rules import Rules, compile_family


class RuleSets:
    """The compiled rules that all texts share."""

    def __init__(self, custom: Sequence[CustomIdentifier] = ()) -> None:
        """Compile what every text needs, and what the operator defined.

        Raises:
            signatures.yara_rules.RuleError: a rule is wrong.
        """
        self.text = compile_family("credentials", "context")
        self.custom = Definitions(custom) if custom else None

    @functools.cached_property
    def personal(self) -> Rules:
        """For binaries; text does not need them: numpy sees its digits faster."""
        compiled = compile_family("personal")
        child_memory.trim()  # what compiling took would stay in the middle of the heap
        return compiled
