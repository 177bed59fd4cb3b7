"""The one place where everything is put together."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from importlib.metadata import version
from typing import Any

import duckdb
from fastapi import FastAPI
from starlette.types import ASGIApp

from service.api import catalogue_routes, errors
from service.api.cursors import CursorSigner
from service.api.insight_routes import InsightRoutes
from service.api.openapi import document
from service.api.service_routes import Ready, ServiceRoutes
from service.api.serving import Serving
from service.cache.answers import AnswerCache, Policy
from service.cache.bodies import BodyCache
from service.insights.asking import Asking, Table
from service.metrics.exposition import Exposition
from service.metrics.refresher import Refresher
from service.metrics.service_families import ServiceFamilies
from service.settings import Settings
from service.times import utc_now
from service.workspace.embedded import EmbeddedWorkspace
from service.workspace.errors import QueryRejected, WorkspaceAccessDenied, WorkspaceUnanswered
from service.workspace.protocol import Workspace

_GRACE = 3
"""Refreshes that may fail before the service is no longer ready."""


def create_app(
    settings: Settings,
    workspace: Workspace,
    *,
    now: Callable[[], datetime] = utc_now,
    monotonic: Callable[[], float] = time.monotonic,
) -> ASGIApp:
    """The service as an ASGI application; it closes the workspace when it ends."""
    counted = ServiceFamilies()
    return Serving(
        _routes(settings, workspace, counted, now, monotonic),
        bodies=BodyCache(max_bytes=settings.body_memory, monotonic=monotonic),
        monotonic=monotonic,
        observe_request=counted.request,
        observe_body=lambda outcome: counted.cache("bodies", outcome),
    )


def openapi_document() -> dict[str, Any]:
    """The OpenAPI document of the service, whatever its settings."""
    with duckdb.connect() as nothing:
        workspace = EmbeddedWorkspace(nothing)
        return _routes(Settings(), workspace, ServiceFamilies(), utc_now, time.monotonic).openapi()


def _routes(
    settings: Settings,
    workspace: Workspace,
    counted: ServiceFamilies,
    now: Callable[[], datetime],
    monotonic: Callable[[], float],
) -> FastAPI:
    cache: AnswerCache[Table] = AnswerCache(
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
    asking = Asking(
        workspace,
        cache,
        retention=settings.retention,
        deadline=settings.query_timeout,
        now=now,
        observe=counted.query,
    )
    exposition = Exposition(counted)
    refresher = Refresher(
        asking,
        exposition,
        every=settings.metrics_every,
        top_errors=settings.metrics_top_errors,
        monotonic=monotonic,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        refreshing = asyncio.create_task(refresher.run())
        try:
            yield
        finally:
            refreshing.cancel()
            await asyncio.gather(refreshing, return_exceptions=True)
            await cache.close()
            await workspace.close()

    def ready() -> Ready | str:
        loaded = refresher.loaded
        if loaded is None:
            return "The workspace has not answered yet; the service is starting."
        grace = settings.metrics_every * _GRACE + settings.query_timeout
        if (age := monotonic() - loaded.at) > grace.total_seconds():
            return f"The workspace has not answered for {age:.0f} s; see the log for the reason."
        return Ready(
            status="ready",
            workspace=workspace.identity,
            jobs=loaded.jobs,
            events_until=loaded.events_until,
        )

    app = FastAPI(
        title="Provisioning Insights",
        version=version("provisioning-insights"),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.include_router(ServiceRoutes(ready, exposition.scrape).router())
    app.include_router(
        InsightRoutes(asking, _signer(settings), now, monotonic, settings.max_window).router()
    )
    app.include_router(catalogue_routes.router())
    errors.install(app)
    app.openapi = lambda: document(app)  # type: ignore[method-assign]
    return app


def _signer(settings: Settings) -> CursorSigner:
    key = settings.cursor_key
    return CursorSigner(key.get_secret_value().encode() if key else secrets.token_bytes(32))
