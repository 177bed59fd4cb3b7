"""One event of the log as answers show it: read from a row of the table, whatever its spelling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

_STEP_TYPES = ("import", "scoping", "matching", "processing", "referenceResolution", "export")
_STEP_STATUSES = ("success", "failure", "skipped", "warning")


@dataclass(frozen=True)
class Identity:
    """An object in the source or the target system. `details` are as the system gave them."""

    id: str
    name: str
    type: str
    details: dict[str, Any]


@dataclass(frozen=True)
class ServicePrincipal:
    id: str
    name: str


@dataclass(frozen=True)
class Step:
    """One step of a change; types and statuses are the names of the Graph enumerations."""

    name: str
    type: str
    status: str
    description: str
    details: dict[str, Any]


@dataclass(frozen=True)
class ModifiedProperty:
    """An attribute that changed; values are null where there was none."""

    name: str
    old: str | None
    new: str | None


@dataclass(frozen=True)
class Event:
    """One event. An event without an ID of its own goes by its change's."""

    id: str
    time: datetime
    job_id: str
    cycle_id: str
    change_id: str
    action: str
    result: str
    error_code: str
    description: str
    duration_ms: int | None
    source: Identity
    target: Identity
    service_principal: ServicePrincipal
    initiated_by: str
    steps: list[Step]
    modified_properties: list[ModifiedProperty]


def read_event(record: Mapping[str, Any]) -> Event:
    """An event from a row by column name; columns that the workspace lacks are left empty."""
    principal = _object(record.get("ServicePrincipal"))
    return Event(
        id=record["Key"],
        time=record["TimeGenerated"],
        job_id=record["JobId"],
        cycle_id=record.get("CycleId") or "",
        change_id=record.get("ChangeId") or "",
        action=record["Action"],
        result=record["Result"],
        error_code=record["ErrorCode"],
        description=record.get("ResultDescription") or "",
        duration_ms=record.get("DurationMs"),
        source=_identity(record.get("SourceIdentity")),
        target=_identity(record.get("TargetIdentity")),
        service_principal=ServicePrincipal(
            _text(principal, "Id", "id"), _text(principal, "Name", "displayName")
        ),
        initiated_by=_text(_object(record.get("InitiatedBy")), "Name", "displayName"),
        steps=[_step(step) for step in _list(record.get("ProvisioningSteps"))],
        modified_properties=[_property(item) for item in _list(record.get("ModifiedProperties"))],
    )


def _identity(value: object) -> Identity:
    found = _object(value)
    return Identity(
        id=_text(found, "Id", "id"),
        name=_text(found, "Name", "displayName"),
        type=_text(found, "identityType", "type"),
        details=_object(found.get("details")),
    )


def _step(step: Mapping[str, Any]) -> Step:
    kind = step.get("provisioningStepType", step.get("stepType", step.get("type")))
    return Step(
        name=_text(step, "name", "Name"),
        type=_member(kind, _STEP_TYPES),
        status=_member(step.get("status", step.get("Status")), _STEP_STATUSES),
        description=_text(step, "description", "Description"),
        details=_object(step.get("details", step.get("Details"))),
    )


def _property(item: Mapping[str, Any]) -> ModifiedProperty:
    return ModifiedProperty(
        name=_text(item, "displayName", "DisplayName", "name"),
        old=_value(item.get("oldValue", item.get("OldValue"))),
        new=_value(item.get("newValue", item.get("NewValue"))),
    )


def _member(value: object, members: Sequence[str]) -> str:
    """The name of an enumeration's member, given by number or by name."""
    text = str(value if value is not None else "")
    for number, member in enumerate(members):
        if text == str(number) or text.lower() == member.lower():
            return member
    return text


def _text(found: Mapping[str, Any], *keys: str) -> str:
    for key in keys:
        if (value := found.get(key)) not in (None, ""):
            return value if isinstance(value, str) else str(value)
    return ""


def _value(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


def _object(value: object) -> dict[str, Any]:
    parsed = _parsed(value)
    return parsed if isinstance(parsed, dict) else {}


def _list(value: object) -> list[dict[str, Any]]:
    parsed = _parsed(value)
    return [item for item in parsed if isinstance(item, dict)] if isinstance(parsed, list) else []


def _parsed(value: object) -> object:
    """JSON held as text; what can't be read counts as nothing."""
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value) if value else None
    except orjson.JSONDecodeError:
        return None
