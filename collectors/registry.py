"""Finding sensors: built-ins and strangers enter by the same door."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import cast

from collectors.api import SensorFactory, Settings

GROUP = "ronda.sensors"


@functools.cache
def load_sensors() -> Mapping[str, SensorFactory]:
    """Return the installed sensors by name.

    Raises:
        ImportError: an entry point cannot be imported; its package is named.
        ValueError: a sensor's ``name`` is not its entry point's, or two have the same one.
    """
    found: dict[str, SensorFactory] = {}
    for point in entry_points(group=GROUP):
        try:
            factory = cast("SensorFactory", point.load())
        except ImportError as error:
            raise ImportError(f"sensor {point.name!r} ({point.value}): {error}") from error
        if factory.name != point.name:
            raise ValueError(
                f"sensor {point.value} calls itself {factory.name!r}, not {point.name!r}"
            )
        if point.name in found:
            raise ValueError(f"two packages offer a sensor named {point.name!r}")
        found[point.name] = factory
    return found


def settings_types() -> dict[str, type[Settings]]:
    """Return the settings struct of each installed sensor."""
    return {name: factory.settings_type for name, factory in load_sensors().items()}
