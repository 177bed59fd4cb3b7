"""The table's columns, for workspaces where asking for them costs a query."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from service.table import TableSchema
from service.workspace.errors import Overloaded, WorkspaceError, WorkspaceUnanswered

_LASTS = 3600.0
_ASKED_AGAIN_AFTER = 60.0
"""Seconds, where the columns are known and asking again failed."""


class KnownSchema:
    """Asked once for everybody, and again by background work after an hour or when in doubt.

    `ask` asks the workspace; it is told whether somebody waits. `observe` is told of every time
    that the workspace was asked: the outcome as in `QueryObserver`, seconds and rows.
    """

    def __init__(
        self,
        ask: Callable[[bool], Awaitable[TableSchema]],
        *,
        monotonic: Callable[[], float],
        observe: Callable[[str, float, int], None],
    ) -> None:
        self._ask = ask
        self._observe = observe
        self._monotonic = monotonic
        self._known: TableSchema | None = None
        self._until = 0.0
        self._asking: asyncio.Task[TableSchema] | None = None

    async def get(self, *, urgent: bool, may_ask: bool) -> TableSchema:
        """The columns; raises what the workspace raises while they are not known.

        Where they are, nobody waits for them, and nobody asks unless `may_ask`.
        """
        if self._known and (urgent or not may_ask or self._monotonic() < self._until):
            return self._known
        if self._asking is None:
            self._asking = asyncio.create_task(self._renewed(urgent))
            self._asking.add_done_callback(self._done)
        return await asyncio.shield(self._asking)

    def doubt(self) -> None:
        """Tells that a query was refused: the table may have lost a column."""
        self._until = 0.0

    def close(self) -> None:
        if self._asking:
            self._asking.cancel()

    async def _renewed(self, urgent: bool) -> TableSchema:
        lasts = _LASTS
        try:
            self._known = await self._observed(urgent)
        except WorkspaceUnanswered:
            if self._known is None:
                raise
            lasts = _ASKED_AGAIN_AFTER
        self._until = self._monotonic() + lasts
        return self._known

    async def _observed(self, urgent: bool) -> TableSchema:
        started = self._monotonic()
        try:
            schema = await self._ask(urgent or self._known is None)
        except Overloaded:  # The workspace was not asked.
            raise
        except WorkspaceError as error:
            self._observe(type(error).__name__, self._monotonic() - started, 0)
            raise
        self._observe("success", self._monotonic() - started, len(schema.columns))
        return schema

    def _done(self, task: asyncio.Task[TableSchema]) -> None:
        self._asking = None
        if not task.cancelled():
            task.exception()  # told to whoever waited, if anybody still did
