"""A collector for each module, an agent for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from server.store.events import EventStore
from tests.server.ingest.rig import Agent, Collector, make_config, new_agent


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """A running ingest role."""
    made = Collector(make_config(tmp_path_factory.mktemp("collector")))
    made.start()
    yield made
    assert made.end() == 0


@pytest.fixture
def agent(collector: Collector, tmp_path: Path) -> Agent:
    """A new agent."""
    return new_agent(collector, tmp_path)


@pytest.fixture
def store(collector: Collector) -> Iterator[EventStore]:
    """What the collector stored."""
    opened = EventStore(collector.config.events_dir)
    yield opened
    opened.close()
