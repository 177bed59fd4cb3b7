"""What both workspaces give for the same KQL is the same, to the type."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.kql.template import Template
from service.workspace.embedded import EmbeddedWorkspace
from service.workspace.log_analytics import LogAnalyticsWorkspace
from tests.stores import open_workspace
from tests.workspace.log_analytics.simulated import EVER, PATIENT

VALUES = Template("""
print Text = {text:string}, Number = {number:long}, Real = {real:real}, Yes = {yes:bool},
    At = {at:datetime}, For = {span:timespan}, Ids = {ids:dynamic}, Nothing = long(null)
""")


@pytest.fixture
async def embedded(stored: Path) -> AsyncIterator[EmbeddedWorkspace]:
    workspace = open_workspace(stored)
    yield workspace
    await workspace.close()


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    text=st.text(max_size=20),
    number=st.integers(-(2**63) + 1, 2**63 - 1),
    real=st.floats(),
    yes=st.booleans(),
    at=st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
    span=st.timedeltas(timedelta(0), timedelta(days=9999)),
    ids=st.lists(st.text(max_size=5) | st.integers(0, 9) | st.none(), max_size=4),
)
async def test_values_are_those_of_the_embedded_workspace(
    workspace: LogAnalyticsWorkspace, embedded: EmbeddedWorkspace, **values: Any
) -> None:
    kql = VALUES.fill(**values)
    ours = await workspace.query(kql, EVER, deadline=PATIENT)
    theirs = await embedded.query(kql, EVER, deadline=PATIENT)
    assert ours.rows == theirs.rows
    assert [[type(value) for value in row] for row in ours.rows] == [
        [type(value) for value in row] for row in theirs.rows
    ]
    assert ours.columns == theirs.columns
