"""Fixtures of all tests that ask the simulator."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from service.workspace.log_analytics import LogAnalyticsWorkspace
from tests.simulator import WORKSPACE_ID, Logs, Simulator
from tests.stores import NOW, Event, write_store
from tests.workspace.log_analytics.simulated import simulated

__all__ = ["simulator", "simulator_running", "stored", "workspace"]


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of a few hundred events."""
    path = tmp_path_factory.mktemp("log-analytics") / "events.duckdb"
    return write_store(path, (Event(at=NOW - timedelta(minutes=n)) for n in range(300)))


@pytest.fixture(scope="session")
def simulator_running(stored: Path) -> Iterator[Simulator]:
    with Simulator({WORKSPACE_ID: Logs(stored)}) as running:
        yield running


@pytest.fixture
def simulator(simulator_running: Simulator, stored: Path) -> Iterator[Simulator]:
    """The simulator, well again after each test."""
    simulator_running.reset()
    yield simulator_running
    simulator_running.recover()
    simulator_running.hold(WORKSPACE_ID, Logs(stored))


@pytest.fixture
async def workspace(simulator: Simulator) -> AsyncIterator[LogAnalyticsWorkspace]:
    """The workspace that asks the simulator."""
    async with simulated(simulator) as opened:
        yield opened
