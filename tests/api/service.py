"""The service in this process, over ASGI, and workspaces that count or fail."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from starlette.types import ASGIApp, Message

from service.app import create_app
from service.kql.template import Kql
from service.records.store import open_for_reading
from service.settings import Settings
from service.table import TableSchema
from service.workspace.embedded import EmbeddedWorkspace
from service.workspace.protocol import Result, TimeSpan, Workspace
from tests.api.world import Clock

SETTINGS = Settings(cursor_key="for the tests", metrics_every=timedelta(days=300))  # type: ignore[arg-type]


class Recording:
    """A workspace that keeps every query it is sent, and fails while `failing` is an error."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.queries: list[str] = []
        self.failing: Exception | None = None
        self.closed = False
        self.asked = asyncio.Event()
        self.gate: asyncio.Event | None = None

    @property
    def identity(self) -> str:
        return self._workspace.identity

    async def schema(self) -> TableSchema:
        return await self._workspace.schema()

    async def query(self, kql: Kql, span: TimeSpan, *, deadline: timedelta) -> Result:
        self.queries.append(kql.text)
        self.asked.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.failing is not None:
            raise self.failing
        return await self._workspace.query(kql, span, deadline=deadline)

    def portal_link(self, kql: Kql, span: TimeSpan) -> str | None:
        return self._workspace.portal_link(kql, span)

    async def close(self) -> None:
        self.closed = True
        await self._workspace.close()


@dataclass
class Service:
    """A running service: ask it through `client`, move its `clock`, see its `workspace`."""

    client: httpx.AsyncClient
    clock: Clock
    workspace: Recording
    app: ASGIApp

    async def get(self, url: str, status: int = 200, **options: Any) -> httpx.Response:
        """The answer to a GET, which must have this status."""
        answer = await self.client.get(url, **options)
        assert answer.status_code == status, answer.text
        return answer

    async def json(self, url: str, **options: Any) -> Any:
        return (await self.get(url, **options)).json()

    async def problem(self, url: str, status: int, code: str, **options: Any) -> Any:
        """The problem that a GET is answered with."""
        answer = await self.get(url, status, **options)
        problem = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert problem["code"] == code
        return problem

    async def settled(self) -> None:
        """Returns when the first refresh of the metrics is over, so that queries can be counted."""
        for _ in range(2000):
            if (await self.client.get("/readyz")).status_code == 200:
                self.workspace.queries.clear()
                return
            await asyncio.sleep(0.005)
        raise AssertionError("the service was not ready in time")


@dataclass
class Start:
    """How to start a service."""

    store: Path
    settings: Settings = SETTINGS
    clock: Clock = field(default_factory=Clock)
    prepare: Callable[[Recording], None] = lambda _: None


@asynccontextmanager
async def running(start: Start) -> AsyncIterator[Service]:
    """The service with its lifespan run, closed at the end.

    It serves a copy of the store: DuckDB shares what one process opens twice, locked as it is.
    """
    clock = start.clock
    with TemporaryDirectory() as folder:
        store = Path(shutil.copy(start.store, folder))
        connection = open_for_reading(store, memory_limit="256MB", threads=2)
    workspace = Recording(EmbeddedWorkspace(connection))
    start.prepare(workspace)
    app = create_app(start.settings, workspace, now=clock.now, monotonic=clock.monotonic)
    async with lifespan(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            client.headers.pop("accept")
            client.headers.pop("accept-encoding")
            yield Service(client, clock, workspace, app)
    assert workspace.closed


@asynccontextmanager
async def lifespan(app: ASGIApp) -> AsyncIterator[None]:
    """Starts and stops an application as a server does."""
    to_app: asyncio.Queue[Message] = asyncio.Queue()
    from_app: asyncio.Queue[Message] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    task = asyncio.ensure_future(app(scope, to_app.get, from_app.put))
    await to_app.put({"type": "lifespan.startup"})
    assert (await from_app.get())["type"] == "lifespan.startup.complete"
    try:
        yield
    finally:
        await to_app.put({"type": "lifespan.shutdown"})
        assert (await from_app.get())["type"] == "lifespan.shutdown.complete"
        await task
