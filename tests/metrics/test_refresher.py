"""What is shown while refreshes work, and while they do not."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from service.workspace.errors import WorkspaceUnavailable
from tests.api.service import SETTINGS, Recording, Service, Start, running
from tests.metrics.scraping import scrape

OFTEN = SETTINGS.model_copy(update={"metrics_every": timedelta(milliseconds=20)})
SUCCESS = "entra_provisioning_refresh_success"


async def shown(service: Service, success: float) -> None:
    """Returns when a scrape shows this success of the last refresh."""
    for _ in range(500):
        if (await scrape(service)).of(SUCCESS) == {("window-counts",): success}:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{SUCCESS} was never {success}")


@pytest.mark.parametrize("error", [WorkspaceUnavailable, RuntimeError])
async def test_failed_refresh_keeps_the_values_and_says_so(
    store: Path, error: type[Exception]
) -> None:
    async with running(Start(store, OFTEN)) as service:
        await shown(service, 1)
        before = await scrape(service)
        service.workspace.failing = error("Out of reach.")
        service.clock.advance(hours=2)
        await shown(service, 0)
        after = await scrape(service)
        for family in ("job_info", "window_events", "window_failures", "data_timestamp_seconds"):
            name = f"entra_provisioning_{family}"
            assert after.of(name) == before.of(name) != {}
        service.workspace.failing = None
        service.clock.advance(hours=1)
        await shown(service, 1)
        name = "entra_provisioning_data_timestamp_seconds"
        (asked,), (now,) = before.of(name).values(), (await scrape(service)).of(name).values()
        assert now - asked == timedelta(hours=3).total_seconds()


async def test_refresh_that_never_worked_says_so(store: Path) -> None:
    def dead(workspace: Recording) -> None:
        workspace.failing = WorkspaceUnavailable("Out of reach.")

    async with running(Start(store, SETTINGS, prepare=dead)) as service:
        await shown(service, 0)
        assert (await scrape(service)).of("entra_provisioning_job_info") == {}


async def test_windows_move_with_the_clock(store: Path) -> None:
    async with running(Start(store, OFTEN)) as service:
        await shown(service, 1)
        service.clock.advance(days=2)
        for _ in range(500):
            if not (await scrape(service)).of("entra_provisioning_window_events"):
                break
            await asyncio.sleep(0.01)
        found = await scrape(service)
        assert found.of("entra_provisioning_window_events") == {}
        assert len(found.of("entra_provisioning_job_info")) == 4
