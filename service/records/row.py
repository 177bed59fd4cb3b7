"""One event as the row of `AADProvisioningLogs` that every shape of it comes to.

Which field of which shape a column comes from follows Microsoft's table reference, the Graph
reference of `provisioningObjectSummary` and public diagnostic records. Where the envelope's result
and the inner status disagree, the inner one is right. The integers of actions, results and steps
are the members of the Graph enumerations.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b

import orjson

from service.records.instants import instant_of, milliseconds_of
from service.records.objects import (
    StepContent,
    identity_of,
    numbers_of,
    outcome_of,
    properties_of,
    steps_of,
    systems_of,
)
from service.records.problems import RecordError
from service.records.values import Fields, json_text, spelled, text_of
from service.table import TABLE

Row = tuple[object, ...]
"""Values in the order of `service.table.COLUMNS`, then the two keys that tell events apart."""

NAMES = (
    "category", "activitydatetime", "time", "jobid", "cycleid", "id", "correlationid", "changeid",
    "provisioningaction", "action",
    "provisioningstatusinfo", "statusinfo", "resulttype",
    "resultsignature", "errorcode", "resultdescription", "reason",
    "provisioningsteps", "durationinmilliseconds", "durationms",
    "serviceprincipal", "sourcesystem", "targetsystem", "initiatedby",
    "sourceidentity", "targetidentity", "modifiedproperties",
    "tenantid", "resourceid", "operationname", "operationversion",
    "workspaceid", "billedsize", "isbillable",
)  # fmt: skip
"""What a row is made from: the spelled names of the Graph resource, and `time`, `category`,
`resulttype` … of the diagnostic envelope."""

CATEGORY = "ProvisioningLogs"
_OPERATION = "Provisioning activity"

_ACTIONS = ("Other", "Create", "Delete", "Disable", "Update", "StagedDelete")
_ACTION_NUMBERS = numbers_of(_ACTIONS)
_TENANT = re.compile(r"/tenants/([^/]+)", re.IGNORECASE)


def row_of(fields: Fields) -> Row:
    """The canonical row of an event's fields, by `NAMES`; `RecordError` as `row_of_values`."""
    return row_of_values(tuple(map(fields.get, NAMES)))


def row_of_values(values: Sequence[object]) -> Row:
    """The canonical row; `RecordError` says what is missing or of the wrong kind.

    `values` are the event's in the order of `NAMES`, None where it has none.
    """
    (
        category, activity_time, envelope_time, job, cycle, identifier, correlation, change,
        provisioning_action, older_action,
        status, older_status, envelope_result,
        signature, error_code, description, reason,
        steps, duration, envelope_duration,
        principal, source, target, initiator,
        source_identity, target_identity, properties,
        tenant, resource, operation, version,
        workspace, size, is_billable,
    ) = values  # fmt: skip
    category = text_of(category, "category")
    if category and category.lower() != CATEGORY.lower():
        raise RecordError(f"it is of the category {category!r:.60}, not {CATEGORY}")
    time = instant_of(activity_time) or instant_of(envelope_time)
    job = text_of(job, "jobId")
    if time is None or not job:
        missing = "no time" if job else "no job ID" if time else "neither a time nor a job ID"
        raise RecordError(f"it has {missing}")

    identifier = text_of(identifier, "id")
    correlation = text_of(correlation, "correlationId")
    change = text_of(change, "changeId") or correlation
    action, lower_action = _action(provisioning_action, older_action)
    told = (
        status, older_status, envelope_result, signature or error_code, description or reason
    )  # fmt: skip
    result, code, why, status_info = outcome_of(json_text(told))
    systems = systems_of(json_text((principal, source, target, initiator)))
    service_principal, source_system, target_system, initiated_by = systems
    steps_text, contents = steps_of(steps)
    milliseconds = milliseconds_of(duration)
    return (
        time,
        identifier,
        job,
        text_of(cycle, "cycleId"),
        change,
        action,
        lower_action,
        result,
        code,
        why,
        milliseconds if milliseconds is not None else milliseconds_of(envelope_duration),
        service_principal,
        source_system,
        target_system,
        identity_of(source_identity, "sourceIdentity"),
        identity_of(target_identity, "targetIdentity"),
        initiated_by,
        status_info,
        steps_text,
        properties_of(properties),
        _tenant(tenant, resource),
        CATEGORY,
        correlation or change,
        text_of(operation, "operationName") or _OPERATION,
        text_of(version, "operationVersion"),
        text_of(workspace, "TenantId"),
        TABLE,
        _size(size),
        text_of(is_billable, "_IsBillable"),
        _key(identifier.lower()) if identifier else None,
        _content_key(change, contents, time, action, result, code),
    )


def _action(*candidates: object) -> tuple[str, str]:
    unknown = ""
    for candidate in candidates:
        text = text_of(candidate, "provisioningAction")
        number = _ACTION_NUMBERS.get(text.lower())
        if number is None and text:
            number = _ACTION_NUMBERS.get(spelled(text))
        if number is not None:
            name = _ACTIONS[number]
            return name, name[0].lower() + name[1:]
        unknown = unknown or text
    return (unknown, unknown) if unknown else ("Other", "other")


def _tenant(tenant: object, resource: object) -> str:
    text = text_of(tenant, "tenantId")
    if not text:
        match = _TENANT.search(text_of(resource, "resourceId"))
        text = match[1] if match else ""
    return text.lower()


def _size(value: object) -> float | None:
    try:
        return float(text_of(value, "_BilledSize") or "nan") if value is not None else None
    except ValueError:
        return None


def _content_key(
    change: str,
    steps: list[StepContent],
    time: datetime,
    action: str,
    result: str,
    signature: str,
) -> bytes:
    """What tells an event apart when a shape has no event ID."""
    content: object = steps
    if not steps:
        content = (time.replace(microsecond=0), action.lower(), result, signature)
    return _key((change.lower(), content))


def _key(value: object) -> bytes:
    return blake2b(orjson.dumps(value), digest_size=16).digest()
