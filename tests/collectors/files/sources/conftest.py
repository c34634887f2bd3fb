"""What the tests of the backends share."""

from __future__ import annotations

import pytest

from collectors.files.dirty import DirtySet


@pytest.fixture
def dirty() -> DirtySet:
    return DirtySet()
