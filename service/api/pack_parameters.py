"""What the route of a pack takes: the common parameters, and the pack's own."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema, create_model

from service.api.parameters import InsightParameters, ListParameters, for_fleet, offering
from service.api.problems import invalid
from service.insights.packs.model import Parameter
from service.insights.packs.pack import Pack
from service.insights.packs.values import JSON_SCHEMAS, PYTHON_TYPES

_JOBS = ("job_id", "app")
_EVENTS = ("action", "result", "error_code", "identity_type", "operation")


@cache
def pack_parameters(pack: Pack) -> type[InsightParameters]:
    """The model of the pack's route."""
    own: dict[str, Any] = {item.name: _field(item) for item in pack.model.parameters}
    base = for_fleet(offering(ListParameters, ("json", "csv")))
    return create_model(f"Pack_{pack.name}", __base__=base, **own)


def given(pack: Pack, parameters: InsightParameters) -> dict[str, object]:
    """The values for the pack's own parameters; raises the problem for a filter it can't apply."""
    unusable = {
        *(() if pack.chooses_jobs else _JOBS),
        *(() if pack.filters_events else _EVENTS),
    }
    for name in sorted(unusable & parameters.model_fields_set):
        raise invalid(name, f"expected not to be given: {pack.name} has no filter of this name")
    names = {item.name for item in pack.model.parameters} & parameters.model_fields_set
    return {name: getattr(parameters, name) for name in names}


def _field(item: Parameter) -> tuple[Any, Any]:
    kind: Any = Annotated[
        PYTHON_TYPES[item.type],
        BeforeValidator(item.read),
        WithJsonSchema(dict(JSON_SCHEMAS[item.type])),
        Field(description=item.description),
    ]
    return kind, ... if item.default is None else item.default
