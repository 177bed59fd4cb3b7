"""Graph's `provisioningObjectSummary`, which the portal's JSON download holds as well.

Pages are `{"value": […], "@odata.nextLink": …}`; the reference calls `servicePrincipal` a list,
the service sends an object. The older beta has `action` and `statusInfo` instead of
`provisioningAction` and `provisioningStatusInfo`.
"""

from __future__ import annotations

from service.records.values import Fields


def is_graph(fields: Fields) -> bool:
    """Whether the record has what every Graph event has."""
    return "activitydatetime" in fields or ("jobid" in fields and "changeid" in fields)


def fields_of_event(fields: Fields) -> Fields:
    """The event's fields: the row is made from Graph's names."""
    return fields
