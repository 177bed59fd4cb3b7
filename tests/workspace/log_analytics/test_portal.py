from __future__ import annotations

import base64
import gzip
from datetime import UTC, datetime
from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from service.kql.template import Kql
from service.workspace.log_analytics.portal import logs_link
from service.workspace.protocol import TimeSpan
from tests.simulator import Simulator
from tests.workspace.log_analytics.simulated import simulated

RESOURCE = (
    "/subscriptions/1a5f0c0e-6d1b-4c0e-9a53-0d9a3f5c7e11/resourceGroups/logs (eu)"
    "/providers/Microsoft.OperationalInsights/workspaces/garden"
)
SPAN = TimeSpan(datetime(2026, 11, 21, 13, tzinfo=UTC), datetime(2026, 11, 22, 13, 5, tzinfo=UTC))


@given(st.text(min_size=1))
def test_a_link_holds_the_query_whole(text: str) -> None:
    kql = Kql(text.encode("utf-8", "replace").decode())
    link = logs_link("https://portal.azure.com", RESOURCE, kql, SPAN)
    address, _, fragment = link.partition("#")
    parts = fragment.split("/")
    assert address == "https://portal.azure.com/"
    assert unquote(parts[parts.index("resourceId") + 1]) == RESOURCE
    packed = unquote(unquote(parts[parts.index("q") + 1]))
    assert gzip.decompress(base64.b64decode(packed)).decode() == kql.text
    assert unquote(parts[parts.index("timespan") + 1]) == (
        "2026-11-21T13:00:00.000Z/2026-11-22T13:05:00.000Z"
    )


async def test_without_a_resource_id_there_is_no_link(simulator: Simulator) -> None:
    kql = Kql("AADProvisioningLogs")
    async with (
        simulated(simulator) as plain,
        simulated(simulator, resource_id=RESOURCE, portal="https://portal.azure.us") as known,
    ):
        assert plain.portal_link(kql, SPAN) is None
        link = known.portal_link(kql, SPAN)
    assert link is not None
    assert link.startswith("https://portal.azure.us/#blade/")
