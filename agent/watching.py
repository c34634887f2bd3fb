"""Which places are to be looked into although nobody sees changes there."""

from __future__ import annotations

import os
from collections.abc import Mapping

from collectors.api import Settings


def unwatched(sensors: Mapping[str, Settings]) -> list[str]:
    """Return a warning for each path of the exposure sensor that the files sensor does not watch.

    The exposure sensor looks into what the files sensor sees change, and once into web roots.
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
        follows = (
            "it is swept once, and a file that comes later is not seen"
            if path in web_roots
            else "files there are only found by 'ronda-agent scan'"
        )
        warnings.append(f"{path} is not below any of the paths in [sensors.files]: {follows}")
    return warnings
