"""The one place where everything is put together."""

from __future__ import annotations

import asyncio
import logging
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb
from fastapi import FastAPI
from starlette.types import ASGIApp, Lifespan

from service.api import catalogue_routes, errors
from service.api.answering import Answering
from service.api.cursors import CursorSigner
from service.api.insight_routes import InsightRoutes
from service.api.openapi import document
from service.api.service_routes import Ready, ServiceRoutes
from service.api.serving import Serving
from service.cache.answers import AnswerCache, Policy
from service.cache.bodies import BodyCache
from service.insights.activity.keeper import Activity
from service.insights.activity.store import ActivityStore
from service.insights.asking import Asking, Table
from service.insights.catalogue import INSIGHTS
from service.insights.packs.loading import SHIPPED, load_packs
from service.insights.querying import Querying
from service.metrics.exposition import Exposition
from service.metrics.refresher import Refresher
from service.metrics.service_families import ServiceFamilies
from service.settings import Settings
from service.times import utc_now
from service.workspace.embedded import EmbeddedWorkspace
from service.workspace.errors import QueryRejected, WorkspaceAccessDenied, WorkspaceUnanswered
from service.workspace.protocol import Workspace

log = logging.getLogger(__name__)

_GRACE = 3
"""Refreshes that may fail before the service is no longer ready."""


def create_app(
    settings: Settings,
    workspace: Workspace,
    *,
    now: Callable[[], datetime] = utc_now,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> ASGIApp:
    """The service as an ASGI application; it closes the workspace when it ends.

    `sleep` is what it waits with between two refreshes, in seconds.
    Raises `ActivityError` where the file for activity can't be had.
    """
    folder = None if settings.activity else tempfile.TemporaryDirectory(prefix="activity-")
    store = ActivityStore.open(
        settings.activity or Path(folder.name if folder else "", "activity.duckdb"),
        workspace.identity,
        memory_limit=f"{settings.activity_memory}B",
        threads=settings.embedded_threads,
    )
    counted = ServiceFamilies()
    parts = _Parts(settings, workspace, store, counted, now, monotonic, sleep)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        refreshing = asyncio.create_task(parts.refresher.run())
        with suppress(TimeoutError):
            async with asyncio.timeout(settings.startup_wait.total_seconds()):
                await parts.refresher.settled.wait()
        try:
            yield
        finally:
            refreshing.cancel()
            await asyncio.gather(refreshing, return_exceptions=True)
            await parts.cache.close()
            await workspace.close()
            await asyncio.to_thread(store.close)
            if folder:
                folder.cleanup()

    return Serving(
        parts.routes(lifespan),
        bodies=BodyCache(max_bytes=settings.body_memory, monotonic=monotonic),
        monotonic=monotonic,
        observe_request=counted.request,
        observe_body=lambda outcome: counted.cache("bodies", outcome),
    )


def openapi_document() -> dict[str, Any]:
    """The OpenAPI document of the service, whatever its settings."""
    with duckdb.connect() as nothing:
        workspace = EmbeddedWorkspace(nothing)
        store = ActivityStore.open(None, "", memory_limit="64MB", threads=1)
        counted = ServiceFamilies()
        parts = _Parts(
            Settings(), workspace, store, counted, utc_now, time.monotonic, asyncio.sleep
        )
        return parts.routes(None).openapi()


class _Parts:
    """What the application is made of, each handed what it needs."""

    def __init__(
        self,
        settings: Settings,
        workspace: Workspace,
        store: ActivityStore,
        counted: ServiceFamilies,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._settings = settings
        self._workspace = workspace
        self._now = now
        self._monotonic = monotonic
        querying = Querying(workspace, deadline=settings.query_timeout, observe=counted.query)
        self._activity = Activity(
            store,
            querying,
            every=settings.refresh_every,
            retention=settings.retention,
            now=now,
            monotonic=monotonic,
        )
        self.cache: AnswerCache[Table] = AnswerCache(
            max_bytes=settings.answer_memory,
            policy=Policy(
                fresh_for=settings.fresh_for.total_seconds(),
                stale_for=settings.stale_for.total_seconds(),
                stale_if_error=settings.stale_if_error.total_seconds(),
            ),
            now=now,
            monotonic=monotonic,
            rejections=(QueryRejected,),
            failures=(WorkspaceUnanswered, WorkspaceAccessDenied),
            observe=lambda outcome: counted.cache("answers", outcome),
        )
        self._asking = Asking(querying, self._activity, self.cache)
        self._exposition = Exposition(counted)
        self.refresher = Refresher(
            self._activity,
            self._exposition,
            every=settings.refresh_every,
            top_errors=settings.metrics_top_errors,
            now=now,
            sleep=sleep,
        )

    def routes(self, lifespan: Lifespan[FastAPI] | None) -> FastAPI:
        app = FastAPI(
            title="Provisioning Insights",
            version=version("provisioning-insights"),
            lifespan=lifespan,
            docs_url=None,
            redoc_url=None,
            openapi_url=None,
            redirect_slashes=False,
        )
        app.include_router(ServiceRoutes(self._ready, self._exposition.scrape).router())
        answering = Answering(
            self._asking,
            _signer(self._settings),
            now=self._now,
            monotonic=self._monotonic,
            max_window=self._settings.max_window,
            retention=self._settings.retention,
        )
        packs = load_packs([SHIPPED, *self._settings.packs], INSIGHTS)
        for fault in packs.refused:
            log.warning("a pack is refused: %s", fault)
        app.include_router(InsightRoutes(answering, packs).router())
        app.include_router(catalogue_routes.router(packs))
        errors.install(app)
        app.openapi = lambda: document(app)  # type: ignore[method-assign]
        return app

    def _ready(self) -> Ready | str:
        standing = self._activity.standing
        if standing is None:
            reason = self._activity.failure or "the service is starting"
            return f"The workspace was not read yet: {reason}"
        grace = self._settings.refresh_every * _GRACE + self._settings.query_timeout
        if (age := self._monotonic() - standing.made) > grace.total_seconds():
            return f"The workspace has not answered for {age:.0f} s: {standing.failure}"
        directory = self._activity.directory()
        return Ready(
            status="ready",
            workspace=self._workspace.identity,
            jobs=len(directory.jobs),
            events_until=directory.events_until,
            loaded_from=self._activity.store.state.loaded_from,
            complete=self._activity.loaded,
        )


def _signer(settings: Settings) -> CursorSigner:
    key = settings.cursor_key
    return CursorSigner(key.get_secret_value().encode() if key else secrets.token_bytes(32))
