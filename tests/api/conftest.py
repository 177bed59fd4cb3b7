from tests.api.fixtures import pytest_collection_modifyitems, service, shared, store

__all__ = ["pytest_collection_modifyitems", "service", "shared", "store"]
