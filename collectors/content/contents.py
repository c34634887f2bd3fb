"""One text, block after block: which rules match, what is counted, what it amounts to.

A file is one; so is a member of an archive, or a sheet of a workbook.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from collectors.content.credentials import Credentials, with_data
from collectors.content.custom import Custom, Definitions
from collectors.content.custom_forms import CustomIdentifier
from collectors.content.digits import Bytes
from collectors.content.later import Later
from collectors.content.layout import choose
from collectors.content.named import Named
from collectors.content.numbers import Numbers
from collectors.kinds import Tally
from collectors.redact import Redactor
from signatures.yara_rules import Rules, compile_family, hits

_YARA_SECONDS = 60


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
        return compile_family("personal")


class Contents:
    """Feed blocks that begin and end between values, then ask for tallies."""

    def __init__(
        self, rules: RuleSets, redactor: Redactor, *, head: bytes, suffix: str, binary: bool
    ) -> None:
        """*head*: the first kilobytes; *suffix*: the extension of the name; *binary*: has NULs."""
        self._rules = rules
        self._binary = binary
        self._layout = Later(functools.partial(choose, head, suffix))
        self._numbers = Numbers(self._layout, redactor)
        self._named = Named(self._layout, redactor)
        self._credentials = Credentials(redactor)
        custom = rules.custom
        self._custom = Custom(custom, self._layout, redactor) if custom else None
        self._seen: set[str] = set()
        self._found = False

    @property
    def format(self) -> str:
        """Return the format of a text in which something was found; it costs time to tell."""
        if self._binary:
            return "binary"
        return self._layout.format if self._found else "text"

    def feed(self, data: bytes) -> None:
        """Count what *data* holds.

        Raises:
            TimeoutError: YARA did not finish.
        """
        matched = hits(self._rules.text, data, _YARA_SECONDS)
        self._seen |= matched  # the name of a column stands in the first block only
        self._credentials.feed(data, matched)
        if not self._binary or hits(self._rules.personal, data, _YARA_SECONDS):
            block: Bytes = np.frombuffer(data, np.uint8)
            self._layout.begin(data)
            self._numbers.feed(data, block, self._seen)
            self._named.feed(data, block, self._seen)
            if self._custom is not None:
                self._custom.feed(data, block)

    def tallies(self, *, exact: bool) -> list[Tally]:
        """Return one tally for each type found; *exact* says that nothing was left out."""
        found = self._numbers.tallies(exact=exact)
        found += self._named.tallies({tally.type for tally in found}, exact=exact)
        types = {tally.type for tally in found}
        if self._custom is not None:
            found += self._custom.tallies(exact=exact)
        found += with_data(self._credentials.tallies(exact=exact), types)
        self._found = bool(found)
        return found
