"""Recording a directory of a first baseline: nothing to compare with and nothing to tell.

Does what `Settler.name` does for each name, without a row object, a lookup and a statement for
each: making the baseline is most of what the sensor ever costs.
"""

from __future__ import annotations

import os

from collectors.files import attributes
from collectors.files.compare import OUTCOMES, racy, row_of
from collectors.files.dirty import Marks
from collectors.files.listing import Excluding, Gathered
from collectors.files.rows import AGAIN, SILENT, Stored, packed, store
from collectors.files.settle import Settler
from collectors.files.tell import Place

_HASHED = {outcome: OUTCOMES.index(outcome) for outcome in ("hashed", "sampled")}
_UNSEEN = Marks(0.0)
_EACH = 64
"""Names that are recorded together."""


def record(
    settler: Settler, place: Place, excluded: Excluding | None
) -> tuple[list[bytes], bytes | None]:
    """Record everything in the open directory *place*; return subdirectories and its digest."""
    below: list[bytes] = []
    gathered = Gathered()
    guard_name, hashed = settler.guard.guard_name, settler.hasher.hash
    rows: list[tuple[bytes, Stored]] = []
    # For all of a batch: an earlier time makes more of them racy, never fewer.
    started = settler.context.now()
    with os.scandir(place.descriptor) as found:
        # A dict: a directory that changes while it is read may show a name twice.
        entries = {os.fsencode(entry.name): entry for entry in found}
    for count, name in enumerate(sorted(entries)):
        if excluded is not None and excluded(name):
            continue
        entry = entries[name]
        key = guard_name(name)
        if entry.is_file(follow_symlinks=False):
            result = hashed(entry.name, place.descriptor)
            outcome = _HASHED.get(result.outcome)
            if outcome is None or result.state is None or result.attributes is None:
                settler.name(place, name, key, None, _UNSEEN)
                gathered.add(name, key, None)
                continue
            again = AGAIN if racy(result.state.st_ctime_ns, started) else 0
            extra = attributes.pack(result.attributes)
            stored = Stored(packed(result.state), outcome, result.digest, SILENT | again, extra)
        else:
            try:
                state = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            row = settler.other(place, name, row_of(state))
            stored, again = store(row._replace(silent=True)), 0
            if row.type == "dir":
                below.append(name)
        rows.append((key, stored))
        gathered.add(name, key, None if again else stored.state)
        if count % _EACH == 0:
            _add(settler, place, rows)
            started = settler.context.now()
    _add(settler, place, rows)
    return below, gathered.digest()


def _add(settler: Settler, place: Place, rows: list[tuple[bytes, Stored]]) -> None:
    """Record what has come together and forget it."""
    if rows:
        settler.journal.wrote(len(rows))
        settler.baseline.add_all(place.entry.id, place.safe, rows)
        rows.clear()
        settler.commit_if_due()
