"""The backends that the sensor's tests run against."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from collectors.files.sources.choose import probe_fanotify
from tests.collectors.files.context import BACKEND


@pytest.fixture(params=("inotify", "fanotify"))
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Have every sensor of the test use this backend, in child processes too."""
    name = str(request.param)
    if name == "fanotify" and (reason := probe_fanotify()):
        pytest.skip(reason)
    monkeypatch.setenv(BACKEND, name)
    return name


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What a test enters ends with it, also when it fails: the next finds nothing left behind."""
    with ExitStack() as made:
        yield made
