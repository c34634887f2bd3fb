"""Signing on and off: how the sensor knows, when it starts, that it was away.

A run writes a beat now and then and ``clean`` when it ends as it should. What lies between the last
beat and the start is a gap; the first comparison repairs it.
"""

from __future__ import annotations

from collectors.api import SensorContext
from collectors.files.baseline import DAMAGED, Baseline
from collectors.files.journal import NAME
from collectors.files.notes import Gap
from collectors.files.visibility import BASELINE_LOST

_SHORT = 1_000_000_000
"""ns: a restart that is not worth a word."""


def sign_on(baseline: Baseline, context: SensorContext) -> None:
    """Keep the time since the last run as a gap; from here on this run counts as not ended."""
    last = baseline.get("beat")
    now = context.now()
    if last is None and _had_baseline(context):
        baseline.add_gap(Gap(BASELINE_LOST, now, now))
    if last is not None:
        clean = baseline.get("clean") == 1
        if not clean or abs(now - last) > _SHORT:
            baseline.add_gap(Gap("stopped" if clean else "crashed", min(last, now), now))


def begin(baseline: Baseline, context: SensorContext) -> None:
    """Record that this run has begun."""
    baseline.put("clean", 0)
    baseline.put("beat", context.now())


def sign_off(baseline: Baseline, context: SensorContext) -> None:
    """Record that this run has ended as it should."""
    baseline.begin()
    baseline.put("clean", 1)
    baseline.put("beat", context.now())
    baseline.commit()


def _had_baseline(context: SensorContext) -> bool:
    """Tell whether this new baseline stands in for one that was damaged or removed."""
    damaged = any(context.state_dir.glob(DAMAGED + "*"))
    return damaged or context.cursor(NAME) > 0
