"""Diagnostic records, as Event Hub and storage accounts get them.

An envelope (`time, resourceId, category, resultType, durationMs, correlationId, identity …`)
around `properties`, which are the event. Storage accounts hold one record per line in
`y=/m=/d=/h=/m=/PT1H.json`; Event Hub wraps several as `{"records": […]}`.
"""

from __future__ import annotations

from service.records.values import Fields, object_of


def is_diagnostic(fields: Fields) -> bool:
    """Whether the record has the envelope's `properties`."""
    return "properties" in fields


def fields_of_event(envelope: Fields) -> Fields:
    """The event's fields, those of the envelope where the properties have none."""
    properties = object_of(envelope.pop("properties"), "properties")
    identifier = properties.get("id") or envelope.pop("identity", None)
    tenant = properties.get("tenantid") or envelope.get("tenantid")
    envelope.update(properties)
    envelope["id"] = identifier
    envelope["tenantid"] = tenant
    return envelope
