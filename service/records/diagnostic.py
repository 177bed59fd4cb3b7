"""Diagnostic records, as Event Hub and storage accounts get them.

An envelope (`time, resourceId, category, resultType, durationMs, correlationId, identity …`)
around `properties`, which are the event. Storage accounts hold one record per line in
`y=/m=/d=/h=/m=/PT1H.json`; Event Hub wraps several as `{"records": […]}`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import itemgetter

from service.records.row import NAMES
from service.records.values import Fields, object_of, spelled

_Take = Callable[[tuple[object, ...]], tuple[object, ...]]
_ID, _TENANT = NAMES.index("id"), NAMES.index("tenantid")


def is_diagnostic(fields: Fields) -> bool:
    """Whether the record has the envelope's `properties`."""
    return "properties" in fields


def fields_of_event(envelope: Fields) -> Fields:
    """The event's fields, those of the envelope where the properties have none."""
    properties = object_of(envelope.pop("properties"), "properties")
    identifier = properties.get("id") or envelope.pop("identity", None)
    tenant = properties.get("tenantid") or envelope.get("tenantid")
    envelope.update(
        (name, value)
        for name, value in properties.items()
        if value is not None or name not in envelope
    )
    envelope["id"] = identifier
    envelope["tenantid"] = tenant
    return envelope


def values_of_event(record: Mapping[str, object]) -> tuple[object, ...] | None:
    """The event's values under `NAMES`, the same as of its fields; None if only those tell.

    Whole files have records with the same keys, so where each value stands is found out once.
    """
    properties = record.get("properties")
    if not isinstance(properties, dict):
        return None
    found = _places(tuple(record), tuple(properties))
    if found is None:
        return None
    take, twofold = found
    if any(properties[key] is None for key in twofold):
        return None
    values = take((*record.values(), *properties.values(), None))
    return values if values[_ID] and values[_TENANT] else None


@lru_cache(maxsize=256)
def _places(
    envelope: tuple[str, ...], properties: tuple[str, ...]
) -> tuple[_Take, tuple[str, ...]] | None:
    """What takes `NAMES` from the values of both and a None, and the properties that both have.

    None where a key is there in two spellings, so that the values decide which counts.
    """
    outer, inner = [list(map(spelled, keys)) for keys in (envelope, properties)]
    has_twice = len({*outer}) < len(outer) or len({*inner}) < len(inner)
    if has_twice or "id" not in inner:
        return None
    places = {name: place for place, name in enumerate((*outer, *inner))}
    twofold = tuple(key for key, name in zip(properties, inner, strict=True) if name in outer)
    return itemgetter(*(places.get(name, -1) for name in NAMES)), twofold
