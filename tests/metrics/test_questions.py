"""What is shown of answers that are queries of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from service.metrics.family import PREFIX
from service.workspace.errors import WorkspaceUnavailable
from tests.api.service import SETTINGS, Recording, Service, Start, running
from tests.api.world import GARDEN, ODD, ORCHARD, QUIET
from tests.metrics.scraping import scrape

SUCCESS = "entra_provisioning_refresh_success"
DATA = "entra_provisioning_data_timestamp_seconds"
SKIPPED_MEMBERS = timedelta(days=11)
"""What their query reads: 10 days in whole days."""

FOLDED = "entra_provisioning_folded_series"
CODES = "entra_provisioning_pack_codes"
MEMBERS = "entra_provisioning_skipped_members"

_PACK = """
name: {name}
title: Events by code
kql: |
  {{events}}
  | {stage}
  | order by events desc, ErrorCode asc
columns:
  - {{name: ErrorCode, type: string}}
  - {{name: events, type: long}}
  - {{name: took, type: timespan}}
  - {{name: late, type: bool}}
fresh_for: 10m
default_window: {window}
metrics:
  - {{name: {metric}, help: Events., value: events, labels: [ErrorCode], limit: 3}}
  - {{name: {metric}_took, help: Time., value: took, labels: [late]}}
"""
_STAGE = (
    "summarize events = count() by ErrorCode | extend took = 1500ms, late = events > {many}"
    " | project ErrorCode, events, took, late"
)


@pytest.fixture
async def with_packs(store: Path, tmp_path: Path) -> AsyncIterator[Service]:
    """A service with a pack that works, one that fails, and one that takes a taken name."""
    for name, metric, window, many in (
        ("works", "codes", "24h", 100_000),
        ("broken", "broken", "17d", 200_000),
        ("later", "codes", "24h", 300_000),
    ):
        stage = _STAGE.format(many=many)
        text = _PACK.format(name=name, metric=metric, stage=stage, window=window)
        (tmp_path / f"{name}.yaml").write_text(text)
    folders = tuple(tmp_path / f"{name}.yaml" for name in ("broken", "works", "later"))
    settings = SETTINGS.model_copy(update={"packs": folders})

    def break_one(workspace: Recording) -> None:
        workspace.failing = RuntimeError("Nobody thought of this.")
        workspace.concerned = lambda span: span.end - span.start == timedelta(days=18)

    async with running(Start(store, settings, prepare=break_one)) as service:
        await service.settled()
        yield service


async def test_skipped_members_are_the_apis(shared: Service) -> None:
    found = (await scrape(shared)).of(MEMBERS)
    rows = (await shared.json("/skipped-members?limit=1000"))["data"]
    assert len(rows) == 30
    assert found == {(ORCHARD,): 30, (GARDEN,): 0, (ODD,): 0, (QUIET,): 0}


async def test_pack_that_fails_harms_no_other(with_packs: Service) -> None:
    found = await scrape(with_packs)
    assert found.of(SUCCESS, insight="broken") == {(): 0}
    assert found.of(DATA, insight="broken") == {}
    assert found.of("entra_provisioning_pack_broken") == {}
    for insight in ("activity", "skipped-members", "works", "new-target-systems"):
        assert found.of(SUCCESS, insight=insight) == {(): 1}
        assert found.of(DATA, insight=insight) != {}


async def test_pack_shows_its_rows_up_to_its_limit_and_says_how_many_are_left(
    with_packs: Service,
) -> None:
    found = await scrape(with_packs)
    rows = (await with_packs.json("/insights/works?limit=1000"))["data"]
    assert found.of(CODES) == {(row["ErrorCode"],): row["events"] for row in rows[:3]}
    assert found.of(FOLDED, family=CODES) == {(): len(rows) - 3}
    # Rows with the same labels are one series: the first.
    assert found.of(f"{CODES}_took") == {("false",): 1.5}


async def test_family_that_would_break_the_scrape_is_left_out_and_said_once(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(
        "service.metrics.questions.pack_family",
        lambda metric: f"{PREFIX}_pack_{metric.name}".replace("codes_took", "codes took"),
    )
    path = tmp_path / "works.yaml"
    stage = _STAGE.format(many=0)
    path.write_text(_PACK.format(name="works", metric="codes", stage=stage, window="24h"))
    settings = SETTINGS.model_copy(update={"packs": (path,)})
    async with running(Start(store, settings)) as service:
        await service.settled()
        service.clock.advance(minutes=1)
        await service.refresh()
        found = await scrape(service)
    assert found.of(SUCCESS, insight="works") == {(): 0}
    assert found.of(CODES) != {}
    for insight in ("activity", "skipped-members", "new-target-systems"):
        assert found.of(SUCCESS, insight=insight) == {(): 1}
    (said,) = [text for text in caplog.messages if "left out of the metrics" in text]
    assert said.startswith(f"{CODES} took is no name of a metric")


async def test_metric_of_two_packs_is_the_first_ones(with_packs: Service) -> None:
    assert (await scrape(with_packs)).of(SUCCESS, insight="later") == {}


async def test_each_is_asked_once_in_its_time(with_packs: Service) -> None:
    def asked() -> int:
        return sum("100000" in query for query in with_packs.workspace.queries)

    for _ in range(9):
        with_packs.clock.advance(minutes=1)
        await with_packs.refresh()
    assert asked() == 0
    for _ in range(3):
        with_packs.clock.advance(minutes=1)
        await with_packs.refresh()
    assert asked() == 1


async def test_people_and_metrics_share_an_answer(service: Service) -> None:
    await service.get("/skipped-members")
    assert service.workspace.queries == []


async def test_failing_question_keeps_its_values_until_it_works_again(service: Service) -> None:
    before = await scrape(service)
    service.workspace.failing = WorkspaceUnavailable("Out of reach.")
    service.clock.advance(hours=2)
    await service.refresh()
    after = await scrape(service)
    assert after.of(SUCCESS, insight="skipped-members") == {(): 0}
    assert after.of(MEMBERS) == before.of(MEMBERS) != {}
    assert after.of(DATA) == before.of(DATA)
    service.workspace.failing = None
    service.clock.advance(minutes=5)
    await service.refresh()
    service.clock.advance(minutes=5)
    await service.refresh()
    found = await scrape(service)
    assert found.of(SUCCESS, insight="skipped-members") == {(): 1}
    assert (
        found.of(DATA, insight="skipped-members")[()]
        > before.of(DATA, insight="skipped-members")[()]
    )


async def test_question_that_hangs_does_not_hold_up_the_counts(store: Path) -> None:
    def hang(workspace: Recording) -> None:
        workspace.gate = asyncio.Event()
        workspace.concerned = lambda span: span.end - span.start == SKIPPED_MEMBERS

    settings = SETTINGS.model_copy(update={"refresh_every": timedelta(milliseconds=20)})
    async with running(Start(store, settings, prepare=hang)) as service:
        await service.settled()
        service.clock.advance(minutes=1)
        await service.refresh()
        found = await scrape(service)
        assert found.of(SUCCESS, insight="activity") == {(): 1}
        assert found.of(SUCCESS, insight="skipped-members") == {(): 0}
