"""The service over HTTP, with a clock that a test moves and logs that arrive as it does."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import httpx
import uvicorn

from service.app import create_app
from service.settings import Settings
from service.workspace.embedded import EmbeddedWorkspace
from tests.api.service import Rest
from tests.api.world import Clock, made_store


class Arrivals:
    """A workspace's table into which events come, from a store of all there will ever be."""

    def __init__(self, folder: Path, events: Iterable[bytes]) -> None:
        store = made_store(folder / "all.duckdb", iter(events))
        self.connection = duckdb.connect(config={"threads": 2})
        self.connection.execute(f"ATTACH '{store}' AS logs (READ_ONLY)")
        self.connection.execute("CREATE TABLE events AS FROM logs.events LIMIT 0")
        self._until = datetime(1, 1, 1)

    def arrive(self, now: datetime) -> None:
        """Lets come what happened before now and did not come yet."""
        until = now.astimezone(UTC).replace(tzinfo=None)
        self.connection.execute(
            "INSERT INTO events SELECT * REPLACE (? AS _Arrived) FROM logs.events "
            "WHERE TimeGenerated >= ? AND TimeGenerated < ?",
            [until, self._until, until],
        )
        self._until = until


class Simulated:
    """A running service: `step` moves its time on, and returns when it has looked for news."""

    def __init__(self, client: httpx.AsyncClient, clock: Clock, rest: Rest, logs: Arrivals) -> None:
        self.client = client
        self.clock = clock
        self._rest = rest
        self._logs = logs

    async def step(self, **passed: float) -> None:
        self.clock.advance(**passed)
        self._logs.arrive(self.clock.now())
        await self._rest.end()


@asynccontextmanager
async def simulated(
    folder: Path, events: Iterable[bytes], start: datetime, settings: Settings
) -> AsyncIterator[Simulated]:
    """The service on a free port, at this time, over what had happened by then."""
    clock, rest, logs = Clock(start), Rest(), Arrivals(folder, events)
    logs.arrive(start)
    workspace = EmbeddedWorkspace(logs.connection, now=clock.now)
    app = create_app(
        settings, workspace, now=clock.now, monotonic=clock.monotonic, sleep=rest.sleep
    )
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        serving = asyncio.create_task(server.serve(sockets=[sock]))
        try:
            await rest.begun.wait()
            async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as client:
                yield Simulated(client, clock, rest, logs)
        finally:
            server.should_exit = True
            await serving
