from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from pathlib import Path

import pytest

from service.workspace.errors import WorkspaceUnavailable
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
        "workspace": "embedded",
        "jobs": 4,
        "events_until": "2026-11-22T13:03:00Z",
        "loaded_from": "2025-10-18T00:00:00Z",
        "complete": True,
    }


async def test_not_ready_before_the_first_load(store: Path) -> None:
    async with running(Start(store, prepare=dead)) as service:
        problem = await service.problem("/readyz", 503, "workspace-unavailable")
        assert problem["retry_after"] == 5
        assert "Out of reach." in problem["detail"]
        await service.refresh()
        await service.problem("/readyz", 503, "workspace-unavailable")
        service.workspace.failing = None
        await service.refresh()
        await service.get("/readyz")


async def test_not_ready_after_the_grace_and_ready_again_after_an_answer(
    service: Service,
) -> None:
    service.workspace.failing = WorkspaceUnavailable("Out of reach.")
    service.clock.advance(minutes=3)
    await service.refresh()
    await service.get("/readyz")
    service.clock.advance(minutes=2)
    await service.refresh()
    problem = await service.problem("/readyz", 503, "workspace-unavailable")
    assert "Out of reach." in problem["detail"]
    service.workspace.failing = None
    await service.refresh()
    await service.get("/readyz")


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
