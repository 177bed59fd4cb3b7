"""What a row holds as JSON text: the outcome, the systems, identities, steps and attributes."""

from __future__ import annotations

from functools import lru_cache
from operator import itemgetter

import orjson

from service.records.problems import RecordError
from service.records.values import (
    Fields,
    details_of,
    fields_of,
    first_of,
    json_text,
    list_of,
    object_of,
    text_of,
)

StepContent = tuple[object, ...]
"""Name, type, status and description of a step."""

_RESULTS = ("Success", "Failure", "Skipped", "Warning")
_STEP_TYPES = ("import", "scoping", "matching", "processing", "referenceResolution", "export")

_ERROR_KEYS = ("errorCode", "reason", "additionalDetails", "errorCategory", "recommendedAction")
# The keys of diagnostic records, by far the most. What has them, in values of the usual types,
# needs no search for other spellings.
_IDENTITY_KEYS = ("identityType", "details", "Id", "Name")
_STEP_KEYS = ("name", "provisioningStepType", "status", "description", "details")
_content = itemgetter("name", "provisioningStepType", "status", "description")
_PROPERTY_KEYS = ("displayName", "oldValue", "newValue")


def numbers_of(names: tuple[str, ...]) -> dict[object, int]:
    """The numbers of an enumeration's members, by lower name and by the number as text."""
    by_name: dict[object, int] = {name.lower(): number for number, name in enumerate(names)}
    by_number: dict[object, int] = {str(number): number for number in range(len(names))}
    return by_name | by_number


_RESULT_NUMBERS = numbers_of(_RESULTS)
_STEP_TYPE_NUMBERS = numbers_of(_STEP_TYPES)

# What few values are shared by many events is made once: reading it again costs less than anew.
_shared = lru_cache(maxsize=2048)


@_shared
def outcome_of(told: str) -> tuple[str, str, str, str]:
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
        found = first_of(older, "errorinformation", "errorinfo")
        error = object_of(found if found is not None else older, "errorInformation")
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
def systems_of(told: str) -> tuple[str, str, str, str]:
    """ServicePrincipal, SourceSystem, TargetSystem and InitiatedBy, which a job's events share.

    `told` is what the record tells of these four, as JSON text.
    """
    principal, source, target, initiator = orjson.loads(told)
    return (
        _named(principal, "servicePrincipal"),
        _system(source, "sourceSystem"),
        _system(target, "targetSystem"),
        _initiator(initiator, "initiatedBy"),
    )


def _named(value: object, name: str) -> str:
    fields = object_of(value, name)
    return json_text({"Id": _id(fields, name), "Name": _name(fields, name)})


def _system(value: object, name: str) -> str:
    fields = object_of(value, name)
    details = details_of(fields.get("details"), name, "details")
    return json_text({"Id": _id(fields, name), "Name": _name(fields, name), "details": details})


def _initiator(value: object, name: str) -> str:
    fields = object_of(value, name)
    kind = text_of(fields.get("type") or fields.get("initiatortype"), name, "type")
    return json_text({"Id": _id(fields, name), "Name": _name(fields, name), "Type": kind})


def identity_of(value: object, name: str) -> str:
    """SourceIdentity or TargetIdentity, as JSON text."""
    if type(value) is dict and tuple(value) == _IDENTITY_KEYS:
        kind, details, identifier, called = value.values()
        if type(kind) is type(identifier) is type(called) is str and type(details) is dict:
            return _identity(identifier, called, kind, details)
    fields = object_of(value, name)
    kind = text_of(fields.get("identitytype") or fields.get("type"), name, "identityType")
    details = details_of(fields.get("details"), name, "details")
    return _identity(_id(fields, name), _name(fields, name), kind, details)


def _identity(identifier: str, called: str, kind: str, details: object) -> str:
    return json_text({"Id": identifier, "Name": called, "identityType": kind, "details": details})


def _id(fields: Fields, name: str) -> str:
    return text_of(fields.get("id"), name, "id")


def _name(fields: Fields, name: str) -> str:
    return text_of(fields.get("name") or fields.get("displayname"), name, "name")


def steps_of(value: object) -> tuple[str, list[StepContent]]:
    """ProvisioningSteps as JSON text, and of each step what tells its event from others."""
    steps = list_of(value, "provisioningSteps")
    contents = _usual_contents(steps)
    if contents is None:
        read = list(map(_step, steps))
        return json_text(read), list(map(_content, read))
    return json_text(steps), contents


def _usual_contents(steps: list[object]) -> list[StepContent] | None:
    contents: list[StepContent] = []
    for step in steps:
        if type(step) is not dict or tuple(step) != _STEP_KEYS:
            return None
        name, kind, status, description, details = step.values()
        if not (
            type(kind) is type(status) is int
            and type(name) is type(description) is str
            and type(details) is dict
        ):
            return None
        contents.append((name, kind, status, description))
    return contents


def _step(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise RecordError("provisioningSteps holds something that is not an object")
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


def properties_of(value: object) -> str:
    """ModifiedProperties as JSON text."""
    return json_text([_property(held) for held in list_of(value, "modifiedProperties")])


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
