from __future__ import annotations

import pytest

from service.insights.catalogue import INSIGHTS
from tests.api.service import Service
from tests.api.world import GARDEN


async def test_catalogue_lists_every_insight_with_routes_that_answer(shared: Service) -> None:
    listed = (await shared.json("/insights"))["data"]
    assert [insight["name"] for insight in listed] == list(INSIGHTS)
    for insight in listed:
        assert insight["title"]
        assert insight["description"]
        for route in insight["routes"]:
            await shared.get(route.format(job_id=GARDEN))


@pytest.mark.parametrize("name", INSIGHTS)
async def test_each_insight_says_what_it_takes_and_gives(shared: Service, name: str) -> None:
    detail = await shared.json(f"/insights/{name}")
    assert detail["name"] == name
    assert (await shared.get(detail["kql"])).text.startswith("AADProvisioningLogs")
    for parameter in detail["parameters"]["properties"].values():
        assert parameter["description"]
    answer = await shared.json(detail["routes"][0].format(job_id=GARDEN))
    row = answer["data"] if isinstance(answer["data"], dict) else answer["data"][0]
    assert list(detail["columns"]["properties"]) == list(row)
