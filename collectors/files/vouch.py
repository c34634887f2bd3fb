"""Telling the collector which rows the baseline holds, so that it can tell when they were altered.

The collector keeps the root told last. Whoever edits or replaces the database while the sensor is
stopped cannot change that, and the next ``opened`` does not fit it; one who edits it while the
sensor runs shows at the next ``verified``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from collectors.files.baseline import Baseline
from collectors.files.commitment import WIDTH, Commitment
from collectors.files.journal import Journal, root_record

_PULSE = 256
"""Rows between two pulses."""
_MODULUS = 1 << (8 * WIDTH)

_log = logging.getLogger(__name__)


class Voucher:
    """Computes the commitment anew and tells it."""

    def __init__(self, baseline: Baseline, journal: Journal, pulse: Callable[[], None]) -> None:
        """*pulse* may raise to give up; nothing is told then."""
        self._baseline = baseline
        self._journal = journal
        self._pulse = pulse

    def opened(self) -> None:
        """Tell what the rows are at the start; before any of them is changed."""
        self._tell("opened")

    def verified(self) -> None:
        """Tell what the rows are now. Takes about 3 s for a million of them."""
        self._journal.commit()
        self._tell("verified")

    def scanned(self) -> None:
        """Tell the root at the end of a comparison of the whole tree."""
        self._journal.commit()
        self._journal.tell(root_record("scanned", self._baseline.commitment, self._baseline))

    def _tell(self, action: str) -> None:
        kept = self._baseline.kept()
        found = computed(self._baseline, self._pulse)
        if kept is not None and kept != found:
            _log.error("files: the baseline was altered by somebody else; the collector is told")
        self._journal.wrote()
        self._baseline.commitment = found
        self._baseline.seal()
        self._journal.tell(root_record(action, found, self._baseline, kept))
        self._journal.commit()


def computed(baseline: Baseline, pulse: Callable[[], None]) -> Commitment:
    """Return the commitment to the rows as they are, whatever is stored beside them."""
    total = count = 0
    for _, path, name, stored in baseline.all_rows():
        total += stored.term(path, name)
        count += 1
        if count % _PULSE == 0:
            pulse()
    return Commitment(total % _MODULUS, count)
