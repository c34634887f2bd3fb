"""What two sensors have to agree on: places that both look at."""

from __future__ import annotations

import os
from collections.abc import Mapping

import msgspec

from collectors.api import Settings


def share_web_roots(sensors: dict[str, Settings]) -> dict[str, Settings]:
    """Return *sensors* with the exposure sensor's web roots for the files sensor, if it has none.

    They are set once; which files are handed out decides in both how much a change matters.
    """
    files = sensors.get("files")
    web_roots = getattr(sensors.get("exposure"), "web_roots", ())
    if files is None or not web_roots or getattr(files, "web_roots", None) != ():
        return sensors
    return {**sensors, "files": msgspec.structs.replace(files, web_roots=web_roots)}


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
