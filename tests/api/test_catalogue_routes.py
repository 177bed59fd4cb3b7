from __future__ import annotations

import pytest

from service.insights.catalogue import INSIGHTS
from service.insights.packs.loading import SHIPPED
from service.kql.checks import check_query
from service.table import TABLE
from tests.api.service import Service
from tests.api.world import GARDEN, address

FIELDS = {"event": {"event_id": "an event"}, "identity-events": {"source_id": "a person"}}
PACKS = sorted(path.stem for path in SHIPPED.glob("*.yaml"))


async def test_catalogue_lists_every_insight_with_routes_that_answer(shared: Service) -> None:
    listed = (await shared.json("/insights"))["data"]
    assert [insight["name"] for insight in listed if not insight["pack"]] == list(INSIGHTS)
    for insight in listed:
        assert insight["title"]
        assert insight["description"]
        for route in insight["routes"]:
            await shared.get(address(route))


@pytest.mark.parametrize("name", INSIGHTS)
async def test_each_insight_says_what_it_takes_and_gives(shared: Service, name: str) -> None:
    detail = await shared.json(f"/insights/{name}")
    assert detail["name"] == name
    fields = {name: name for name in detail["parameters"].get("required", ())}
    kql = (await shared.get(detail["kql"], params=fields)).text
    assert kql.startswith(("AADProvisioningLogs", "let "))
    for parameter in detail["parameters"]["properties"].values():
        assert parameter["description"]
    answer = await shared.json(address(detail["routes"][0]))
    row = answer["data"] if isinstance(answer["data"], dict) else answer["data"][0]
    assert list(detail["columns"]["properties"]) == list(row)


@pytest.mark.parametrize("name", [*INSIGHTS, *PACKS])
async def test_kql_of_everything_is_right_whatever_is_asked(shared: Service, name: str) -> None:
    questions: list[dict[str, str]] = [
        {},
        {"window": "7d", "bin": "1d", "app": "nobody"},
        {"job_id": GARDEN, "app": "garden"},
        {"job_id": GARDEN, "action": "create", "result": "failure"},
        {"error_code": "a'b\"c\\", "operation": "x", "identity_type": "user", "job_id": "nobody"},
    ]
    shared.workspace.queries.clear()
    # One event has no filters, and a pack need not have those on events.
    asked = questions[:1] if name == "event" else questions[:3] if name in PACKS else questions
    for question in asked:
        params = FIELDS.get(name, {}) | question
        text = (await shared.get(f"/insights/{name}/kql", params=params)).text
        for query in text.removesuffix("\n").split("\n\n"):
            check_query(query, [TABLE])
            assert GARDEN in query or question.get("job_id") != GARDEN
    assert shared.workspace.queries == []
