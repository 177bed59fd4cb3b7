from tests.api.fixtures import engine, pytest_collection_modifyitems, service, shared, store
from tests.metrics.promtool import promtool

__all__ = ["engine", "promtool", "pytest_collection_modifyitems", "service", "shared", "store"]
