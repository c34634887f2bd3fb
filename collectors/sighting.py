"""What a sensor says it saw: already redacted, not yet sealed."""

from __future__ import annotations

import msgspec

from collectors.kinds import Kind


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """One observation. Its record has no field that may hold matched bytes."""

    record: Kind
    observed: int
    """ns since 1970, UTC."""
    module: str
    """Name of the sensor that saw it."""
    severity: int | None = None
    """A `collectors.kinds.Severity`; None takes the default of the kind."""
