"""The catalogue: what can be asked, with parameters and columns."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, TypeAdapter
from starlette.responses import JSONResponse, Response

from service.api.documentation import answers, problems
from service.api.insight_routes import parameters_of, paths_of
from service.api.parameters import for_fleet
from service.api.problems import Problem
from service.api.rows import fleet_row
from service.api.service_routes import Nothing
from service.insights.catalogue import INSIGHTS
from service.insights.insight import Insight
from service.times import format_duration


class InsightSummary(BaseModel):
    """One insight in the list."""

    name: str
    title: str
    description: str
    routes: list[str]


class InsightDetail(InsightSummary):
    """One insight with what it takes and gives, as JSON Schemas."""

    kql: str
    shape: str
    default_window: str
    parameters: dict[str, Any]
    columns: dict[str, Any]


class InsightList(BaseModel):
    data: list[InsightSummary]


Name = Annotated[str, Path(description="An insight's name.", max_length=100, examples=["failures"])]
_EXAMPLE = INSIGHTS["failures"]


def router() -> APIRouter:
    router = APIRouter(tags=["catalogue"])

    @router.get(
        "/insights",
        response_model=InsightList,
        responses={
            **answers("All insights", {"application/json": {"data": [_summary(_EXAMPLE)]}}),
            **problems("invalid-parameter", "internal"),
        },
    )
    async def insights(nothing: Nothing) -> Response:
        """Everything that can be asked."""
        data = [_summary(insight) for insight in INSIGHTS.values()]
        return JSONResponse({"data": data})

    @router.get(
        "/insights/{name}",
        response_model=InsightDetail,
        responses={
            **answers("The insight", {"application/json": _detail(_EXAMPLE)}),
            **problems("invalid-parameter", "insight-not-found", "internal"),
        },
    )
    async def insight(name: Name, nothing: Nothing) -> Response:
        """What one insight takes and gives."""
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


def _summary(insight: Insight[Any, Any]) -> dict[str, Any]:
    return {
        "name": insight.name,
        "title": insight.title,
        "description": insight.description,
        "routes": [path for path, _ in paths_of(insight)],
    }


def _detail(insight: Insight[Any, Any]) -> dict[str, Any]:
    return {
        **_summary(insight),
        "kql": f"/insights/{insight.name}/kql",
        "shape": insight.shape,
        "default_window": format_duration(insight.default_window),
        "parameters": for_fleet(parameters_of(insight)).model_json_schema(),
        "columns": _columns(fleet_row(insight.row)),
    }


@cache
def _columns(row_type: type) -> dict[str, Any]:
    return TypeAdapter(row_type).json_schema()
