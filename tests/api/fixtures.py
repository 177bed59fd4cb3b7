"""Fixtures of all tests that ask the service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
import pytest_asyncio

from tests.api.engines import Engine
from tests.api.service import Service, Start, running
from tests.api.world import made_store, tenant

__all__ = ["engine", "pytest_collection_modifyitems", "service", "shared", "store"]


@pytest.fixture(scope="session")
def engine() -> Engine:
    """Which workspace the service asks."""
    return "embedded"


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of the small tenant."""
    return made_store(tmp_path_factory.mktemp("api") / "tenant.duckdb", tenant())


@pytest.fixture
async def service(store: Path, engine: Engine) -> AsyncIterator[Service]:
    """The service over the small tenant, loaded, its queries counted from here on."""
    async with running(Start(store, engine=engine)) as started:
        await started.settled()
        yield started


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared(store: Path, engine: Engine) -> AsyncIterator[Service]:
    """The same for all tests that neither move its clock nor trouble its workspace."""
    async with running(Start(store, engine=engine)) as started:
        await started.settled()
        yield started


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """A test that asks the shared service runs in the event loop where that lives."""
    for item in items:
        if "shared" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
