"""The embedded engine, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kql.hostile import Engine


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    running = Engine()
    yield running
    running.close()
