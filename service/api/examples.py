"""Examples for the OpenAPI document: the answers' own types, filled with believable values."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from service.insights.insight import Insight

SOURCE_ID = "3c2a1f07-90bd-4c55-8f7c-2d1a9e6b5f10"
EVENT_ID = "5f0c2a1e-7d64-4e0b-8c39-1b2a6f9d4c87"
JOB_ID = "scim.82117227-3d98-7590-1049-416e024fd246.f0c4916a-4866-8482-8e41-ee6a5884c3f2"

_IN_PATHS = {"job_id": JOB_ID, "source_id": SOURCE_ID, "event_id": EVENT_ID}
_VALUES: Mapping[str, Any] = {
    "job_id": JOB_ID,
    "app.id": "9bd3d0d5-5b4e-4a5c-8ad4-0a4f5d0a7c1e",
    "app.name": "Nordwind Travel",
    "group.id": "b1f6e2a8-7f43-4b0e-9a61-55f1d2a0c3e4",
    "group.name": "Sales",
    "source_system": "Microsoft Entra ID",
    "target_system": "Nordwind Travel",
    "status": "degraded",
    "reasons": ["54 of 250 attempts failed (22%)."],
    "events": 250,
    "failures": 54,
    "skipped": 12,
    "failure_rate": 0.216,
    "by_action": {"create": 31, "update": 219},
    "by_result": {"success": 184, "failure": 54, "skipped": 12},
    "error_code": "DuplicateTargetEntries",
    "code": "DuplicateTargetEntries",
    "identities": 41,
    "share": 0.64,
    "sample_description": "More than one account in Nordwind Travel matches this person.",
    "category": "matching",
    "owner": "application-owner",
    "meaning": "Several accounts of the application fit one person, and none can be picked safely.",
    "action": "update",
    "knowledge.action": "Clean up the spare accounts, or match by an attribute that never repeats.",
    "retry_minutes": None,
    "docs": "https://learn.microsoft.com/entra/identity/app-provisioning/",
    "member_id": "3c2a1f07-90bd-4c55-8f7c-2d1a9e6b5f10",
    "reason": "UnableToResolveReferenceAttributeValue",
    "attempts": 3,
    "event_id": "5f0c2a1e-7d64-4e0b-8c39-1b2a6f9d4c87",
    "cycle_id": "1e8f3b52-4a6d-4d7f-9c1b-0a5e7d3f2b46",
    "series": "operation",
    "name": "EntryExportUpdate",
    "total": 5120,
    "expected": 171.0,
    "upper": 214.5,
    "score": 5.2,
    "spike": True,
    "direction": "up",
    "result": "failure",
}
"""By the field's name, or by its parent's and its own where that matters."""

_TIMES = {
    "first_event": "2026-10-18T19:53:33Z",
    "first_seen": "2026-11-21T20:03:05Z",
    "started": "2026-11-22T12:40:02Z",
    "at": "2026-11-20T00:00:00Z",
}
_LATEST = "2026-11-22T12:58:31Z"

SVG_EXAMPLE = '<svg xmlns="http://www.w3.org/2000/svg" role="img"><title>…</title></svg>'
KQL_EXAMPLE = "AADProvisioningLogs\n| where TimeGenerated >= datetime(2026-11-21T13:00:00Z)\n"


def example_of(hint: Any, name: str = "", parent: str = "") -> Any:
    """A value of this type, as JSON has it; the names say what it is for."""
    for known in (f"{parent}.{name}", name):
        if known in _VALUES:
            return _VALUES[known]
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return example_of(get_args(hint)[0], name, parent)
    if origin is Literal:
        return get_args(hint)[0]
    if origin is list:
        return [example_of(get_args(hint)[0], "", name)]
    if origin is dict:
        return {"success": example_of(get_args(hint)[1], "", name)}
    if is_dataclass(hint) and isinstance(hint, type):
        hints = get_type_hints(hint)
        return {
            field.name: example_of(hints[field.name], field.name, name) for field in fields(hint)
        }
    return _PLAIN[hint](name) if hint in _PLAIN else None


_PLAIN: Mapping[Any, Any] = {
    bool: lambda _: False,
    int: lambda _: 120,
    float: lambda _: 0.5,
    str: lambda name: name,
    datetime: lambda name: _TIMES.get(name, _LATEST),
    timedelta: lambda _: "PT18M29S",
}


def example_answer(insight: Insight[Any, Any], row: type, path: str) -> dict[str, Any]:
    """The envelope with one row."""
    data = example_of(row)
    return {
        "data": data if insight.shape == "object" else [data],
        "window": {"from": "2026-11-21T13:00:00Z", "to": "2026-11-22T14:00:00Z", "bin": "PT1H"},
        "freshness": {
            "as_of": "2026-11-22T13:04:10Z",
            "status": "fresh",
            "complete": True,
            "events_until": _LATEST,
            "reason": None,
        },
        "next": None,
        "links": {
            "self": f"{path.format(**_IN_PATHS)}?window=24h",
            "kql": f"/insights/{insight.name}/kql?window=24h",
        },
    }
