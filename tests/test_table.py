"""The table, and what a workspace may lack of it."""

from __future__ import annotations

import pytest

from service.table import COLUMNS, TableSchema

ALL = frozenset(COLUMNS)


def test_whole_table_lacks_nothing() -> None:
    assert TableSchema().missing == ()
    assert all(map(TableSchema().has, COLUMNS))


@pytest.mark.parametrize("gone", ["Action", "ProvisioningAction"])
def test_one_action_column_is_enough(gone: str) -> None:
    schema = TableSchema(ALL - {gone})
    assert schema.missing == ()
    assert not schema.has(gone)


def test_what_is_missing_comes_in_the_order_of_the_table() -> None:
    schema = TableSchema(ALL - {"ProvisioningSteps", "Action", "ProvisioningAction", "CycleId"})
    assert schema.missing == ("CycleId", "Action", "ProvisioningAction", "ProvisioningSteps")


def test_columns_of_a_workspaces_own_are_no_hindrance() -> None:
    assert TableSchema(ALL | {"Region_CF"}).missing == ()
