"""Real interfaces for tests of the network sensor."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.collectors.network.namespaces import Cable


@pytest.fixture
def cable() -> Iterator[Cable]:
    """Give two namespaces with a cable between them. For tests marked ``root`` and ``mounts``."""
    made = Cable()
    try:
        made.plug()
        yield made
    finally:
        made.close()
