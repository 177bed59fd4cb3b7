"""For every insight of the catalogue: a route for the fleet, one for a job, and its KQL."""

# No `from __future__ import annotations` here: the parameter models are made per insight, and
# FastAPI can't find a name that only a function knows.
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import AfterValidator
from starlette.responses import PlainTextResponse, Response

from service.api.answering import FORMATS, Answering
from service.api.documentation import answers_of, kql_answers
from service.api.examples import EVENT_ID, JOB_ID, SOURCE_ID
from service.api.pack_parameters import pack_parameters
from service.api.parameters import (
    PATH_FIELDS,
    EventParameters,
    InsightParameters,
    ListParameters,
    OneEventParameters,
    Parameters,
    SpikeParameters,
    for_fleet,
    offering,
    with_path_fields,
)
from service.api.serving import unescaped
from service.insights.catalogue import INSIGHTS
from service.insights.insight import Insight
from service.insights.packs.loading import Packs
from service.insights.packs.pack import Pack

_PARAMETERS: dict[str, type[InsightParameters]] = {
    "spikes": SpikeParameters,
    "job": Parameters,
    "events": EventParameters,
    "identity-events": EventParameters,
    "event": OneEventParameters,
}
_PATHS = {
    "jobs": ("/jobs", True),
    "job": ("/jobs/{job_id}", False),
    "event": ("/events/{event_id}", True),
    "identity-events": ("/identities/{source_id}/events", True),
}
_FIELD = re.compile(r"\{(\w+)\}")
JobId = Annotated[
    str,
    Path(
        description="The job's ID, as `/jobs` lists it.",
        min_length=1,
        max_length=512,
        examples=[JOB_ID],
    ),
    AfterValidator(unescaped),
]
SourceId = Annotated[
    str,
    Path(
        description=PATH_FIELDS["source_id"],
        min_length=1,
        max_length=512,
        examples=[SOURCE_ID],
    ),
    AfterValidator(unescaped),
]
EventId = Annotated[
    str,
    Path(
        description=PATH_FIELDS["event_id"],
        min_length=1,
        max_length=512,
        examples=[EVENT_ID],
    ),
    AfterValidator(unescaped),
]
Endpoint = Callable[..., Awaitable[Response]]


def parameters_of(insight: Insight[Any, Any]) -> type[InsightParameters]:
    """What the insight takes on a job's own route."""
    if isinstance(insight, Pack):
        return pack_parameters(insight)
    return offering(_PARAMETERS.get(insight.name, ListParameters), FORMATS[insight.shape])


class InsightRoutes:
    """Makes the routes of every insight and pack; `answering` answers them."""

    def __init__(self, answering: Answering, packs: Packs) -> None:
        self._answering = answering
        self._packs = packs

    def router(self) -> APIRouter:
        router = APIRouter()
        for insight in INSIGHTS.values():
            for path, fleet in paths_of(insight):
                router.add_api_route(
                    path,
                    self._endpoint(insight, fleet=fleet),
                    summary=insight.title + ("" if fleet else ", for one job"),
                    description=insight.description,
                    operation_id=f"{insight.name}{'' if fleet else '-of-job'}",
                    responses=answers_of(insight, FORMATS[insight.shape], fleet=fleet),
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
        for pack in self._packs.packs.values():
            for path, endpoint in (("", self._for_pack(pack)), ("/kql", self._for_kql(pack))):
                router.add_api_route(
                    f"/insights/{pack.name}{path}", endpoint, include_in_schema=False
                )
        return router

    def _for_pack(self, pack: Pack) -> Endpoint:
        model = parameters_of(pack)

        async def answer(request: Request, parameters: Annotated[model, Query()]) -> Response:  # type: ignore[valid-type]
            return await self._answering.answer(request, pack, parameters)

        return answer

    def _endpoint(self, insight: Insight[Any, Any], *, fleet: bool) -> Endpoint:
        if insight.name == "event":
            return self._for_event(insight)
        if insight.name == "identity-events":
            return self._for_identity(insight)
        return self._for_fleet(insight) if fleet else self._for_job(insight)

    def _for_fleet(self, insight: Insight[Any, Any]) -> Endpoint:
        model = for_fleet(parameters_of(insight))

        async def fleet(request: Request, parameters: Annotated[model, Query()]) -> Response:  # type: ignore[valid-type]
            return await self._answering.answer(request, insight, parameters)

        return fleet

    def _for_job(self, insight: Insight[Any, Any]) -> Endpoint:
        model = parameters_of(insight)

        async def one_job(
            request: Request,
            job_id: JobId,
            parameters: Annotated[model, Query()],  # type: ignore[valid-type]
        ) -> Response:
            return await self._answering.answer(request, insight, parameters, job_id=job_id)

        return one_job

    def _for_identity(self, insight: Insight[Any, Any]) -> Endpoint:
        model = for_fleet(parameters_of(insight))

        async def identity(
            request: Request,
            source_id: SourceId,
            parameters: Annotated[model, Query()],  # type: ignore[valid-type]
        ) -> Response:
            fields = {"source_id": source_id}
            return await self._answering.answer(request, insight, parameters, path_fields=fields)

        return identity

    def _for_event(self, insight: Insight[Any, Any]) -> Endpoint:
        async def event(
            request: Request,
            event_id: EventId,
            parameters: Annotated[OneEventParameters, Query()],
        ) -> Response:
            fields = {"event_id": event_id}
            return await self._answering.answer(request, insight, parameters, path_fields=fields)

        return event

    def _for_kql(self, insight: Insight[Any, Any]) -> Endpoint:
        model = all_parameters_of(insight)

        async def kql(request: Request, parameters: Annotated[model, Query()]) -> Response:  # type: ignore[valid-type]
            return await self._answering.kql(request, insight, parameters)

        return kql


def paths_of(insight: Insight[Any, Any]) -> list[tuple[str, bool]]:
    """The insight's routes; the flag says whether it is over all jobs."""
    if isinstance(insight, Pack):
        return [(f"/insights/{insight.name}", True)]
    if insight.name in _PATHS:
        return [_PATHS[insight.name]]
    return [(f"/{insight.name}", True), (f"/jobs/{{job_id}}/{insight.name}", False)]


def all_parameters_of(insight: Insight[Any, Any]) -> type[InsightParameters]:
    """What the insight takes where no path names a job or anything else."""
    if isinstance(insight, Pack):
        return pack_parameters(insight)
    return with_path_fields(for_fleet(parameters_of(insight)), path_fields_of(insight))


def path_fields_of(insight: Insight[Any, Any]) -> tuple[str, ...]:
    """What the insight's path names beside a job."""
    names = [name for path, _ in paths_of(insight) for name in _FIELD.findall(path)]
    return tuple(name for name in dict.fromkeys(names) if name != "job_id")
