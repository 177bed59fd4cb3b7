from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.records.problems import RecordError
from service.records.shapes import row_of_record, rows_of_value
from service.records.values import spelled
from tests.records.made_up import TENANT, diagnostic, graph, log_analytics, row


def changed(**properties: Any) -> dict[str, Any]:
    record = diagnostic()
    record["properties"] |= properties
    return record


def without(record: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in names}


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(graph(), id="Graph"),
        pytest.param({**graph(), "servicePrincipal": graph()["servicePrincipal"][0]}, id="object"),
        pytest.param(log_analytics(), id="Log Analytics with text"),
        pytest.param(log_analytics(text=False), id="Log Analytics with objects"),
        pytest.param(
            {**diagnostic(), "properties": json.dumps(diagnostic()["properties"])}, id="text"
        ),
        pytest.param({key.upper(): value for key, value in graph().items()}, id="capitals"),
    ],
)
def test_every_shape_of_an_event_gives_the_same_row(record: dict[str, Any]) -> None:
    assert row_of_record(record) == row_of_record(diagnostic())


def test_row_holds_the_event() -> None:
    found = row(diagnostic())
    assert found["TimeGenerated"] == datetime(2026, 5, 4, 0, 1, 7, 123456)
    assert found["ResultSignature"] == "GardenGateLocked"
    assert found["DurationMs"] == 1234
    assert json.loads(found["SourceIdentity"]) == {
        "Id": "50c11111-0000-4000-8000-000000000004",
        "Name": "Éva Fern",
        "identityType": "User",
        "details": {"id": "u1", "odatatype": "User", "UserPrincipalName": "éva@fern.example"},
    }
    assert json.loads(found["InitiatedBy"])["Type"] == "system"
    assert found["Type"] == "AADProvisioningLogs"
    assert found["AADTenantId"] == TENANT


@pytest.mark.parametrize(
    ("given_values", "expected"),
    [
        ({"provisioningAction": 1}, "Create"),
        ({"provisioningAction": 0, "action": "0"}, "Other"),
        ({"provisioningAction": 2}, "Delete"),
        ({"provisioningAction": 3}, "Disable"),
        ({"provisioningAction": "4"}, "Update"),
        ({"provisioningAction": 5}, "StagedDelete"),
        ({"provisioningAction": None, "action": "DISABLE"}, "Disable"),
        ({"provisioningAction": "stageddelete", "action": None}, "StagedDelete"),
        ({"provisioningAction": "Staged delete", "action": None}, "StagedDelete"),
        ({"provisioningAction": 9, "action": "Update"}, "Update"),
        ({"provisioningAction": "somethingNew", "action": None}, "somethingNew"),
        ({"provisioningAction": None, "action": None}, "Other"),
    ],
)
def test_action_comes_from_either_field_as_text_or_number(
    given_values: dict[str, Any], expected: str
) -> None:
    found = row(changed(**given_values))
    assert found["Action"] == expected
    assert found["ProvisioningAction"] == expected[0].lower() + expected[1:]


def test_inner_status_is_right_where_the_envelope_and_the_number_disagree() -> None:
    record = changed(statusInfo={"Status": 0})
    record["resultType"] = "Success"
    found = row(record)
    assert found["ResultType"] == "Failure"
    assert json.loads(found["ProvisioningStatusInfo"])["Status"] == "failure"


@pytest.mark.parametrize(
    ("status_info", "older", "envelope", "expected"),
    [
        (None, {"Status": 2}, "Success", "Skipped"),
        (None, {"status": "warning"}, "Success", "Warning"),
        (None, None, 1, "Failure"),
        (None, None, "skipped", "Skipped"),
        ({"status": "Success"}, {"Status": 1}, "Failure", "Success"),
        ('{"Status":"skipped"}', None, None, "Skipped"),
    ],
)
def test_result_is_the_innermost_status_there_is(
    status_info: Any, older: Any, envelope: Any, expected: str
) -> None:
    record = changed(provisioningStatusInfo=status_info, statusInfo=older)
    record["resultType"] = envelope
    found = row(record)
    assert found["ResultType"] == expected
    assert json.loads(found["ProvisioningStatusInfo"])["Status"] == expected.lower()


def test_error_of_the_older_status_is_read() -> None:
    record = without(graph(), "provisioningStatusInfo") | {
        "statusInfo": {"status": "failure", "errorCode": "OldCode", "reason": "Of old."}
    }
    found = row(record)
    assert (found["ResultSignature"], found["ResultDescription"]) == ("OldCode", "Of old.")


@pytest.mark.parametrize("key", ["errorInformation", "ErrorInformation", "errorInfo"])
def test_error_may_stand_one_level_deeper_in_the_older_status(key: str) -> None:
    error = {"errorCode": "OldCode", "reason": "Of old."}
    record = without(changed(statusInfo={"Status": "Failure", key: error}), "resultSignature")
    del record["properties"]["provisioningStatusInfo"]
    found = row(record)
    assert (found["ResultSignature"], found["ResultDescription"]) == ("OldCode", "Of old.")


def test_property_that_is_null_leaves_the_envelopes_value() -> None:
    record = changed(durationMs=None)
    del record["properties"]["durationInMilliseconds"]
    assert row(record | {"durationMs": 33})["DurationMs"] == 33


@pytest.mark.parametrize("code", ["None", "", None, "null"])
def test_no_error_code_is_the_empty_text(code: str | None) -> None:
    record = changed(provisioningStatusInfo={"Status": "success", "errorInformation": None})
    record["resultSignature"] = code
    record["resultDescription"] = None
    found = row(record)
    assert found["ResultSignature"] == found["ResultDescription"] == ""
    assert found["ProvisioningStatusInfo"] == '{"Status":"success","errorInformation":null}'


