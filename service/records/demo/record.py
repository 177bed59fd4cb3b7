"""A diagnostic record as a template of bytes: written once per kind of change, filled per event.

Words in braces inside texts are slots; the value `{=word}` takes JSON as it is. The layout is
that of the category ProvisioningLogs as an Event Hub or a storage account receives it.
"""

from __future__ import annotations

import json
import re
from typing import Any

from service.records.demo.steps import Step
from service.records.demo.tenant import Family

_SLOT = re.compile(r'"\{=(\w+)\}"|\{(\w+)\}')

_SCIM = "urn:ietf:params:scim:schemas:core:2.0:"
_SOURCE_ID: dict[Family, str] = {
    "scim": "{entra}",
    "cross-tenant": "{entra}",
    "hr": "{number}",
    "cloud-sync": "{directory}",
}
_TARGET_ID: dict[Family, str] = {
    "scim": "{slug}-{number}",
    "cross-tenant": "{guest}",
    "hr": "{entra}",
    "cloud-sync": "{entra}",
}


def template(
    family: Family,
    *,
    thing: str,
    action: str,
    result: str,
    steps: list[Step],
    modified: object,
    error: dict[str, str] | None,
    exists: bool,
) -> bytes:
    """One line with `%(slot)b` for each slot, ready for `%` with a mapping of bytes.

    `thing` is user or group; `error` the status's errorInformation; `exists` whether the target
    system holds the object, so that its identity there is known.
    """
    noun = thing.capitalize()
    target: dict[str, Any] = {
        "identityType": (_SCIM if family == "scim" else "") + noun,
        "details": {},
        "Id": "{target_id}" if exists else "",
        "Name": "{upn}" if exists and thing == "user" else "{name}" if exists else "",
    }
    properties = {
        "id": "{event}",
        "activityDateTime": "{time}",
        "tenantId": "{tenant}",
        "jobId": "{job}",
        "cycleId": "{cycle}",
        "changeId": "{change}",
        "action": action,
        "provisioningAction": action.lower(),
        "servicePrincipal": {"Id": "{principal}", "Name": "{app}"},
        "sourceSystem": {"details": {}, "Id": "{source_system}", "Name": "{source}"},
        "targetSystem": {
            "details": {
                "ApplicationId": "{app_id}",
                "ServicePrincipalId": "{principal}",
                "ServicePrincipalDisplayName": "{app}",
            },
            "Id": "{target_system}",
            "Name": "{target}",
        },
        "initiatedBy": {"Type": "system", "Id": "", "Name": "Azure AD Provisioning Service"},
        "sourceIdentity": {
            "identityType": noun,
            "details": {
                "id": "{source_id}",
                "odatatype": noun,
                "DisplayName": "{name}",
                **({"UserPrincipalName": "{upn}"} if thing == "user" else {}),
            },
            "Id": "{source_id}",
            "Name": "{name}",
        },
        "targetIdentity": target,
        "provisioningStatusInfo": {"Status": result.lower(), "errorInformation": error},
        "provisioningSteps": steps,
        "modifiedProperties": modified,
        "durationInMilliseconds": "{=duration}",
    }
    envelope = {
        "time": "{time}",
        "resourceId": "/tenants/{tenant}/providers/Microsoft.aadiam",
        "operationName": "Provisioning activity",
        "operationVersion": "1.0",
        "category": "ProvisioningLogs",
        "tenantId": "{tenant}",
        "resultType": result,
        "resultSignature": error["errorCode"] if error else "",
        "resultDescription": error["reason"] if error else "",
        "durationMs": "{=duration}",
        "correlationId": "{change}",
        "identity": "{event}",
        "Level": 4,
        "properties": properties,
    }
    line = json.dumps(envelope, ensure_ascii=False, separators=(",", ":")) + "\n"
    for slot, source in (("source_id", _SOURCE_ID), ("target_id", _TARGET_ID)):
        line = line.replace(f"{{{slot}}}", source[family])
    return _SLOT.sub(r"%(\1\2)b", line.replace("%", "%%")).encode()
