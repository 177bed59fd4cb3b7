"""The portal's CSV download: three files that the change ID joins.

`ProvisioningLogs` has a line per event, `ProvisioningLogs_ProvisioningSteps` a line per step and
`ProvisioningLogs_ModifiedProperties` a line per changed attribute. Each is told by its columns,
whose names are read without case, blanks and punctuation. Objects are columns of their own
(`Source ID`, `Identity`, `Source system`) or JSON text.

Without a job ID the application stands for the job: the ID is then `portal.` and a hash of its
service principal's ID (its name, where there is none) and the names of both systems, so that every
download gives a job the same ID.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Literal

from service.records.problems import RecordError
from service.records.values import Fields, json_text, object_of, parse_json, spelled, text_of

Part = Literal["events", "steps", "properties"]

_TIMES = ("date", "dateutc", "datetime", "datetimeutc", "activitydate", "activitydateutc")
_RENAMED = {
    **dict.fromkeys((*_TIMES, "activitydatetime", "activitydatetimeutc"), "activitydatetime"),
    **dict.fromkeys(("status", "result", "provisioningstatus"), "resulttype"),
    **dict.fromkeys(("errorcode", "statuserrorcode"), "resultsignature"),
    **dict.fromkeys(("reason", "statusreason", "errordescription", "failurereason"),
                    "resultdescription"),
    **dict.fromkeys(("duration", "durationmilliseconds"), "durationms"),
}  # fmt: skip
_OBJECTS: dict[str, dict[str, tuple[str, ...]]] = {
    "serviceprincipal": {
        "id": ("serviceprincipalid", "applicationserviceprincipalid"),
        "name": ("application", "applicationname", "serviceprincipalname", "app",
                 "serviceprincipaldisplayname"),
    },
    "sourcesystem": {
        "id": ("sourcesystemid",),
        "name": ("sourcesystemname", "sourcesystemdisplayname"),
        "details": ("sourcesystemdetails",),
    },
    "targetsystem": {
        "id": ("targetsystemid",),
        "name": ("targetsystemname", "targetsystemdisplayname"),
        "details": ("targetsystemdetails",),
    },
    "sourceidentity": {
        "id": ("sourceid", "sourceidentityid", "identityid"),
        "name": ("identity", "sourceidentityname", "sourceidentitydisplayname", "sourcename",
                 "sourcedisplayname"),
        "identitytype": ("identitytype", "sourceidentitytype", "sourcetype",
                         "sourceidentityidentitytype"),
        "details": ("sourceidentitydetails", "sourcedetails"),
    },
    "targetidentity": {
        "id": ("targetid", "targetidentityid"),
        "name": ("targetidentityname", "targetidentitydisplayname", "targetname",
                 "targetdisplayname"),
        "identitytype": ("targetidentitytype", "targettype", "targetidentityidentitytype"),
        "details": ("targetidentitydetails", "targetdetails"),
    },
    "initiatedby": {
        "id": ("initiatedbyid", "initiatorid"),
        "name": ("initiatedbyname", "initiatedbydisplayname", "initiatorname"),
        "type": ("initiatedbytype", "initiatortype", "initiatedbyinitiatortype"),
    },
}  # fmt: skip

_STEP = {
    "name": ("name", "stepname", "provisioningstepname", "step"),
    "provisioningStepType": ("provisioningsteptype", "steptype", "type"),
    "status": ("status", "result", "stepstatus"),
    "description": ("description", "stepdescription"),
    "details": ("details", "stepdetails"),
}
_PROPERTY = {
    "displayName": ("displayname", "name", "propertyname", "property", "attribute",
                    "attributename", "modifiedproperty"),
    "oldValue": ("oldvalue", "old"),
    "newValue": ("newvalue", "new"),
}  # fmt: skip


def part_of_header(names: Sequence[str]) -> Part | None:
    """Which of the three files has these columns; None if it is none of them."""
    found = {spelled(name) for name in names}
    if "changeid" in found and not found.isdisjoint(_PROPERTY["newValue"]):
        return "properties"
    steps = {"steptype", "provisioningsteptype", "stepname", "provisioningstepname"}
    described = {"name", "description"} <= found
    if "changeid" in found and (steps & found or described) and found.isdisjoint(_TIMES):
        return "steps"
    events = {"changeid", "jobid", "application", "identity", "action", "sourcesystem"}
    if not found.isdisjoint((*_TIMES, "activitydatetime", "activitydatetimeutc")):
        return "events" if len(events & found) >= 2 else None
    return None


def is_event(fields: Fields) -> bool:
    """Whether the line is one of the file of events."""
    return not fields.keys().isdisjoint(_TIMES)


def fields_of_event(fields: Fields) -> Fields:
    """The event's fields under Graph's names, from a line's cells by column."""
    event: Fields = {}
    for key, held in fields.items():
        if held != "":
            event.setdefault(_RENAMED.get(key, key), held)
    for name, parts in _OBJECTS.items():
        event[name] = _gathered(event, name, parts)
    if not event.get("jobid"):
        event["jobid"] = _derived_job(event)
    return event


@dataclass
class Parts:
    """The steps and changed attributes of a download, by change ID, until their events come."""

    steps: dict[str, list[dict[str, object]]] = field(default_factory=dict)
    properties: dict[str, list[dict[str, object]]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def take(self, part: Part, line: Fields) -> None:
        """Keeps one line of the steps or of the changed attributes."""
        change = text_of(line.get("changeid"), "change ID").strip().lower()
        if not change:
            raise RecordError("it has no change ID")
        if part == "steps":
            self.steps.setdefault(change, []).append(_step(line))
        else:
            self.properties.setdefault(change, []).append(_picked(line, _PROPERTY))

    def cells(self, change: str) -> tuple[str, str]:
        """The steps and the changed attributes of one change, as JSON text."""
        key = change.strip().lower()
        self.used.add(key)
        return json_text(self.steps.get(key, [])), json_text(self.properties.get(key, []))

    @property
    def orphans(self) -> int:
        """How many changes have steps or attributes, but no event."""
        return len((self.steps.keys() | self.properties.keys()) - self.used)


def _gathered(event: Fields, name: str, parts: dict[str, tuple[str, ...]]) -> Fields:
    held = event.get(name)
    if isinstance(held, str) and held.lstrip().startswith(("{", "[")):
        held = object_of(held, name)
    gathered: Fields = dict(held) if isinstance(held, dict) else {}
    if isinstance(held, str):
        gathered["name"] = held
    for part, columns in parts.items():
        value = next((event[column] for column in columns if column in event), None)
        if value is not None:
            gathered.setdefault(part, value)
    return gathered


def _derived_job(event: Fields) -> str:
    def part(name: str, key: str) -> str:
        return text_of(object_of(event.get(name), name).get(key), name).strip().lower()

    application = part("serviceprincipal", "id") or part("serviceprincipal", "name")
    if not application:
        return ""
    systems = (part("sourcesystem", "name"), part("targetsystem", "name"))
    text = "\x1f".join((application, *systems))
    return "portal." + blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()


def _step(line: Fields) -> dict[str, object]:
    step = _picked(line, _STEP)
    details = step["details"]
    if isinstance(details, str):
        try:
            held = parse_json(details, "details")
        except RecordError:
            held = None
        step["details"] = held if isinstance(held, dict | list) else {"text": details}
    return step


def _picked(line: Fields, columns: dict[str, tuple[str, ...]]) -> dict[str, object]:
    picked: dict[str, object] = {}
    for name, candidates in columns.items():
        held = next((line[key] for key in candidates if key in line), None)
        picked[name] = None if held == "" else held
    return picked
