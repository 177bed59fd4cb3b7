"""Whoever counts is told of every query that the workspace was asked, and of no other."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest

from service.insights.querying import Querying
from service.workspace.errors import Overloaded, WorkspaceError, WorkspaceTimeout
from tests.workspace.upstream import SPAN, Upstream, query


@pytest.mark.parametrize(
    ("error", "outcomes"),
    [
        (None, ["success"]),
        (WorkspaceTimeout("Too late."), ["WorkspaceTimeout"]),
        (Overloaded("Too much at once."), []),
    ],
)
async def test_only_what_the_workspace_was_asked_counts(
    error: WorkspaceError | None, outcomes: list[str]
) -> None:
    upstream = Upstream()
    upstream.works, upstream.failing = 0.0, lambda: error
    told: list[str] = []
    querying = Querying(
        upstream,
        deadline=timedelta(seconds=9),
        observe=lambda insight, outcome, elapsed, rows: told.append(outcome),
    )
    with suppress(WorkspaceError):
        await querying.query("failures", query(), SPAN)
    assert told == outcomes
