"""For every insight of the catalogue: a route for the fleet, one for a job, and its KQL."""

# No `from __future__ import annotations` here: the parameter models are made per insight, and
# FastAPI can't find a name that only a function knows.
import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, get_origin

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import PlainTextResponse, Response

from service.api.answers import Asked, render
from service.api.cursors import CursorSigner
from service.api.documentation import answers_of, kql_answers
from service.api.examples import JOB_ID
from service.api.negotiation import Format, negotiate
from service.api.parameters import (
    ListParameters,
    Parameters,
    SpikeParameters,
    for_fleet,
    offering,
    resolve_window,
)
from service.api.problems import ParameterError, Problem
from service.api.serving import keep_while_fresh, raw_path
from service.insights.asking import Asking
from service.insights.catalogue import INSIGHTS
from service.insights.insight import Insight
from service.insights.question import Question

_PARAMETERS: dict[str, type[Parameters]] = {"spikes": SpikeParameters, "job": Parameters}
_FORMATS: dict[str, tuple[Format, ...]] = {
    "object": ("json", "csv"),
    "series": ("json", "csv", "svg"),
    "table": ("json", "csv"),
}

JobId = Annotated[
    str,
    Path(
        description="The job's ID, as `/jobs` lists it.",
        min_length=1,
        max_length=512,
        examples=[JOB_ID],
    ),
]
Endpoint = Callable[..., Awaitable[Response]]


def parameters_of(insight: Insight[Any, Any]) -> type[Parameters]:
    """What the insight takes on a job's own route."""
    return offering(_PARAMETERS.get(insight.name, ListParameters), _FORMATS[insight.shape])


@dataclass(frozen=True)
class InsightRoutes:
    """What the routes need; `router()` makes them."""

    asking: Asking
    signer: CursorSigner
    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    max_window: timedelta

    def router(self) -> APIRouter:
        router = APIRouter()
        for insight in INSIGHTS.values():
            for path, fleet in paths_of(insight):
                router.add_api_route(
                    path,
                    self._for_fleet(insight) if fleet else self._for_job(insight),
                    summary=insight.title + ("" if fleet else ", for one job"),
                    description=insight.description,
                    operation_id=f"{insight.name}{'' if fleet else '-of-job'}",
                    responses=answers_of(insight, _FORMATS[insight.shape], fleet=fleet),
                    tags=["insights"],
                )
            router.add_api_route(
                f"/insights/{insight.name}/kql",
                self._for_kql(insight),
                summary=f"{insight.title}: the KQL",
                description="The queries exactly as they would be sent, as plain text.",
                operation_id=f"{insight.name}-kql",
                responses=kql_answers(),
                response_class=PlainTextResponse,
                tags=["catalogue"],
            )
        return router

    def _for_fleet(self, insight: Insight[Any, Any]) -> Endpoint:
        model = for_fleet(parameters_of(insight))

        async def fleet(request: Request, parameters: Annotated[model, Query()]) -> Response:  # type: ignore[valid-type]
            return await self._answer(request, insight, parameters, None)

        return fleet

    def _for_job(self, insight: Insight[Any, Any]) -> Endpoint:
        model = parameters_of(insight)

        async def one_job(
            request: Request,
            job_id: JobId,
            parameters: Annotated[model, Query()],  # type: ignore[valid-type]
        ) -> Response:
            return await self._answer(request, insight, parameters, job_id)

        return one_job

    def _for_kql(self, insight: Insight[Any, Any]) -> Endpoint:
        model = for_fleet(parameters_of(insight))

        async def kql(request: Request, parameters: Annotated[model, Query()]) -> Response:  # type: ignore[valid-type]
            return await self._kql(request, insight, parameters)

        return kql

    async def _kql(
        self, request: Request, insight: Insight[Any, Any], parameters: Parameters
    ) -> Response:
        refuse_repeats(request, type(parameters))
        now = self.now()
        resolved = resolve_window(parameters, insight.default_window, now, self.max_window)
        question = Question(resolved.window, now, parameters.filters())
        queries = await self.asking.kql(insight, question, parameters.options())
        return PlainTextResponse("\n\n".join(query.text for query in queries) + "\n")

    async def _answer(
        self,
        request: Request,
        insight: Insight[Any, Any],
        parameters: Parameters,
        job_id: str | None,
    ) -> Response:
        refuse_repeats(request, type(parameters))
        chosen = negotiate(
            parameters.format,
            ", ".join(request.headers.getlist("accept")),
            _FORMATS[insight.shape],
        )
        now, clock = self.now(), self.monotonic()
        resolved = resolve_window(parameters, insight.default_window, now, self.max_window)
        asked = Asked(
            insight=insight,
            question=Question(resolved.window, now, parameters.filters(), job_id),
            format=chosen,
            limit=getattr(parameters, "limit", 1),
            path=raw_path(request.scope),
            pairs=request.query_params.multi_items(),
        )
        steady_for = resolved.steady_for
        if token := getattr(parameters, "cursor", None):
            asked, steady_for = asked.continued(self.signer.read(token, asked.purpose)), None
        options = parameters.options()
        answered = await self.asking.ask(insight, asked.question, options)
        portal = await self.asking.portal_link(insight, asked.question, options)
        freshness = answered.freshness
        expires = freshness.expires
        if steady_for is not None:
            expires = min(expires, clock + steady_for.total_seconds())
        keep_while_fresh(request.scope, freshness.made, expires)
        return await asyncio.to_thread(render, asked, answered, portal, self.signer)


def paths_of(insight: Insight[Any, Any]) -> list[tuple[str, bool]]:
    """The insight's routes; the flag says whether it is the fleet's."""
    if insight.name == "jobs":
        return [("/jobs", True)]
    if insight.name == "job":
        return [("/jobs/{job_id}", False)]
    return [(f"/{insight.name}", True), (f"/jobs/{{job_id}}/{insight.name}", False)]


def refuse_repeats(request: Request, model: type[Parameters]) -> None:
    """Raises the problem if a parameter that takes one value was given several."""
    single = {
        field.alias or name
        for name, field in model.model_fields.items()
        if get_origin(field.annotation) is not list
    }
    given = Counter(name for name, _ in request.query_params.multi_items())
    errors = [
        ParameterError(name, "expected one value, not several")
        for name, times in given.items()
        if times > 1 and name in single
    ]
    if errors:
        raise Problem("invalid-parameter", f"{errors[0].parameter}: {errors[0].message}.", errors)
