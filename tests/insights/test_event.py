"""One event, read from a row whatever its spelling."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.insights.event import (
    Event,
    Identity,
    ModifiedProperty,
    ServicePrincipal,
    Step,
    read_event,
)
from tests.stores import NOW

ROW: dict[str, Any] = {
    "TimeGenerated": NOW,
    "Key": "e1",
    "JobId": "job-a",
    "CycleId": "run-1",
    "ChangeId": "c1",
    "Action": "update",
    "Result": "success",
    "ErrorCode": "",
    "ResultDescription": "Done.",
    "DurationMs": 12,
}
UPPER = {
    "ServicePrincipal": '{"Id": "p", "Name": "Garden"}',
    "SourceIdentity": '{"Id": "s", "Name": "Éva", "identityType": "User", "details": {"a": "1"}}',
    "TargetIdentity": '{"Id": "t", "Name": "eva", "identityType": "urn:User"}',
    "InitiatedBy": '{"Id": "i", "Name": "Service", "Type": "system"}',
    "ProvisioningSteps": '[{"name": "EntryImport", "provisioningStepType": 0, "status": 0,'
    ' "description": "Read.", "details": {"k": "v"}}]',
    "ModifiedProperties": '[{"displayName": "mail", "oldValue": null, "newValue": "e@x.example"}]',
}
LOWER = {
    "ServicePrincipal": '{"id": "p", "displayName": "Garden"}',
    "SourceIdentity": '{"id": "s", "displayName": "Éva", "identityType": "User",'
    ' "details": "{\\"a\\": \\"1\\"}"}',
    "TargetIdentity": '{"id": "t", "displayName": "eva", "identityType": "urn:User"}',
    "InitiatedBy": '{"id": "i", "displayName": "Service"}',
    "ProvisioningSteps": '[{"Name": "EntryImport", "stepType": "Import", "Status": "Success",'
    ' "Description": "Read.", "Details": "{\\"k\\": \\"v\\"}"}]',
    "ModifiedProperties": '[{"DisplayName": "mail", "OldValue": null, "NewValue": "e@x.example"}]',
}


@pytest.mark.parametrize("spelling", [UPPER, LOWER], ids=["upper", "lower"])
def test_an_event_is_the_same_in_either_spelling(spelling: dict[str, str]) -> None:
    assert read_event(ROW | spelling) == Event(
        id="e1",
        time=NOW,
        job_id="job-a",
        cycle_id="run-1",
        change_id="c1",
        action="update",
        result="success",
        error_code="",
        description="Done.",
        duration_ms=12,
        source=Identity("s", "Éva", "User", {"a": "1"}),
        target=Identity("t", "eva", "urn:User", {}),
        service_principal=ServicePrincipal("p", "Garden"),
        initiated_by="Service",
        steps=[Step("EntryImport", "import", "success", "Read.", {"k": "v"})],
        modified_properties=[ModifiedProperty("mail", None, "e@x.example")],
    )


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [
        (0, 0, ("import", "success")),
        (1, 1, ("scoping", "failure")),
        (2, 2, ("matching", "skipped")),
        (3, 3, ("processing", "warning")),
        (4, "0", ("referenceResolution", "success")),
        ("5", 9, ("export", "9")),
        ("ReferenceResolution", "FAILURE", ("referenceResolution", "failure")),
        ("Gartentor", "²", ("Gartentor", "²")),
        (None, None, ("", "")),
    ],
)
def test_enumerations_are_read_by_number_and_by_name(
    kind: object, status: object, expected: tuple[str, str]
) -> None:
    steps = orjson.dumps([{"name": "A", "provisioningStepType": kind, "status": status}]).decode()
    (step,) = read_event(ROW | {"ProvisioningSteps": steps}).steps
    assert (step.type, step.status) == expected


@pytest.mark.parametrize("broken", [None, "", "{", "no JSON", "[1, null]", "7", '"text"', "\ud800"])
def test_json_that_cannot_be_read_counts_as_nothing(broken: str | None) -> None:
    event = read_event(ROW | dict.fromkeys(UPPER, broken))
    assert (event.steps, event.modified_properties, event.initiated_by) == ([], [], "")
    assert event.source == event.target == Identity("", "", "", {})


def test_columns_that_are_not_there_are_left_empty() -> None:
    bare = {name: ROW[name] for name in ("TimeGenerated", "Key", "JobId", "Action", "Result")}
    event = read_event(bare | {"ErrorCode": ""})
    assert (event.cycle_id, event.description, event.duration_ms, event.steps) == ("", "", None, [])


def test_values_that_are_no_text_are_shown_as_json() -> None:
    changed = '[{"displayName": "phones", "oldValue": [], "newValue": {"work": 1}}]'
    (found,) = read_event(ROW | {"ModifiedProperties": changed}).modified_properties
    assert found == ModifiedProperty("phones", "[]", '{"work":1}')


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["Id", "id", "name", "status", "details", "stepType", "newValue"]), inner
    ),
    max_leaves=8,
)  # fmt: skip


@settings(deadline=None)
@given(st.fixed_dictionaries(dict.fromkeys(UPPER, anything)))
def test_any_json_is_an_event(columns: dict[str, Any]) -> None:
    written = {name: orjson.dumps(value).decode() for name, value in columns.items()}
    event = read_event(ROW | written)
    for step in event.steps:
        assert isinstance(step.name, str)
        assert isinstance(step.details, dict)
    assert isinstance(event.source.id, str)
    assert all(
        value is None or isinstance(value, str)
        for item in event.modified_properties
        for value in (item.old, item.new)
    )
