"""The catalogue: what can be asked, with parameters and columns."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field, TypeAdapter
from starlette.responses import JSONResponse, Response

from service.api.documentation import COMMON, answers, problems
from service.api.envelope import Envelope
from service.api.insight_routes import all_parameters_of, paths_of
from service.api.problems import Problem
from service.api.rows import fleet_row
from service.api.service_routes import Nothing
from service.insights.catalogue import INSIGHTS
from service.insights.insight import Insight
from service.insights.packs.loading import Packs
from service.insights.packs.pack import Pack
from service.times import format_duration

Name = Annotated[str, Path(description="An insight's name.", max_length=100, examples=["failures"])]
_EXAMPLE = INSIGHTS["failures"]


class InsightDetail(BaseModel):
    """What can be asked, with what it takes and gives as JSON Schemas."""

    name: str
    title: str
    description: str
    pack: bool = Field(description="Whether it is somebody's own question, read from a file.")
    routes: list[str]
    kql: str
    shape: str
    default_window: str
    parameters: dict[str, Any]
    columns: dict[str, Any]


class RefusedPack(BaseModel):
    """A pack that can't be asked, and why."""

    file: str
    line: int
    message: str


class InsightList(BaseModel):
    data: list[InsightDetail]
    refused: list[RefusedPack]


def router(packs: Packs) -> APIRouter:
    router = APIRouter(tags=["catalogue"])

    @router.get(
        "/insights",
        response_model=InsightList,
        responses={
            **answers(
                "All insights", {"application/json": {"data": [_detail(_EXAMPLE)], "refused": []}}
            ),
            **problems("invalid-parameter", "internal"),
        },
    )
    async def insights(nothing: Nothing) -> Response:
        """Everything that can be asked, and which packs are refused."""
        known = [*INSIGHTS.values(), *packs.packs.values()]
        return JSONResponse(await asyncio.to_thread(_listed, known, packs))

    @router.get(
        "/insights/{name}",
        response_model=InsightDetail | Envelope[list[dict[str, Any]]],
        responses={
            **answers("The insight", {"application/json": _detail(_EXAMPLE)}),
            **problems("insight-not-found", *COMMON),
        },
    )
    async def insight(name: Name, nothing: Nothing) -> Response:
        """What one insight takes and gives; a pack's name is its route and gives its answer."""
        return JSONResponse(_detail(_known(name)))

    @router.get("/insights/{name}/kql", include_in_schema=False)
    async def unknown(name: str) -> Response:
        raise _unknown()

    return router


def _known(name: str) -> Insight[Any, Any]:
    if name not in INSIGHTS:
        raise _unknown()
    return INSIGHTS[name]


def _unknown() -> Problem:
    names = ", ".join(INSIGHTS)
    return Problem("insight-not-found", f"No insight has this name; there are: {names}.")


def _listed(insights: Sequence[Insight[Any, Any]], packs: Packs) -> dict[str, Any]:
    refused = [
        {"file": fault.path.name, "line": fault.line, "message": fault.message}
        for fault in packs.refused
    ]
    return {"data": [_detail(insight) for insight in insights], "refused": refused}


def _detail(insight: Insight[Any, Any]) -> dict[str, Any]:
    row = insight.row if insight.own_columns else fleet_row(insight.row)
    return {
        "name": insight.name,
        "title": insight.title,
        "description": insight.description,
        "pack": isinstance(insight, Pack),
        "routes": [path for path, _ in paths_of(insight)],
        "kql": f"/insights/{insight.name}/kql",
        "shape": insight.shape,
        "default_window": format_duration(insight.default_window),
        "parameters": all_parameters_of(insight).model_json_schema(),
        "columns": _columns(row),
    }


@cache
def _columns(row_type: type) -> dict[str, Any]:
    return TypeAdapter(row_type).json_schema()
