"""The OpenAPI document, complete: every parameter, answer and problem."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from service.api.documentation import ProblemModel
from service.api.examples import example_answer
from service.api.insight_routes import paths_of
from service.api.negotiation import MEDIA_TYPES
from service.api.problems import MEDIA_TYPE
from service.api.rows import fleet_row
from service.insights.catalogue import INSIGHTS

_DESCRIPTION = """\
Answers, charts and metrics over Microsoft Entra provisioning logs. Every answer says which window
was counted, how old it is and whether it is whole; every error is a problem (RFC 9457) whose code
`/problems/{code}` explains.
"""


def document(app: FastAPI) -> dict[str, Any]:
    """The document, made once for an application."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=app.version, description=_DESCRIPTION, routes=app.routes
        )
        schemas = schema.setdefault("components", {}).setdefault("schemas", {})
        schemas["ProblemModel"] = _inlined(ProblemModel.model_json_schema())
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        shared = schema["components"].setdefault("responses", {})
        for path in schema["paths"].values():
            for operation in path.values():
                # FastAPI's own validation answer, which ours replaces.
                operation["responses"].pop("422", None)
                operation["responses"] = _by_reference(operation["responses"], shared)
        _add_examples(schema["paths"])
        app.openapi_schema = schema
    return app.openapi_schema


def _add_examples(paths: dict[str, Any]) -> None:
    """The examples of answers. FastAPI would leave out their nulls, which their schemas require."""
    for insight in INSIGHTS.values():
        for path, fleet in paths_of(insight):
            row = fleet_row(insight.row) if fleet else insight.row
            content = paths[path]["get"]["responses"]["200"]["content"][MEDIA_TYPES["json"]]
            content["example"] = example_answer(insight, row, path)


def _by_reference(responses: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any]:
    """The responses with every problem, which many operations share, written once."""
    found = {}
    for status, response in responses.items():
        examples = response.get("content", {}).get(MEDIA_TYPE, {}).get("examples")
        if examples:
            name = "-or-".join(sorted(examples))
            shared[name] = response
            response = {"$ref": f"#/components/responses/{name}"}
        found[status] = response
    return found


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with its definitions in place, as it has to stand alone."""
    definitions = schema.pop("$defs", {})
    for field in schema["properties"].values():
        reference = field.get("items", {}).pop("$ref", None)
        if reference:
            field["items"] = definitions[reference.rpartition("/")[2]]
    return schema
