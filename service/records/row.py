"""One event as the row of `AADProvisioningLogs` that every shape of it comes to.

Which field of which shape a column comes from follows Microsoft's table reference, the Graph
reference of `provisioningObjectSummary` and public diagnostic records. Where the envelope's result
and the inner status disagree, the inner one is right. The integers of actions, results and steps
are the members of the Graph enumerations.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from operator import itemgetter

import orjson

from service.records.instants import instant_of, milliseconds_of
from service.records.problems import RecordError
from service.records.values import (
    Fields,
    details_of,
    fields_of,
    first_of,
    json_text,
    list_of,
    object_of,
    spelled,
    text_of,
)
from service.table import TABLE

Row = tuple[object, ...]
"""Values in the order of `service.table.COLUMNS`, then the two keys that tell events apart."""

CATEGORY = "ProvisioningLogs"
_OPERATION = "Provisioning activity"

_ACTIONS = ("Other", "Create", "Delete", "Disable", "Update", "StagedDelete")
_RESULTS = ("Success", "Failure", "Skipped", "Warning")
_STEP_TYPES = ("import", "scoping", "matching", "processing", "referenceResolution", "export")

_ERROR_KEYS = ("errorCode", "reason", "additionalDetails", "errorCategory", "recommendedAction")
_STEP_KEYS = ("name", "provisioningStepType", "status", "description", "details")
_step_content = itemgetter("name", "provisioningStepType", "status", "description")
_PROPERTY_KEYS = ("displayName", "oldValue", "newValue")
_TENANT = re.compile(r"/tenants/([^/]+)", re.IGNORECASE)


def _numbered(names: tuple[str, ...]) -> dict[object, int]:
    by_name: dict[object, int] = {name.lower(): number for number, name in enumerate(names)}
    by_number: dict[object, int] = {str(number): number for number in range(len(names))}
    return by_name | by_number


_ACTION_NUMBERS = _numbered(_ACTIONS)
_RESULT_NUMBERS = _numbered(_RESULTS)
_STEP_TYPE_NUMBERS = _numbered(_STEP_TYPES)


def row_of(fields: Fields) -> Row:
    """The canonical row; `RecordError` says what is missing or of the wrong kind.

    `fields` are the event's values under the spelled names of the Graph resource, and beside
    them `time`, `category`, `resulttype` … of the diagnostic envelope.
    """
    get = fields.get
    category = text_of(get("category"), "category")
    if category and category.lower() != CATEGORY.lower():
        raise RecordError(f"it is of the category {category!r:.60}, not {CATEGORY}")
    time = instant_of(get("activitydatetime")) or instant_of(get("time"))
    job = text_of(get("jobid"), "jobId")
    if time is None or not job:
        missing = "no time" if job else "no job ID" if time else "neither a time nor a job ID"
        raise RecordError(f"it has {missing}")

    identifier = text_of(get("id"), "id")
    correlation = text_of(get("correlationid"), "correlationId")
    change = text_of(get("changeid"), "changeId") or correlation
    action, lower_action = _action(get("provisioningaction"), get("action"))
    result, signature, description, status_info = _outcome(
        json_text(
            (
                get("provisioningstatusinfo"),
                get("statusinfo"),
                get("resulttype"),
                get("resultsignature") or get("errorcode"),
                get("resultdescription") or get("reason"),
            )
        )
    )
    steps = _steps(get("provisioningsteps"))
    duration = milliseconds_of(get("durationinmilliseconds"))
    return (
        time,
        identifier,
        job,
        text_of(get("cycleid"), "cycleId"),
        change,
        action,
        lower_action,
        result,
        signature,
        description,
        duration if duration is not None else milliseconds_of(get("durationms")),
        _named(json_text(get("serviceprincipal")), "servicePrincipal"),
        _system(json_text(get("sourcesystem")), "sourceSystem"),
        _system(json_text(get("targetsystem")), "targetSystem"),
        _identity(get("sourceidentity"), "sourceIdentity"),
        _identity(get("targetidentity"), "targetIdentity"),
        _initiator(json_text(get("initiatedby"))),
        status_info,
        json_text(steps),
        json_text(_properties(get("modifiedproperties"))),
        _tenant(fields),
        CATEGORY,
        correlation or change,
        text_of(get("operationname"), "operationName") or _OPERATION,
        text_of(get("operationversion"), "operationVersion"),
        text_of(get("workspaceid"), "TenantId"),
        TABLE,
        _size(get("billedsize")),
        text_of(get("isbillable"), "_IsBillable"),
        _key(identifier.lower()) if identifier else None,
        _content_key(change, steps, time, action, result, signature),
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


# What few values are shared by many events is made once: reading it again costs less than anew.
_shared = lru_cache(maxsize=2048)


@_shared
def _outcome(told: str) -> tuple[str, str, str, str]:
    """ResultType, ResultSignature, ResultDescription and ProvisioningStatusInfo, in agreement.

    `told` is what the record tells of them, as JSON text: the inner status, the older one, and
    the envelope's result, error code and reason.
    """
    status, older_status, envelope, outer_code, outer_reason = orjson.loads(told)
    inner = object_of(status, "provisioningStatusInfo")
    older = object_of(older_status, "statusInfo")
    found = first_of(inner, "errorinformation", "errorinfo")
    error = object_of(found if found is not None else inner, "errorInformation")
    if not error.keys() & {"errorcode", "reason"}:
        error = older
    code = _code(error.get("errorcode")) or _code(outer_code)
    reason = text_of(error.get("reason"), "reason") or text_of(outer_reason, "resultDescription")
    result = ""
    for status in (inner.get("status"), older.get("status"), envelope):
        text = text_of(status, "status")
        if text:
            number = _RESULT_NUMBERS.get(text.lower())
            result = _RESULTS[number] if number is not None else text
            break
    information: dict[str, object] | None = None
    if error or ((code or reason) and result != "Success"):
        information = {"errorCode": code, "reason": reason}
        for key in _ERROR_KEYS[2:]:
            held = error.get(key.lower())
            if held is not None and held != "":
                information[key] = held
        if not any(information.values()):
            information = None
    status_info = {"Status": result[:1].lower() + result[1:], "errorInformation": information}
    return result, code, reason, json_text(status_info)


def _code(value: object) -> str:
    text = text_of(value, "errorCode")
    return "" if text.lower() in ("none", "null") else text


@_shared
def _named(text: str, name: str) -> str:
    fields = object_of(orjson.loads(text), name)
    return json_text({"Id": _id(fields, name), "Name": _name(fields, name)})


@_shared
def _system(text: str, name: str) -> str:
    fields = object_of(orjson.loads(text), name)
    details = details_of(fields.get("details"), name, "details")
    return json_text({"Id": _id(fields, name), "Name": _name(fields, name), "details": details})


def _identity(value: object, name: str) -> str:
    fields = object_of(value, name)
    kind = text_of(fields.get("identitytype") or fields.get("type"), name, "identityType")
    details = details_of(fields.get("details"), name, "details")
    return json_text(
        {
            "Id": _id(fields, name),
            "Name": _name(fields, name),
            "identityType": kind,
            "details": details,
        }
    )


@_shared
def _initiator(text: str) -> str:
    name = "initiatedBy"
    fields = object_of(orjson.loads(text), name)
    kind = text_of(fields.get("type") or fields.get("initiatortype"), name, "type")
    return json_text({"Id": _id(fields, name), "Name": _name(fields, name), "Type": kind})


def _id(fields: Fields, name: str) -> str:
    return text_of(fields.get("id"), name, "id")


def _name(fields: Fields, name: str) -> str:
    return text_of(fields.get("name") or fields.get("displayname"), name, "name")


def _steps(value: object) -> list[dict[str, object]]:
    return [_step(step) for step in list_of(value, "provisioningSteps")]


def _step(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise RecordError("provisioningSteps holds something that is not an object")
    # Diagnostic records, by far the most, already have this form.
    if (
        tuple(value) == _STEP_KEYS
        and type(value["provisioningStepType"]) is int
        and type(value["status"]) is int
        and type(value["name"]) is str
        and type(value["description"]) is str
        and type(value["details"]) is dict
    ):
        return value
    fields = fields_of(value)
    kind = first_of(fields, "provisioningsteptype", "steptype", "type")
    return {
        "name": text_of(first_of(fields, "name", "displayname"), "step.name"),
        "provisioningStepType": _number(kind, _STEP_TYPE_NUMBERS, "step.type"),
        "status": _number(fields.get("status"), _RESULT_NUMBERS, "step.status"),
        "description": text_of(fields.get("description"), "step.description"),
        "details": details_of(fields.get("details"), "step.details"),
    }


def _number(value: object, numbers: dict[object, int], name: str) -> int | str:
    if type(value) is int:
        return value
    text = text_of(value, name)
    number = numbers.get(text.lower())
    return number if number is not None else text


def _properties(value: object) -> list[dict[str, object]]:
    return [_property(held) for held in list_of(value, "modifiedProperties")]


def _property(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise RecordError("modifiedProperties holds something that is not an object")
    if tuple(value) == _PROPERTY_KEYS:
        return value
    fields = fields_of(value)
    name = first_of(fields, "displayname", "name")
    return {
        "displayName": text_of(name, "modifiedProperties.displayName"),
        "oldValue": first_of(fields, "oldvalue", "old"),
        "newValue": first_of(fields, "newvalue", "new"),
    }


def _tenant(fields: Fields) -> str:
    tenant = text_of(fields.get("tenantid"), "tenantId")
    if not tenant:
        match = _TENANT.search(text_of(fields.get("resourceid"), "resourceId"))
        tenant = match[1] if match else ""
    return tenant.lower()


def _size(value: object) -> float | None:
    try:
        return float(text_of(value, "_BilledSize") or "nan") if value is not None else None
    except ValueError:
        return None


def _content_key(
    change: str,
    steps: list[dict[str, object]],
    time: datetime,
    action: str,
    result: str,
    signature: str,
) -> bytes:
    """What tells an event apart when a shape has no event ID."""
    content: object = [_step_content(step) for step in steps]
    if not steps:
        content = (time.replace(microsecond=0), action.lower(), result, signature)
    return _key((change.lower(), content))


def _key(value: object) -> bytes:
    return blake2b(orjson.dumps(value), digest_size=16).digest()
