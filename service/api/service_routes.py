"""Routes about the service itself: health, metrics, problems, the API reference."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.resources import files
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from service.api.documentation import answers, problems
from service.api.problems import KINDS, Problem
from service.api.scraping import MEDIA_TYPES, METRICS, scraped
from service.api.serving import joined, takes_gzip
from service.metrics.exposition import Exposition


class NoParameters(BaseModel):
    """What routes without parameters take."""

    model_config = ConfigDict(extra="forbid")


Nothing = Annotated[NoParameters, Query()]
Code = Annotated[
    str, Path(description="A problem's code.", max_length=100, examples=["job-not-found"])
]


class Alive(BaseModel):
    """The process answers."""

    status: str


class Ready(BaseModel):
    """There are answers; what is loaded, and what keeps them from being of now."""

    status: Literal["ready", "degraded"]
    reason: str | None = Field(description="Why it is degraded.")
    workspace: str
    jobs: int
    as_of: datetime = Field(description="When the workspace was last looked at.")
    events_until: datetime | None
    loaded_from: datetime | None = Field(description="From there on, every event is counted.")
    complete: bool = Field(description="Whether that is all the workspace retains.")


class ProblemKind(BaseModel):
    """One kind of error, in words."""

    code: str
    status: int
    title: str
    explanation: str


@dataclass(frozen=True)
class ServiceRoutes:
    """What the routes need; `router()` makes them.

    `ready` gives what is loaded, or a sentence on why nothing is. Neither it nor `exposition` asks
    the workspace.
    """

    ready: Callable[[], Ready | str]
    exposition: Exposition

    def router(self) -> APIRouter:
        router = APIRouter(tags=["service"])

        @router.get(
            "/healthz",
            response_model=Alive,
            responses={
                **answers("It does.", {"application/json": {"status": "alive"}}),
                **problems("invalid-parameter", "internal"),
            },
        )
        async def alive(nothing: Nothing) -> Response:
            """Whether the process answers."""
            return JSONResponse({"status": "alive"}, headers=_FRESH)

        @router.get(
            "/readyz",
            response_model=Ready,
            responses={
                **answers("It has.", {"application/json": _READY}),
                **problems("invalid-parameter", "workspace-unavailable", "internal"),
            },
        )
        async def ready(nothing: Nothing) -> Response:
            """Whether there are answers: 503 while loading, else ready or degraded, and why."""
            loaded = self.ready()
            if isinstance(loaded, str):
                raise Problem("workspace-unavailable", loaded, retry_after=5)
            return JSONResponse(loaded.model_dump(mode="json"), headers=_FRESH)

        @router.get(
            METRICS,
            responses={
                **answers("Metrics", _METRICS),
                **problems("invalid-parameter", "internal"),
            },
            response_class=Response,
        )
        async def metrics(request: Request, nothing: Nothing) -> Response:
            """Prometheus text, or OpenMetrics for whoever accepts it. Never causes a query."""
            headers = joined(request.scope["headers"])
            pages = await asyncio.to_thread(self.exposition.pages)
            accept, gzipped = headers.get(b"accept", b""), takes_gzip(headers)
            body = scraped(pages, accept, gzipped=gzipped)
            told = {name.decode(): value.decode() for name, value in body.headers}
            return Response(body.content, headers=told)

        @router.get(
            "/problems/{code}",
            response_model=ProblemKind,
            responses={
                **answers("The code", {"application/json": asdict(KINDS["job-not-found"])}),
                **problems("invalid-parameter", "not-found", "internal"),
            },
        )
        async def problem(code: Code, nothing: Nothing) -> Response:
            """What a problem's code means and what to do."""
            kind = KINDS.get(code)
            if kind is None:
                known = ", ".join(sorted(KINDS))
                raise Problem("not-found", f"No problem has this code; there are: {known}.")
            return JSONResponse(asdict(kind))

        @router.get("/", include_in_schema=False)
        async def start(nothing: Nothing) -> Response:
            return RedirectResponse("/docs", status_code=307)

        @router.get("/openapi.json", include_in_schema=False)
        async def schema(request: Request, nothing: Nothing) -> Response:
            # Made at the first call, which takes a fifth of a second.
            return JSONResponse(await asyncio.to_thread(request.app.openapi))

        @router.get("/docs", include_in_schema=False)
        async def docs(nothing: Nothing) -> Response:
            return HTMLResponse(_PAGE)

        @router.get("/docs/{name}", include_in_schema=False)
        async def docs_file(name: str, nothing: Nothing) -> Response:
            if name == "start.js":
                return Response(_START, media_type="text/javascript", headers=_CACHED)
            media_type = _DOCS_FILES.get(name)
            if media_type is None:
                raise Problem("not-found", "This address is not part of the service; see /docs.")
            content = await asyncio.to_thread(_docs_file, name)
            return Response(content, media_type=media_type, headers=_CACHED)

        return router


_FRESH = {"Cache-Control": "no-store"}
_CACHED = {"Cache-Control": "public, max-age=86400"}
_SAMPLE = 'entra_provisioning_window_failures{job_id="…",error_code="…",window="24h"} 54.0\n'
_METRICS = dict(zip(MEDIA_TYPES, (_SAMPLE, f"{_SAMPLE}# EOF\n"), strict=True))
_READY = {
    "status": "degraded",
    "reason": "the workspace is throttling and takes no queries for 45 s",
    "workspace": "embedded",
    "jobs": 12,
    "as_of": "2026-11-22T13:04:10Z",
    "events_until": "2026-11-22T12:58:31Z",
    "loaded_from": "2016-11-24T00:00:00Z",
    "complete": True,
}
_DOCS_FILES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Provisioning Insights: API</title>
<link rel="icon" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="api"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#api",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
});
"""


def _docs_file(name: str) -> bytes:
    return (files("fastapi_swagger") / "resources" / name).read_bytes()
