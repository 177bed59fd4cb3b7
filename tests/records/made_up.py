"""One made-up event, told in every shape that an export may have."""

from __future__ import annotations

import copy
import csv
import io
import json
from typing import Any

from service.records.shapes import row_of_record
from service.table import COLUMNS

Record = dict[str, Any]

TENANT = "0f6b2c11-3f5e-4f0a-9a6a-5b1f3c7d2e90"
_TYPES = ("import", "scoping", "matching", "processing", "referenceResolution", "export")
_RESULTS = ("success", "failure", "skipped", "warning")


def diagnostic(number: int = 1) -> Record:
    """The event as a diagnostic record; another number is another event."""
    event, change = (
        f"e0000000-0000-4000-8000-{number:012d}",
        f"c0000000-0000-4000-8000-{number:012d}",
    )
    hour, minute = divmod(number, 60)
    time = f"2026-05-04T{hour % 24:02d}:{minute:02d}:07.1234567Z"
    return {
        "time": time,
        "resourceId": f"/tenants/{TENANT}/providers/Microsoft.aadiam",
        "operationName": "Provisioning activity",
        "operationVersion": "1.0",
        "category": "ProvisioningLogs",
        "tenantId": TENANT,
        "resultType": "Failure",
        "resultSignature": "GardenGateLocked",
        "resultDescription": "The gate of Garden is locked for éva@fern.example.",
        "durationMs": 1234,
        "correlationId": change,
        "identity": event,
        "Level": 4,
        "properties": {
            "id": event,
            "activityDateTime": time,
            "tenantId": TENANT,
            "jobId": f"scim.{TENANT.replace('-', '')}.7f1de5a0-1111-4222-8333-444455556666",
            "cycleId": "cc111111-2222-4333-8444-555566667777",
            "changeId": change,
            "action": "Create",
            "provisioningAction": "create",
            "servicePrincipal": {"Id": "5e111111-0000-4000-8000-000000000001", "Name": "Garden"},
            "sourceSystem": {
                "details": {},
                "Id": "50111111-0000-4000-8000-000000000002",
                "Name": "Microsoft Entra ID",
            },
            "targetSystem": {
                "details": {"ApplicationId": "a0", "ServicePrincipalDisplayName": "Garden"},
                "Id": "7a111111-0000-4000-8000-000000000003",
                "Name": "customappsso",
            },
            "initiatedBy": {"Type": "system", "Id": "", "Name": "Azure AD Provisioning Service"},
            "sourceIdentity": {
                "identityType": "User",
                "details": {
                    "id": "u1",
                    "odatatype": "User",
                    "UserPrincipalName": "éva@fern.example",
                },
                "Id": "50c11111-0000-4000-8000-000000000004",
                "Name": "Éva Fern",
            },
            "targetIdentity": {
                "identityType": "urn:ietf:params:scim:schemas:core:2.0:User",
                "details": {},
                "Id": "",
                "Name": "",
            },
            "provisioningStatusInfo": {
                "Status": "failure",
                "errorInformation": {
                    "errorCode": "GardenGateLocked",
                    "reason": "The gate of Garden is locked for éva@fern.example.",
                    "additionalDetails": None,
                    "errorCategory": "nonServiceFailure",
                    "recommendedAction": None,
                },
            },
            "statusInfo": {"Status": 1},
            "provisioningSteps": [
                {
                    "name": "EntryImportAdd",
                    "provisioningStepType": 0,
                    "status": 0,
                    "description": 'Received User "éva@fern.example", change of type (Add)',
                    "details": {"objectId": "u1", "displayName": "Éva Fern"},
                },
                {
                    "name": "EntryExportAdd",
                    "provisioningStepType": 5,
                    "status": 1,
                    "description": "Failed to create User\nin Garden",
                    "details": {"ReportableIdentifier": "éva@fern.example"},
                },
            ],
            "modifiedProperties": [
                {"displayName": "userName", "oldValue": None, "newValue": "éva@fern.example"}
            ],
            "durationInMilliseconds": 1234,
        },
    }


