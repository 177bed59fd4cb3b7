"""The service in this process, over ASGI, and workspaces that count or fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from starlette.types import ASGIApp, Message

from service.app import create_app
from service.kql.template import Kql
from service.settings import Settings
from service.table import TableSchema
from service.workspace.protocol import Result, TimeSpan, Workspace
from tests.api.engines import Engine, over
from tests.api.world import Clock

SETTINGS = Settings(cursor_key="for the tests", retention=timedelta(days=400))  # type: ignore[arg-type]


class Recording:
    """A workspace that keeps every query it is sent.

    With `metered`, the service takes it for one that counts what it is asked. Queries `concerned`
    fail while `failing` is an error, and wait while there is a closed `gate`.
    """

    def __init__(self, workspace: Workspace, *, metered: bool = False) -> None:
        self._workspace = workspace
        self._metered = metered
        self.queries: list[str] = []
        self.failing: Exception | None = None
        self.concerned: Callable[[TimeSpan], bool] = lambda _: True
        self.closed = False
        self.asked = asyncio.Event()
        self.gate: asyncio.Event | None = None
        self.waiting = asyncio.Event()

    @property
    def identity(self) -> str:
        return self._workspace.identity

    @property
    def arrival_uncertainty(self) -> timedelta:
        return self._workspace.arrival_uncertainty

    @property
    def metered(self) -> bool:
        return self._metered

    async def schema(self) -> TableSchema:
        return await self._workspace.schema()

    async def query(self, kql: Kql, span: TimeSpan, *, deadline: timedelta) -> Result:
        self.queries.append(kql.text)
        self.asked.set()
        if self.concerned(span):
            if self.gate is not None:
                self.waiting.set()
                await self.gate.wait()
            if self.failing is not None:
                raise self.failing
        return await self._workspace.query(kql, span, deadline=deadline)

    def portal_link(self, kql: Kql, span: TimeSpan) -> str | None:
        return self._workspace.portal_link(kql, span)

    async def hold(self, workspace: Workspace) -> None:
        """Holds the logs of this workspace from now on."""
        before, self._workspace = self._workspace, workspace
        await before.close()

    async def close(self) -> None:
        self.closed = True
        await self._workspace.close()


class Rest:
    """What the service sleeps by between two refreshes: until a test ends it."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self._over = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.begun.set()
        await self._over.wait()
        self._over.clear()

    async def end(self) -> None:
        """Ends one rest, and returns when the next has begun."""
        await self.begun.wait()
        self.begun.clear()
        self._over.set()
        await self.begun.wait()


@dataclass
class Service:
    """A running service: ask it through `client`, move its `clock`, see its `workspace`."""

    client: httpx.AsyncClient
    clock: Clock
    workspace: Recording
    rest: Rest
    app: ASGIApp
    engine: Engine

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
        """Returns when the service rests after its first load, so that queries can be counted."""
        await self.rest.begun.wait()
        self.workspace.queries.clear()

    async def refresh(self) -> None:
        """Returns when the service has looked for news, as it does every minute."""
        await self.rest.end()

    async def gain(self, store: Path) -> None:
        """The logs are those of this store from now on."""
        await self.workspace.hold(over(store, self.clock, self.engine))


@dataclass
class Start:
    """How to start a service."""

    store: Path
    settings: Settings = SETTINGS
    clock: Clock = field(default_factory=Clock)
    prepare: Callable[[Recording], None] = lambda _: None
    metered: bool = False
    engine: Engine = "embedded"


@asynccontextmanager
async def running(start: Start) -> AsyncIterator[Service]:
    """The service with its lifespan run, closed at the end."""
    clock, rest = start.clock, Rest()
    workspace = Recording(over(start.store, clock, start.engine), metered=start.metered)
    start.prepare(workspace)
    app = create_app(
        start.settings, workspace, now=clock.now, monotonic=clock.monotonic, sleep=rest.sleep
    )
    async with lifespan(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            client.headers.pop("accept")
            client.headers.pop("accept-encoding")
            yield Service(client, clock, workspace, rest, app, start.engine)
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
