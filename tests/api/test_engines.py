"""Both workspaces give the same answers, to the byte."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from httpx import Response

from service.app import openapi_document
from tests.api.engines import ENGINES
from tests.api.service import Service, Start, running
from tests.api.world import EVENT, SOURCE, address

ASKED = {"X-Request-ID": "the-same"}
FORMATS = (None, "csv", "svg")
NEEDED = {
    "/insights/event/kql": {"event_id": EVENT},
    "/insights/identity-events/kql": {"source_id": SOURCE},
}
MADE_ELSEWHERE = ("/metrics",)
"""What a scrape shows counts the queries themselves, and how long they took."""

_IDENTITY = re.compile(rb'"workspace":"[^"]*"')


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def both(store: Path) -> AsyncIterator[list[Service]]:
    """The service over the small tenant, once on each workspace."""
    async with AsyncExitStack() as stack:
        services = [
            await stack.enter_async_context(running(Start(store, engine=engine)))
            for engine in ENGINES
        ]
        for service in services:
            await service.settled()
        yield services


def routes() -> list[tuple[str, tuple[str | None, ...]]]:
    """Every route that can be read, about something that there is, with the formats it takes."""
    found: list[tuple[str, tuple[str | None, ...]]] = []
    for path, methods in openapi_document()["paths"].items():
        if "get" in methods and path not in MADE_ELSEWHERE:
            names = {parameter["name"] for parameter in methods["get"].get("parameters", ())}
            named = path.replace("{name}", "failures").replace("{code}", "job-not-found")
            found.append((address(named), FORMATS if "format" in names else (None,)))
    return found


def content(answer: Response) -> bytes:
    return _IDENTITY.sub(b'"workspace":""', answer.content)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("route", "formats"), routes())
async def test_every_route_answers_the_same_on_both(
    both: list[Service], route: str, formats: tuple[str | None, ...]
) -> None:
    given = NEEDED.get(route, {})
    for form in formats:
        asked = {**given, "format": form} if form else given
        one, other = [
            await service.client.get(route, params=asked, headers=ASKED) for service in both
        ]
        assert content(one) == content(other)
        assert (one.status_code, one.headers.get("etag")) == (
            other.status_code,
            other.headers.get("etag"),
        )
        assert form or one.status_code == 200


async def test_the_readable_routes_are_all_there() -> None:
    assert {"/jobs", "/readyz", "/events", address("/jobs/{job_id}/spikes")} <= dict(
        routes()
    ).keys()


@pytest.mark.asyncio(loop_scope="module")
async def test_pages_are_the_same_too(both: list[Service]) -> None:
    """Cursors included: they are signed by what was asked, not by who was asked."""
    pages: list[list[bytes]] = []
    for service in both:
        url: str | None = "/events?limit=20&window=7d"
        pages.append([])
        while url:
            answer = await service.get(url)
            pages[-1].append(answer.content)
            url = answer.json()["next"]
    assert len(pages[0]) > 3
    assert pages[0] == pages[1]
