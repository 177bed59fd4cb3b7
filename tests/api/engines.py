"""The two workspaces that every route is tested on; both answer from a store of ours."""

from __future__ import annotations

import asyncio
import shutil
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from service.records.store import open_for_reading
from service.workspace.embedded import EmbeddedWorkspace
from service.workspace.log_analytics import LogAnalyticsWorkspace
from service.workspace.protocol import Workspace
from tests.api.world import Clock
from tests.simulator import WORKSPACE_ID, Logs, Simulator
from tests.workspace.log_analytics.simulated import place_of, secret_of

Engine = Literal["embedded", "log-analytics"]
ENGINES: tuple[Engine, ...] = ("embedded", "log-analytics")

_FOREVER = timedelta(days=10_000)


def over(store: Path, clock: Clock, engine: Engine = "embedded") -> Workspace:
    """A workspace over a copy of the store: DuckDB shares what one process opens twice."""
    if engine == "log-analytics":
        return _OfSimulator(store, clock)
    with TemporaryDirectory() as folder:
        copy = Path(shutil.copy(store, folder))
        connection = open_for_reading(copy, memory_limit="256MB", threads=2)
    return EmbeddedWorkspace(connection, now=clock.now)


class _OfSimulator(LogAnalyticsWorkspace):
    """Log Analytics with a simulator of its own, whose clock is the service's."""

    def __init__(self, store: Path, clock: Clock) -> None:
        self._folder = TemporaryDirectory()
        logs = Logs(Path(shutil.copy(store, self._folder.name)))
        self._simulator = Simulator(
            {WORKSPACE_ID: logs}, now=clock.now, token_lifetime=_FOREVER, memory="256MB"
        )
        self._simulator.__enter__()
        super().__init__(place_of(self._simulator), secret_of(self._simulator), now=clock.now)

    async def close(self) -> None:
        await super().close()
        await asyncio.to_thread(self._simulator.__exit__)
        self._folder.cleanup()
