"""The backends that the sensor's tests run against."""

from __future__ import annotations

import pytest

from collectors.files.sources.choose import probe_fanotify
from tests.collectors.files.context import BACKEND

EXACT = ("inotify", "fanotify", "fanotify-merged")
"""Backends that tell each creation. The last one is fanotify as before 5.17, in part inexact."""
ALL = (*EXACT, "observer")


@pytest.fixture(params=("inotify", "fanotify"))
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Have every sensor of the test use this backend, in child processes too."""
    name = str(request.param)
    if name.startswith("fanotify") and (reason := probe_fanotify()):
        pytest.skip(reason)
    monkeypatch.setenv(BACKEND, name)
    return name
