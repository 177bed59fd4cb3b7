"""The one place where everything is put together."""

from __future__ import annotations

import asyncio
import logging
import secrets
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import partial
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
from service.api.scraping import METRICS, Scraping
from service.api.service_routes import Ready, ServiceRoutes
from service.api.serving import Serving
from service.api.stopping import answered_when_given_up
from service.cache.answers import AnswerCache, Policy
from service.cache.bodies import BodyCache
from service.insights.activity.keeper import Activity
from service.insights.activity.store import ActivityStore
from service.insights.asking import Asking, Table
from service.insights.catalogue import INSIGHTS
from service.insights.packs.loading import SHIPPED, load_packs
from service.insights.querying import Querying
from service.metrics.exposition import Exposition
from service.metrics.family import Limits
from service.metrics.provisioning_families import Choices
from service.metrics.questions import Questions, SkippedMembersMeasured, measured_packs
from service.metrics.refresher import Refresher
from service.metrics.service_families import ServiceFamilies
from service.metrics.shown import Provisioning
from service.settings import Settings
from service.times import parse_duration, rest, steady, utc_now
from service.workspace.embedded import EmbeddedWorkspace
from service.workspace.errors import QueryRejected, WorkspaceAccessDenied, WorkspaceUnanswered
from service.workspace.gate import Gate
from service.workspace.limits import QueryLimits
from service.workspace.protocol import Workspace

log = logging.getLogger(__name__)

_PATIENCE = 5.0
"""Seconds to wait for a new answer, at most, where there is an old one."""

_LOOKED_UP_EVERY = 0.1
"""Seconds after which a start notices that the server was told to stop."""


def create_app(
    settings: Settings,
    workspace: Workspace,
    *,
    now: Callable[[], datetime] = utc_now,
    monotonic: Callable[[], float] = steady,
    sleep: Callable[[float], Awaitable[None]] = rest,
    stopping: Callable[[], bool] = lambda: False,
) -> ASGIApp:
    """The service as an ASGI application; it closes the workspace when it ends.

    `sleep` is what it waits with between two refreshes, in seconds; `stopping` whether the server
    was told to stop, so that a start ends early.
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

    def request(route: str, method: str, status: int, elapsed: float) -> None:
        counted.request(route, method, status, elapsed)
        # What scrapes count of themselves may be a second old: many of them cost no rendering.
        if route != METRICS:
            parts.exposition.outdate()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        refreshing = asyncio.create_task(parts.refresher.run())
        with suppress(TimeoutError):
            async with asyncio.timeout(settings.startup_wait.total_seconds()):
                await _settled(parts.refresher, stopping)
        try:
            yield
        finally:
            refreshing.cancel()
            await asyncio.gather(refreshing, return_exceptions=True)
            await parts.cache.close()
            await parts.gate.close()
            await asyncio.to_thread(store.close)
            if folder:
                folder.cleanup()

    return Serving(
        answered_when_given_up(parts.routes(lifespan)),
        bodies=BodyCache(max_bytes=settings.body_memory, monotonic=monotonic),
        ready=Scraping(parts.exposition).ready,
        monotonic=monotonic,
        observe_request=request,
        observe_body=partial(counted.cache, "bodies"),
    )


def openapi_document() -> dict[str, Any]:
    """The OpenAPI document of the service, whatever its settings."""
    with duckdb.connect() as nothing:
        workspace = EmbeddedWorkspace(nothing)
        store = ActivityStore.open(None, "", memory_limit="64MB", threads=1)
        counted = ServiceFamilies()
        parts = _Parts(Settings(), workspace, store, counted, utc_now, steady, rest)
        return parts.routes(None).openapi()


async def _settled(refresher: Refresher, stopping: Callable[[], bool]) -> None:
    """Returns when everything is loaded, the workspace has failed, or nobody wants to wait."""
    while not refresher.settled.is_set() and not stopping():
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOKED_UP_EVERY):
                await refresher.settled.wait()


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
        limits = QueryLimits.shared if workspace.metered else QueryLimits.in_process
        self.gate = Gate(
            workspace,
            limits(settings),
            monotonic=monotonic,
            observe_schema=partial(counted.query, "schema"),
        )
        counted.watch(self.gate)
        people, background = (
            Querying(entrance, deadline=settings.query_timeout, observe=counted.query)
            for entrance in (self.gate.people, self.gate.background)
        )
        self._activity = Activity(
            store,
            background,
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
                patience=min(_PATIENCE, settings.queue_wait.total_seconds()),
            ),
            now=now,
            monotonic=monotonic,
            rejections=(QueryRejected,),
            failures=(WorkspaceUnanswered, WorkspaceAccessDenied),
            observe=lambda outcome: counted.cache("answers", outcome),
        )
        self._asking = Asking(
            people,
            self._activity,
            self.cache,
            renewing=background,
            hindrance=lambda: self.gate.hindrance,
        )
        self._packs = load_packs([SHIPPED, *settings.packs], INSIGHTS)
        self.exposition = Exposition(counted.registry, monotonic)
        questions = Questions(
            Asking(background, self._activity, self.cache),
            [SkippedMembersMeasured(), *measured_packs(self._packs.packs.values())],
            fresh_for=settings.fresh_for,
            max_window=settings.max_window,
            retention=settings.retention,
            now=now,
            monotonic=monotonic,
        )
        provisioning = Provisioning(
            self._activity,
            questions,
            self.exposition,
            choices=Choices(
                windows={name: parse_duration(name) for name in settings.metrics_windows},
                delay=settings.metrics_delay,
                top_errors=settings.metrics_top_errors,
            ),
            limits=Limits(
                series=settings.metrics_max_series,
                stale_after=settings.metrics_stale_after,
                when_stale=settings.metrics_when_stale,
            ),
            now=now,
        )
        self.refresher = Refresher(
            self._activity,
            questions,
            provisioning,
            every=settings.refresh_every,
            monotonic=monotonic,
            sleep=sleep,
            recovered=self.gate.recovered,
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
        app.include_router(ServiceRoutes(self._ready, self.exposition).router())
        answering = Answering(
            self._asking,
            _signer(self._settings),
            now=self._now,
            monotonic=self._monotonic,
            max_window=self._settings.max_window,
            retention=self._settings.retention,
        )
        for fault in self._packs.refused:
            log.warning("a pack is refused: %s", fault)
        app.include_router(InsightRoutes(answering, self._packs).router())
        app.include_router(catalogue_routes.router(self._packs))
        errors.install(app)
        app.openapi = lambda: document(app)  # type: ignore[method-assign]
        return app

    def _ready(self) -> Ready | str:
        activity = self._activity
        if activity.standing is None:
            return f"Loading: {activity.failure or 'the service is starting'}"
        reasons = [reason for reason in (activity.overdue, self.gate.hindrance) if reason]
        directory = activity.directory()
        return Ready(
            status="degraded" if reasons else "ready",
            reason="; ".join(dict.fromkeys(reasons)) or None,
            workspace=self._workspace.identity,
            jobs=len(directory.jobs),
            as_of=activity.standing.looked,
            events_until=directory.events_until,
            loaded_from=activity.store.state.loaded_from,
            complete=activity.loaded,
        )


def _signer(settings: Settings) -> CursorSigner:
    key = settings.cursor_key
    return CursorSigner(key.get_secret_value().encode() if key else secrets.token_bytes(32))
