from __future__ import annotations

import json
from typing import Any

import pytest

from service.records.objects import identity_of, properties_of, steps_of
from tests.records.made_up import diagnostic

PROPERTIES = diagnostic()["properties"]


def shouted(value: dict[str, Any]) -> dict[str, Any]:
    return {key.upper(): held for key, held in value.items()}


def turned(value: dict[str, Any]) -> dict[str, Any]:
    return dict(reversed(value.items()))


@pytest.mark.parametrize("changed", [shouted, turned])
def test_spelling_and_order_of_keys_change_nothing(changed: Any) -> None:
    identity = PROPERTIES["sourceIdentity"]
    assert identity_of(changed(identity), "it") == identity_of(identity, "it")
    for name, read in (("provisioningSteps", steps_of), ("modifiedProperties", properties_of)):
        assert read([changed(held) for held in PROPERTIES[name]]) == read(PROPERTIES[name])


def test_usual_keys_with_values_of_other_kinds_are_read_too() -> None:
    identity = PROPERTIES["sourceIdentity"] | {"Id": 7, "Name": None}
    found = json.loads(identity_of(identity, "it"))
    assert (found["Id"], found["Name"]) == ("7", "")
    step = PROPERTIES["provisioningSteps"][0] | {"status": "failure", "details": "{}"}
    text, contents = steps_of([step, *PROPERTIES["provisioningSteps"][1:]])
    assert json.loads(text)[0]["status"] == 1
    assert [status for _, _, status, _ in contents] == [1, 1]
