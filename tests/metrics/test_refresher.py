"""What is shown while refreshes work, and while they do not."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from service.workspace.errors import WorkspaceUnavailable
from tests.api.service import SETTINGS, Recording, Service, Start, running
from tests.metrics.scraping import scrape

SUCCESS = "entra_provisioning_refresh_success"
DATA = "entra_provisioning_data_timestamp_seconds"


@pytest.mark.parametrize("error", [WorkspaceUnavailable, RuntimeError])
async def test_failed_refresh_keeps_the_values_and_says_so(
    service: Service, error: type[Exception]
) -> None:
    before = await scrape(service)
    assert before.of(SUCCESS) == {("activity",): 1}
    service.workspace.failing = error("Out of reach.")
    service.clock.advance(seconds=30)  # the windows stay where they are
    await service.refresh()
    after = await scrape(service)
    assert after.of(SUCCESS) == {("activity",): 0}
    for family in ("job_info", "window_events", "window_failures", "data_timestamp_seconds"):
        name = f"entra_provisioning_{family}"
        assert after.of(name) == before.of(name) != {}
    service.workspace.failing = None
    service.clock.advance(hours=1)
    await service.refresh()
    found = await scrape(service)
    assert found.of(SUCCESS) == {("activity",): 1}
    (asked,), (now,) = before.of(DATA).values(), found.of(DATA).values()
    assert now - asked == timedelta(hours=1, seconds=30).total_seconds()


async def test_refresh_that_never_worked_says_so(store: Path) -> None:
    def dead(workspace: Recording) -> None:
        workspace.failing = WorkspaceUnavailable("Out of reach.")

    async with running(Start(store, SETTINGS, prepare=dead)) as service:
        found = await scrape(service)
        assert found.of(SUCCESS) == {("activity",): 0}
        assert found.of("entra_provisioning_job_info") == {}


async def test_windows_move_with_the_clock(service: Service) -> None:
    assert (await scrape(service)).of("entra_provisioning_window_events")
    service.clock.advance(days=2)
    await service.refresh()
    found = await scrape(service)
    assert found.of("entra_provisioning_window_events") == {}
    assert len(found.of("entra_provisioning_job_info")) == 4


async def test_refresh_without_news_is_one_query(service: Service) -> None:
    service.clock.advance(minutes=1)
    await service.refresh()
    service.workspace.queries.clear()
    service.clock.advance(minutes=1)
    await service.refresh()
    assert len(service.workspace.queries) == 1
