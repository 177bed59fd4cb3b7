"""The table `AADProvisioningLogs`: its name, its columns, and what a workspace may lack of it.

Column names and types follow Microsoft's table reference. The action stands in `Action`
(capitalised, older workspaces and Microsoft's own queries) or in `ProvisioningAction` (lower
case), or in both. Ingestion transforms may drop columns to save money.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

KqlType = Literal["bool", "datetime", "dynamic", "int", "long", "real", "string", "timespan"]

TABLE = "AADProvisioningLogs"

COLUMNS: dict[str, KqlType] = {
    "TimeGenerated": "datetime",
    "Id": "string",
    "JobId": "string",
    "CycleId": "string",
    "ChangeId": "string",
    "Action": "string",
    "ProvisioningAction": "string",
    "ResultType": "string",
    "ResultSignature": "string",
    "ResultDescription": "string",
    "DurationMs": "long",
    "ServicePrincipal": "string",
    "SourceSystem": "string",
    "TargetSystem": "string",
    "SourceIdentity": "string",
    "TargetIdentity": "string",
    "InitiatedBy": "string",
    "ProvisioningStatusInfo": "string",
    "ProvisioningSteps": "string",
    "ModifiedProperties": "string",
    "AADTenantId": "string",
    "Category": "string",
    "CorrelationId": "string",
    "OperationName": "string",
    "OperationVersion": "string",
    "TenantId": "string",
    "Type": "string",
    "_BilledSize": "real",
    "_IsBillable": "string",
}
"""Every column a workspace may have, with its KQL type."""


@dataclass(frozen=True)
class TableSchema:
    """The columns that one workspace really has, asked once with `getschema`."""

    columns: frozenset[str] = frozenset(COLUMNS)

    def has(self, column: str) -> bool:
        return column in self.columns

    @property
    def missing(self) -> tuple[str, ...]:
        """Columns of the reference that are absent, in its order; one action column is enough."""
        actions = {"Action", "ProvisioningAction"}
        one_action = bool(actions & self.columns)
        return tuple(
            name
            for name in COLUMNS
            if name not in self.columns and not (one_action and name in actions)
        )