@pytest.mark.parametrize("resource", ["/tenants/{}/providers", "/TENANTS/{}/PROVIDERS/X"])
def test_tenant_is_taken_from_the_resource_when_it_is_missing(resource: str) -> None:
    record = changed(tenantId=None)
    record["tenantId"] = None
    record["resourceId"] = resource.format(TENANT.upper())
    assert row(record)["AADTenantId"] == TENANT


def test_workspace_of_an_exported_row_is_kept_apart_from_the_tenant() -> None:
    found = row({**log_analytics(), "TenantId": "workspace"})
    assert (found["TenantId"], found["AADTenantId"]) == ("workspace", TENANT)


def test_columns_that_a_transform_dropped_are_empty() -> None:
    dropped = ("ProvisioningSteps", "ModifiedProperties", "ProvisioningStatusInfo", "Action")
    found = row(without(log_analytics(), *dropped))
    assert found["ProvisioningSteps"] == found["ModifiedProperties"] == "[]"
    assert found["ResultType"] == "Failure"
    assert json.loads(found["ProvisioningStatusInfo"])["errorInformation"]["errorCode"] == (
        "GardenGateLocked"
    )
    assert found["Action"] == "Create"


def test_objects_that_are_missing_keep_their_form() -> None:
    record = changed(servicePrincipal=None, sourceIdentity=None, sourceSystem="", initiatedBy={})
    found = row(record)
    assert found["ServicePrincipal"] == '{"Id":"","Name":""}'
    assert found["SourceIdentity"] == '{"Id":"","Name":"","identityType":"","details":{}}'
    assert found["SourceSystem"] == '{"Id":"","Name":"","details":{}}'
    assert found["InitiatedBy"] == '{"Id":"","Name":"","Type":""}'


def test_details_may_be_a_list_of_pairs_or_text() -> None:
    pairs = changed(sourceSystem={"details": [{"key": "a", "value": "1"}, {"Name": "b"}]})
    assert json.loads(row(pairs)["SourceSystem"])["details"] == {"a": "1", "b": None}
    text = changed(sourceSystem={"details": '{"a":{"b":1}}'})
    assert json.loads(row(text)["SourceSystem"])["details"] == {"a": {"b": 1}}


def test_unknown_step_types_and_statuses_are_kept() -> None:
    step = {"name": "N", "stepType": "Dancing", "status": "3", "description": None}
    steps = json.loads(row(changed(provisioningSteps=[step]))["ProvisioningSteps"])
    assert steps == [
        {
            "name": "N",
            "provisioningStepType": "Dancing",
            "status": 3,
            "description": "",
            "details": {},
        }
    ]


def test_change_and_correlation_stand_in_for_each_other() -> None:
    record = changed(changeId=None)
    assert row(record)["ChangeId"] == record["correlationId"]
    assert (
        row(without(diagnostic(), "correlationId"))["CorrelationId"]
        == (diagnostic()["properties"]["changeId"])
    )


def test_dotnet_default_time_counts_as_missing() -> None:
    record = changed(activityDateTime="0001-01-01T00:00:00Z")
    assert row(record)["TimeGenerated"] == datetime(2026, 5, 4, 0, 1, 7, 123456)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({**diagnostic(), "category": "SignInLogs"}, "category 'SignInLogs'"),
        (changed(jobId=None), "no job ID"),
        ({"time": "01/09/2007 09:41:00", "category": "ProvisioningLogs"}, "without properties"),
        (without(graph(), "activityDateTime"), "no time"),
        (changed(activityDateTime="soon"), "'soon' can't be read"),
        (changed(activityDateTime=5), "its time is 5, not text"),
        (changed(sourceIdentity=5), "sourceIdentity is a number, not an object"),
        (changed(provisioningSteps=7), "provisioningSteps is a number, not a list"),
        (changed(provisioningSteps=[7]), "provisioningSteps holds something"),
        (changed(modifiedProperties=["x"]), "modifiedProperties holds something"),
        (changed(servicePrincipal="{"), "servicePrincipal is not valid JSON"),
        (changed(jobId={"a": 1}), "jobId is an object, not text"),
        ({**log_analytics(), "Type": "SigninLogs"}, "table 'SigninLogs'"),
        (
            without(log_analytics(), "TimeGenerated") | {"TimeGenerated [Lisbon]": "1/2/2026"},
            "not in UTC",
        ),
        ({"some": "thing"}, "not a provisioning event"),
    ],
)
def test_refused_record_says_why(record: dict[str, Any], reason: str) -> None:
    with pytest.raises(RecordError, match=reason.replace("(", r"\(")):
        row_of_record(record)


def test_deep_nesting_is_refused() -> None:
    deep: Any = {}
    for _ in range(600):
        deep = {"a": deep}
    with pytest.raises(RecordError, match="too deeply"):
        row_of_record(changed(sourceSystem={"details": deep}))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(value=anything)
def test_any_json_value_is_a_row_or_a_reason(value: Any) -> None:
    for found in rows_of_value(value):
        assert isinstance(found, tuple | RecordError)


@settings(deadline=None)
@given(
    base=st.sampled_from([diagnostic, graph, log_analytics]),
    name=st.integers(0, 40),
    value=anything,
)
def test_any_value_in_any_field_is_a_row_or_a_reason(base: Any, name: int, value: Any) -> None:
    record = base()
    held = record.get("properties", record)
    held[list(held)[name % len(held)]] = value
    for found in rows_of_value(record):
        assert isinstance(found, tuple | RecordError)


@given(text=st.text())
def test_spelling_is_stable(text: str) -> None:
    assert spelled(spelled(text)) == spelled(text)
