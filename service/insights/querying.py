"""Sends queries to the workspace in an insight's name, with the deadline, and tells who counts."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Protocol

from service.kql.template import Kql
from service.table import TableSchema
from service.workspace.errors import Overloaded, WorkspaceError
from service.workspace.protocol import Result, TimeSpan, Workspace


class QueryObserver(Protocol):
    """Told of every query that the workspace was asked: for metrics and logs."""

    def __call__(self, insight: str, outcome: str, elapsed: float, rows: int) -> None: ...


class Querying:
    """The one way from insights to the workspace."""

    def __init__(
        self, workspace: Workspace, *, deadline: timedelta, observe: QueryObserver
    ) -> None:
        self._workspace = workspace
        self._deadline = deadline
        self._observe = observe

    @property
    def identity(self) -> str:
        return self._workspace.identity

    @property
    def arrival_uncertainty(self) -> timedelta:
        return self._workspace.arrival_uncertainty

    async def schema(self) -> TableSchema:
        return await self._workspace.schema()

    async def query(self, insight: str, kql: Kql, span: TimeSpan) -> Result:
        """The query's table; raises a `WorkspaceError` where there is none."""
        started = time.perf_counter()
        try:
            result = await self._workspace.query(kql, span, deadline=self._deadline)
        except Overloaded:  # The workspace was not asked.
            raise
        except WorkspaceError as error:
            self._observe(insight, type(error).__name__, time.perf_counter() - started, 0)
            raise
        outcome = "partial" if result.partial else "success"
        self._observe(insight, outcome, time.perf_counter() - started, len(result.rows))
        return result

    def portal_link(self, kql: Kql, span: TimeSpan) -> str | None:
        """A link that opens the query in the Azure portal, where there is one."""
        return self._workspace.portal_link(kql, span)
