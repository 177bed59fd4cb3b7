from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from pathlib import Path

import pytest

from service.workspace.errors import WorkspaceThrottled, WorkspaceUnavailable
from tests.api.service import SETTINGS, Recording, Service, Start, running


async def test_alive_before_anything_is_loaded(store: Path) -> None:
    async with running(Start(store, prepare=dead)) as service:
        assert await service.json("/healthz") == {"status": "alive"}


def dead(workspace: Recording) -> None:
    workspace.failing = WorkspaceUnavailable("Out of reach.")


async def test_ready_says_what_is_loaded(shared: Service) -> None:
    answer = await shared.get("/readyz")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "status": "ready",
        "reason": None,
        "workspace": shared.workspace.identity,
        "jobs": 4,
        "as_of": "2026-11-22T13:04:10Z",
        "events_until": "2026-11-22T13:03:00Z",
        "loaded_from": "2025-10-18T00:00:00Z",
        "complete": True,
    }


async def test_loading_before_the_first_look(store: Path) -> None:
    async with running(Start(store, prepare=dead)) as service:
        problem = await service.problem("/readyz", 503, "workspace-unavailable")
        assert problem["retry_after"] == 5
        assert problem["detail"] == "Loading: Out of reach."
        await service.refresh()
        await service.problem("/readyz", 503, "workspace-unavailable")
        service.workspace.failing = None
        await service.refresh()
        assert (await service.json("/readyz"))["status"] == "ready"


async def test_degraded_while_refreshes_fail_and_ready_again_after_an_answer(
    service: Service,
) -> None:
    service.workspace.failing = WorkspaceUnavailable("Out of reach.")
    for _ in range(3):
        service.clock.advance(minutes=20)
        await service.refresh()
        told = await service.json("/readyz")
        assert (told["status"], told["reason"]) == ("degraded", "Out of reach.")
        assert told["as_of"] == "2026-11-22T13:04:10Z"
    service.workspace.failing = None
    await service.refresh()
    told = await service.json("/readyz")
    assert (told["status"], told["reason"]) == ("ready", None)
    assert told["as_of"] == "2026-11-22T14:04:10Z"


async def test_degraded_while_the_last_look_is_too_long_ago(service: Service) -> None:
    service.clock.advance(minutes=2)
    assert (await service.json("/readyz"))["status"] == "ready"
    service.clock.advance(minutes=2)
    told = await service.json("/readyz")
    assert (told["status"], told["reason"]) == (
        "degraded",
        "the workspace was last looked at 240 s ago",
    )
    freshness = (await service.json("/jobs"))["freshness"]
    assert (freshness["status"], freshness["reason"]) == ("stale", told["reason"])


async def test_degraded_while_throttled_and_told_for_how_long(store: Path) -> None:
    async with running(Start(store, metered=True)) as service:
        await service.settled()
        service.workspace.failing = WorkspaceThrottled("Too much.", 90)
        await service.problem("/failures", 503, "workspace-unavailable")
        service.workspace.failing = None
        told = await service.json("/readyz")
        assert (told["status"], told["reason"]) == (
            "degraded",
            "the workspace is throttling and takes no queries for 90 s",
        )
        service.clock.advance(seconds=90)
        assert (await service.json("/readyz"))["status"] == "ready"


async def test_degraded_while_the_workspace_is_left_alone(store: Path) -> None:
    async with running(Start(store, metered=True)) as service:
        await service.settled()
        service.workspace.failing = WorkspaceUnavailable("Out of reach.")
        for days in range(1, 6):
            await service.problem(f"/failures?window={days}d", 503, "workspace-unavailable")
        told = await service.json("/readyz")
        assert (told["status"], told["reason"]) == ("degraded", "Out of reach.")


async def test_start_waits_for_the_first_load_but_not_for_ever(store: Path) -> None:
    gates = []

    def slow(workspace: Recording) -> None:
        workspace.gate = asyncio.Event()
        gates.append(workspace.gate)

    impatient = SETTINGS.model_copy(update={"startup_wait": timedelta(milliseconds=1)})
    async with running(Start(store, impatient, prepare=slow)) as service:
        await service.problem("/readyz", 503, "workspace-unavailable")
        await service.problem("/jobs", 503, "workspace-unavailable")
        gates[0].set()
        await service.settled()
        assert (await service.json("/readyz"))["complete"]


@pytest.mark.parametrize("url", ["/healthz", "/readyz", "/metrics", "/docs", "/insights", "/"])
async def test_looking_after_the_service_causes_no_query(service: Service, url: str) -> None:
    for _ in range(5):
        await service.client.get(url)
        service.clock.advance(hours=3)
    assert service.workspace.queries == []


async def test_start_leads_to_the_reference(shared: Service) -> None:
    answer = await shared.get("/", 307)
    assert answer.headers["location"] == "/docs"


async def test_reference_comes_whole_from_the_package(shared: Service) -> None:
    page = (await shared.get("/docs")).text
    named = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(named) == 4
    for url in named:
        assert url.startswith("/docs/")
        assert (await shared.get(url)).content
    start = (await shared.get("/docs/start.js")).text
    assert "//" not in page + start
    assert 'url: "/openapi.json"' in start


async def test_files_of_the_reference_have_their_types(shared: Service) -> None:
    for name, kind in (("start.js", "text/javascript"), ("favicon-32x32.png", "image/png")):
        answer = await shared.get(f"/docs/{name}")
        assert answer.headers["content-type"].startswith(kind)
