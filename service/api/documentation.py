"""What the OpenAPI document says of answers and problems."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field

from service.api.csv_table import csv_table
from service.api.envelope import Envelope
from service.api.examples import KQL_EXAMPLE, SVG_EXAMPLE
from service.api.negotiation import MEDIA_TYPES, Format
from service.api.problems import KINDS, MEDIA_TYPE, Kind
from service.api.rows import fleet_row
from service.insights.insight import Insight

Documented = dict[int | str, dict[str, Any]]


class ParameterErrorModel(BaseModel):
    parameter: str
    message: str


class ProblemModel(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str = Field(examples=["/problems/invalid-parameter"])
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: list[ParameterErrorModel]
    retry_after: int | None = Field(None, description="Seconds to wait, on 429 and 503.")


COMMON = (
    "invalid-parameter",
    "not-acceptable",
    "internal",
    "workspace-rejected-query",
    "workspace-access-denied",
    "workspace-unavailable",
    "overloaded",
    "workspace-timeout",
)
"""The problems of every route that answers with data of the workspace."""


def _header(description: str, kind: str = "string") -> dict[str, Any]:
    return {"description": description, "schema": {"type": kind}}


_REQUEST_ID = {"X-Request-ID": _header("The caller's, if it was a sane token, else ours.")}
_RETRY_AFTER = {"Retry-After": _header("Seconds to wait before asking again.", "integer")}
_HEADERS = {
    "ETag": _header("Names the data, whatever its age; for `If-None-Match`."),
    "Age": _header("Seconds since the workspace was asked.", "integer"),
    "Cache-Control": _header("For how many seconds the answer stays fresh."),
    "Vary": _header("What else an answer depends on."),
    "Link": _header('The next page, as `<…>; rel="next"`, if there is one.'),
    **_REQUEST_ID,
}


def answers_of(insight: Insight[Any, Any], formats: Sequence[Format], *, fleet: bool) -> Documented:
    """What an insight's route answers; the example of its JSON is `openapi.document`'s."""
    row = fleet_row(insight.row) if fleet else insight.row
    # Filters may leave nothing of the one object that the route is about.
    data = row | None if insight.shape == "object" else list[row]  # type: ignore[valid-type]
    examples = {"csv": csv_table(row, []), "svg": SVG_EXAMPLE}
    content = {
        MEDIA_TYPES[name]: {"schema": {"type": "string"}, "example": examples[name]}
        for name in formats
        if name != "json"
    }
    missing = "event-not-found" if insight.name == "event" else None if fleet else "job-not-found"
    codes = (missing, *COMMON) if missing else COMMON
    return {
        200: {
            "model": Envelope[data],  # type: ignore[valid-type]
            "description": insight.title,
            "content": content,
            "headers": _HEADERS,
        },
        304: {
            "description": "Unchanged since the `If-None-Match` that was given.",
            "headers": {name: _HEADERS[name] for name in _HEADERS if name != "Link"},
        },
        **problems(*codes),
    }


def answers(description: str, examples: Mapping[str, Any]) -> Documented:
    """What a route without data of the workspace answers; an example by media type."""
    content: dict[str, Any] = {
        media_type: {"example": example}
        | ({} if media_type == MEDIA_TYPES["json"] else {"schema": {"type": "string"}})
        for media_type, example in examples.items()
    }
    return {200: {"description": description, "content": content, "headers": _REQUEST_ID}}


def kql_answers() -> Documented:
    return {
        **answers("KQL", {"text/plain": KQL_EXAMPLE}),
        **problems(*(code for code in COMMON if code != "not-acceptable")),
    }


def problems(*codes: str) -> Documented:
    """The problems with these codes, by status, with an example each."""
    by_status: dict[int | str, list[str]] = {}
    for code in codes:
        by_status.setdefault(KINDS[code].status, []).append(code)
    return {status: _problem(found) for status, found in sorted(by_status.items(), key=str)}


def _problem(codes: Iterable[str]) -> dict[str, Any]:
    kinds = [KINDS[code] for code in codes]
    return {
        "description": " · ".join(kind.title for kind in kinds),
        "headers": _REQUEST_ID | (_RETRY_AFTER if _waits(kinds[0]) else {}),
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/ProblemModel"},
                "examples": {
                    kind.code: {
                        "value": {
                            "type": f"/problems/{kind.code}",
                            "title": kind.title,
                            "status": kind.status,
                            "detail": kind.explanation,
                            "instance": "/jobs",
                            "code": kind.code,
                            "request_id": "5f0c2a",
                            "errors": [],
                        }
                        | ({"retry_after": 10} if _waits(kind) else {})
                    }
                    for kind in kinds
                },
            }
        },
    }


def _waits(kind: Kind) -> bool:
    return kind.status in (429, 503)
