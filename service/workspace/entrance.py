"""The workspace behind its gate, as one kind of caller asks it."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import timedelta
from typing import TYPE_CHECKING

from service.kql.template import Kql
from service.table import TableSchema
from service.workspace.protocol import Result, TimeSpan, Workspace

if TYPE_CHECKING:
    from service.workspace.gate import Gate


class Entrance:
    """A workspace whose queries wait for their turn: urgent ones first, because people wait too."""

    def __init__(self, gate: Gate, workspace: Workspace, *, urgent: bool) -> None:
        self._gate = gate
        self._workspace = workspace
        self._urgent = urgent

    @property
    def identity(self) -> str:
        return self._workspace.identity

    @property
    def arrival_uncertainty(self) -> timedelta:
        return self._workspace.arrival_uncertainty

    @property
    def metered(self) -> bool:
        return self._workspace.metered

    async def schema(self) -> TableSchema:
        return await self._gate.schema(urgent=self._urgent)

    async def query(self, kql: Kql, span: TimeSpan, *, deadline: timedelta) -> Result:
        def run(left: float) -> Awaitable[Result]:
            return self._workspace.query(kql, span, deadline=timedelta(seconds=left))

        return await self._gate.ask(
            run, kql.text, urgent=self._urgent, seconds=deadline.total_seconds()
        )

    def portal_link(self, kql: Kql, span: TimeSpan) -> str | None:
        return self._workspace.portal_link(kql, span)

    async def close(self) -> None:
        await self._gate.close()
