"""What a look means, given the last one. Pure."""

from __future__ import annotations

from typing import NamedTuple

from collectors.content.result import SAMPLED
from collectors.exposure.examine import (
    CHANGED,
    CLEAN,
    FOUND,
    GONE,
    INCOMPLETE,
    SKIPPED,
    Look,
)
from collectors.kinds import ExposureCleared, Kind, Scrubbed

MOST_TRIES = 3
"""Looks at a file that changes under our eyes, before the last one has to do."""


class Step(NamedTuple):
    """What is to be written and told."""

    records: tuple[tuple[Kind, int | None], ...] = ()
    """Each with its severity; None takes the kind's."""
    remember: str | None = None
    """Digest to remember for this signature."""
    forget: bool = False
    again: bool = False


def settle(look: Look, previous: str, shown: Scrubbed, token: str | None) -> Step:
    """Return what follows from *look*; *previous* is the remembered digest, empty when clean."""
    was_finding = bool(_finding(previous))
    if look.outcome == CHANGED:
        return Step(again=True)
    if look.outcome == GONE:
        return Step(_cleared("deleted", shown, token) if was_finding else (), forget=True)
    if look.outcome in (FOUND, INCOMPLETE):
        return _told(look, previous)
    if look.outcome == CLEAN:
        return Step(_cleared("clean", shown, token) if was_finding else (), remember="")
    if look.outcome == SAMPLED:  # what was found before may stand where nobody has looked
        return Step(remember=f"{SAMPLED}/{_finding(previous)}")
    if look.outcome == SKIPPED and look.signature is None:
        return Step()
    return Step(remember=previous)


def _told(look: Look, previous: str) -> Step:
    records: list[tuple[Kind, int | None]] = []
    finding = _finding(previous)
    if look.outcome == FOUND:
        said, remember = finding, look.digest
    else:
        said, remember = previous.partition("/")[0], f"{look.digest}/{finding}"
    if look.record is not None and look.digest != said:
        records.append((look.record, look.severity))
    if look.crash is not None:
        records.append((look.crash, None))
    return Step(tuple(records), remember=remember)


def _finding(digest: str) -> str:
    # "<sha256>", or "<outcome>/<sha256 of the finding before>" after a look that failed.
    last = digest.rpartition("/")[2]
    return last if len(last) == 64 else ""


def _cleared(
    reason: str, shown: Scrubbed, token: str | None
) -> tuple[tuple[Kind, int | None], ...]:
    return ((ExposureCleared(path=shown, reason=reason, path_token=token), None),)
