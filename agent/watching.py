"""What sensors have to agree on: places that two of them look at, values that two look for."""

from __future__ import annotations

import os
from collections.abc import Mapping

import msgspec

from collectors.api import Settings

_SHARED = (("web_roots", "files"), ("identifiers", "network"))
"""Settings of the exposure sensor, and who takes them over if it has none of its own."""


def share(sensors: dict[str, Settings]) -> dict[str, Settings]:
    """Return *sensors* with what is set once, for the exposure sensor, but meant for others, too.

    Which files are handed out decides how much a change of them matters; what the operator looks
    for in files is looked for in what crosses the network.
    """
    for setting, name in _SHARED:
        other = sensors.get(name)
        value = getattr(sensors.get("exposure"), setting, ())
        if other is not None and value and getattr(other, setting, None) == ():
            sensors = {**sensors, name: msgspec.structs.replace(other, **{setting: value})}
    return sensors


_FOLLOWS = "what changes there is found by the sweep (sweep_hours, sweep_interval), not at once"


def unwatched(sensors: Mapping[str, Settings]) -> list[str]:
    """Return a warning for each path of the exposure sensor that the files sensor does not watch.

    The exposure sensor looks at once into what the files sensor sees change, into all else when it
    sweeps.
    """
    files, exposure = sensors.get("files"), sensors.get("exposure")
    if exposure is None or not exposure.enabled:
        return []
    watched = getattr(files, "paths", ()) if files is not None and files.enabled else ()
    tops = [os.path.realpath(path) for path in watched]
    web_roots = getattr(exposure, "web_roots", ())
    warnings = []
    for path in dict.fromkeys((*web_roots, *getattr(exposure, "paths", ()))):
        real = os.path.realpath(path)
        if any(os.path.commonpath((real, top)) == top for top in tops):
            continue
        warnings.append(f"{path} is not below any of the paths in [sensors.files]: {_FOLLOWS}")
    return warnings
