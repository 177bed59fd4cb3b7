"""What updates change about a person: attributes with their old and new values."""

from __future__ import annotations

import json

from service.records.demo.chance import stream_of
from service.records.demo.tenant import Fields

_VALUES: dict[str, tuple[str, ...]] = {
    "department": ("Sales", "Finance", "Research", "Support", "Legal", "Logistics"),
    "title": ("Analyst", "Clerk", "Engineer", "Team lead", "Buyer", "Trainee"),
    "addresses[type eq work].locality": ("Bremen", "Łódź", "Porto", "Turku"),
    "manager": ("10012", "10047", "10133", "10201"),
    "phoneNumbers[type eq work].value": ("+49 421 5550100", "+358 2 5550111", "+351 22 5550122"),
    "preferredLanguage": ("de", "en", "fi", "pl", "pt"),
    "costCenter": ("1000", "2100", "2200", "4711", "9000"),
}
_COUNT = 256


def modifications(seed: int) -> list[Fields]:
    """Values of the slots `modified` (the list of properties) and `changes` (what is written)."""
    random = stream_of(seed, "modifications")
    names = list(_VALUES)
    found = []
    for _ in range(_COUNT):
        first = int(random.random() * len(names))
        chosen = [
            names[(first + step) % len(names)] for step in range(1 + int(random.random() * 3))
        ]
        properties = []
        for name in chosen:
            values = _VALUES[name]
            old = int(random.random() * len(values))
            new = (old + 1 + int(random.random() * (len(values) - 1))) % len(values)
            properties.append(
                {"displayName": name, "oldValue": values[old], "newValue": values[new]}
            )
        found.append(
            {
                b"modified": _json(properties),
                b"changes": _json({item["displayName"]: item["newValue"] for item in properties}),
            }
        )
    return found


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
