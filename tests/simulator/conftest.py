"""A small store that is simulated, and a plain caller that has a token."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.simulator import WORKSPACE_ID, Logs, Simulator
from tests.simulator.calling import Caller, calling
from tests.stores import NOW, Event, write_store


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve events, one an hour, the newest at `NOW`; all arrived then."""
    path = tmp_path_factory.mktemp("simulated") / "events.duckdb"
    return write_store(path, [Event(NOW - timedelta(hours=hour)) for hour in range(12)])


@pytest.fixture(scope="session")
def other_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three events of another job."""
    path = tmp_path_factory.mktemp("simulated") / "other.duckdb"
    events = [Event(NOW - timedelta(hours=hour), job="job-b", id=f"b{hour}") for hour in range(3)]
    return write_store(path, events)


@pytest.fixture
def simulator(store: Path) -> Iterator[Simulator]:
    with Simulator({WORKSPACE_ID: Logs(store)}, now=lambda: NOW) as running:
        yield running


@pytest.fixture
def caller(simulator: Simulator) -> Iterator[Caller]:
    with calling(simulator) as made:
        yield made