def graph(number: int = 1) -> Record:
    """The event as Graph's `provisioningObjectSummary`."""
    held = copy.deepcopy(diagnostic(number)["properties"])
    status = held["provisioningStatusInfo"]
    return {
        "@odata.type": "#microsoft.graph.provisioningObjectSummary",
        "id": held["id"],
        "activityDateTime": held["activityDateTime"],
        "tenantId": held["tenantId"],
        "jobId": held["jobId"],
        "cycleId": held["cycleId"],
        "changeId": held["changeId"],
        "provisioningAction": held["provisioningAction"],
        "durationInMilliseconds": held["durationInMilliseconds"],
        "servicePrincipal": [_lower(held["servicePrincipal"])],
        "sourceSystem": _lower(held["sourceSystem"]),
        "targetSystem": _lower(held["targetSystem"]),
        "initiatedBy": {
            "id": held["initiatedBy"]["Id"],
            "displayName": held["initiatedBy"]["Name"],
            "initiatorType": held["initiatedBy"]["Type"],
        },
        "sourceIdentity": _lower(held["sourceIdentity"]),
        "targetIdentity": _lower(held["targetIdentity"]),
        "provisioningStatusInfo": {
            "status": status["Status"],
            "errorInformation": status["errorInformation"],
        },
        "provisioningSteps": [
            {
                **step,
                "provisioningStepType": _TYPES[step["provisioningStepType"]],
                "status": _RESULTS[step["status"]],
            }
            for step in held["provisioningSteps"]
        ],
        "modifiedProperties": held["modifiedProperties"],
        "operationVersion": "1.0",
    }


def log_analytics(number: int = 1, *, text: bool = True) -> Record:
    """The event as a row of the table, its JSON columns as text or as objects."""
    envelope = diagnostic(number)
    held = envelope["properties"]
    row: Record = {
        "TenantId": "",
        "TimeGenerated": held["activityDateTime"],
        "AADTenantId": TENANT,
        "Category": "ProvisioningLogs",
        "OperationName": envelope["operationName"],
        "OperationVersion": "1.0",
        "ResultType": "Failure",
        "ResultSignature": envelope["resultSignature"],
        "ResultDescription": envelope["resultDescription"],
        "DurationMs": envelope["durationMs"],
        "CorrelationId": envelope["correlationId"],
        "Id": held["id"],
        "JobId": held["jobId"],
        "CycleId": held["cycleId"],
        "ChangeId": held["changeId"],
        "Action": held["action"],
        "ProvisioningAction": held["provisioningAction"],
        "Type": "AADProvisioningLogs",
    }
    for name in (
        "ServicePrincipal",
        "SourceSystem",
        "TargetSystem",
        "InitiatedBy",
        "SourceIdentity",
        "TargetIdentity",
        "ProvisioningStatusInfo",
        "ProvisioningSteps",
        "ModifiedProperties",
    ):
        value = held[name[0].lower() + name[1:]]
        row[name] = json.dumps(value) if text else value
    return row


def portal_csv(*numbers: int) -> tuple[str, str, str]:
    """The events as the portal's three CSV files: events, steps, modified properties."""
    events, steps, properties = [], [], []
    for number in numbers or (1,):
        envelope = diagnostic(number)
        held = envelope["properties"]
        error = held["provisioningStatusInfo"]["errorInformation"]
        events.append(
            {
                "Date (UTC)": held["activityDateTime"],
                "Change ID": held["changeId"],
                "Cycle ID": held["cycleId"],
                "Job ID": held["jobId"],
                "Tenant ID": TENANT,
                "Action": held["action"],
                "Status": "Failure",
                "Error code": error["errorCode"],
                "Reason": error["reason"],
                "Duration": str(held["durationInMilliseconds"]),
                "Application": held["servicePrincipal"]["Name"],
                "Service principal ID": held["servicePrincipal"]["Id"],
                "Identity": held["sourceIdentity"]["Name"],
                "Source ID": held["sourceIdentity"]["Id"],
                "Identity type": held["sourceIdentity"]["identityType"],
                "Target ID": held["targetIdentity"]["Id"],
                "Source system": held["sourceSystem"]["Name"],
                "Target system": held["targetSystem"]["Name"],
            }
        )
        steps += [
            {
                "Change ID": held["changeId"],
                "Step name": step["name"],
                "Step type": _TYPES[step["provisioningStepType"]],
                "Status": _RESULTS[step["status"]].capitalize(),
                "Description": step["description"],
                "Details": json.dumps(step["details"]),
            }
            for step in held["provisioningSteps"]
        ]
        properties += [
            {
                "Change ID": held["changeId"],
                "Display name": held_property["displayName"],
                "Old value": held_property["oldValue"] or "",
                "New value": held_property["newValue"] or "",
            }
            for held_property in held["modifiedProperties"]
        ]
    return csv_text(events), csv_text(steps), csv_text(properties)


def csv_text(rows: list[Record], *, delimiter: str = ",") -> str:
    """The rows as CSV with CR LF, as exports write it."""
    target = io.StringIO()
    writer = csv.DictWriter(target, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return target.getvalue()


def lines(*records: Record) -> bytes:
    """The records as JSON lines."""
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def row(record: Record) -> dict[str, Any]:
    """The record's row by column, without the keys."""
    return dict(zip(COLUMNS, row_of_record(record), strict=False))


def _lower(named: Record) -> Record:
    other = {"Id": "id", "Name": "displayName"}
    return {other.get(key, key): value for key, value in named.items()}
