import pytest

from tests.api.engines import ENGINES, Engine
from tests.api.fixtures import pytest_collection_modifyitems, service, shared, store

__all__ = ["engine", "pytest_collection_modifyitems", "service", "shared", "store"]


@pytest.fixture(scope="session", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Which workspace the service asks: every route is tested on both."""
    found: Engine = request.param
    return found
