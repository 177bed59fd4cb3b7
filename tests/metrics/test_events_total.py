"""The counter: each event once, whenever it arrives; it never jumps, whatever happens."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from service.workspace.errors import WorkspaceUnavailable
from tests.api.service import SETTINGS, Recording, Service, Start, running
from tests.api.world import GARDEN, NOW, QUIET, event, grown
from tests.metrics.promtool import assert_holds
from tests.metrics.scraping import scrape

TOTAL = "entra_provisioning_events_total"
CREATED = f'{TOTAL}{{job_id="{GARDEN}",action="create",result="success"}}'
_numbers = itertools.count(100_000)


def creates(count: int, *ago: timedelta, job: str = GARDEN) -> list[bytes]:
    return [event(next(_numbers), NOW - back, job=job) for back in ago for _ in range(count)]


class Growing:
    """A service whose logs grow, and what it counts of Garden's creates, a minute apart."""

    def __init__(self, service: Service, store: Path, folder: Path) -> None:
        self._service = service
        self._store = store
        self._folder = folder
        self.seen: list[float | None] = []

    async def minute(self, arriving: Sequence[bytes] = ()) -> float | None:
        """A minute passes in which these events arrive; returns the counter after it."""
        clock = self._service.clock
        if arriving:
            path = self._folder / f"{next(_numbers)}.duckdb"
            self._store = grown(self._store, path, arriving, clock.now() + timedelta(seconds=30))
            await self._service.gain(self._store)
        clock.advance(minutes=1)
        await self._service.refresh()
        found = (await scrape(self._service)).of(
            TOTAL, job_id=GARDEN, action="create", result="success"
        )
        self.seen.append(found.get(()))
        return self.seen[-1]


@pytest.fixture
def growing(service: Service, store: Path, tmp_path: Path) -> Growing:
    return Growing(service, store, tmp_path)


async def test_what_was_there_before_the_start_does_not_count(service: Service) -> None:
    found = (await scrape(service)).of(TOTAL)
    assert set(found.values()) == {0}
    assert {("create", GARDEN, "failure"), ("create", QUIET, "failure")} <= set(found)


async def test_each_event_counts_once_whenever_it_arrives(growing: Growing) -> None:
    now, late, later = timedelta(0), timedelta(hours=7), timedelta(days=300)
    assert await growing.minute(creates(3, now)) == 3
    assert await growing.minute() == 3
    assert await growing.minute(creates(2, now, late, later)) == 9
    for _ in range(12):  # recounted until they are older than the overlap of looks
        assert await growing.minute() == 9


async def test_record_that_arrives_twice_counts_once(growing: Growing) -> None:
    arriving = creates(1, timedelta(minutes=1), timedelta(hours=2))
    assert await growing.minute(arriving) == 2
    assert await growing.minute(arriving) == 2


async def test_nothing_is_lost_or_counted_twice_around_a_failed_refresh(
    growing: Growing, service: Service
) -> None:
    service.workspace.failing = WorkspaceUnavailable("Out of reach.")
    assert await growing.minute(creates(2, timedelta(hours=3))) == 0
    service.workspace.failing = None
    assert await growing.minute() == 2
    assert await growing.minute() == 2


async def test_bins_that_shrink_and_come_back_add_nothing(
    growing: Growing, service: Service, store: Path, tmp_path: Path
) -> None:
    more = creates(5, timedelta(hours=1))
    assert await growing.minute(more) == 5
    fewer = grown(store, tmp_path / "fewer.duckdb", more[:1], service.clock.now())
    await service.gain(fewer)
    service.clock.advance(minutes=1)
    await service.refresh()
    assert await growing.minute(creates(2, timedelta(hours=1))) == 7


async def test_history_that_is_still_loading_does_not_count(store: Path) -> None:
    def only_today(workspace: Recording) -> None:
        workspace.failing = WorkspaceUnavailable("Out of reach.")
        workspace.concerned = lambda span: span.end <= NOW - timedelta(hours=13)

    async with running(Start(store, SETTINGS, prepare=only_today)) as service:
        await service.rest.begun.wait()
        assert set((await scrape(service)).of(TOTAL).values()) == {0}
        service.workspace.failing = None
        service.clock.advance(minutes=1)
        await service.refresh()
        found = await scrape(service)
        assert found.of("entra_provisioning_refresh_success", insight="activity") == {(): 1}
        assert set(found.of(TOTAL).values()) == {0}


async def test_increase_does_not_jump_over_late_data(
    growing: Growing, promtool: str, tmp_path: Path
) -> None:
    await growing.minute()
    for hours in range(8):
        await growing.minute(creates(2, timedelta(hours=hours)))
    arrived = 16
    assert_holds(
        promtool,
        tmp_path,
        {CREATED: growing.seen},
        f"resets({TOTAL}[8m]) == bool 0",
        f"abs(increase({TOTAL}[8m]) - {arrived}) < bool 2.5",
        f"max_over_time((increase({TOTAL}[2m]))[6m:1m]) <= bool 5",
    )


@pytest.mark.parametrize("kept", [False, True])
async def test_increase_does_not_jump_over_a_restart(
    kept: bool, store: Path, promtool: str, tmp_path: Path
) -> None:
    file = {"activity": tmp_path / "kept.duckdb"} if kept else {}
    start = Start(store, SETTINGS.model_copy(update=file))
    seen: list[float | None] = []
    for _ in range(2):
        async with running(start) as service:
            await service.settled()
            growing = Growing(service, start.store, tmp_path)
            await growing.minute()
            await growing.minute(creates(3, timedelta(0)))
            await growing.minute(creates(1, timedelta(days=1)))
            seen += growing.seen
            start = Start(growing._store, start.settings, service.clock)
        # While it is down, many more arrive.
        down = grown(start.store, tmp_path / f"{next(_numbers)}.duckdb", creates(500, timedelta(0)),
                     start.clock.now())  # fmt: skip
        start.clock.advance(minutes=1)
        start = Start(down, start.settings, start.clock)
        seen.append(None)
    assert seen == [0, 3, 4, None, 0, 3, 4, None]
    assert_holds(
        promtool,
        tmp_path,
        {CREATED: seen[:-1]},
        f"resets({TOTAL}[7m]) == bool 1",
        f"increase({TOTAL}[6m]) <= bool 9",
        f"increase({TOTAL}[6m]) >= bool 7",
    )


async def test_replicas_count_the_same(store: Path, promtool: str, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        replicas = []
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            service = await stack.enter_async_context(running(Start(store, SETTINGS)))
            await service.settled()
            replicas.append(Growing(service, store, tmp_path / name))
        for arriving in ([], creates(2, timedelta(0)), creates(3, timedelta(hours=9)), []):
            for replica in replicas:
                await replica.minute(arriving)
    assert replicas[0].seen == replicas[1].seen == [0, 2, 5, 5]
    assert_holds(
        promtool,
        tmp_path,
        {CREATED.replace("{", f'{{instance="{n}",'): r.seen for n, r in enumerate(replicas)},
        f"abs(max by (job_id) (increase({TOTAL}[3m])) - 5) < bool 1",
    )


async def test_job_that_is_gone_vanishes_and_its_counter_goes_on(
    store: Path, promtool: str, tmp_path: Path
) -> None:
    settings = SETTINGS.model_copy(update={"retention": timedelta(days=40)})
    back = timedelta(days=-41)
    async with running(Start(store, settings)) as service:
        await service.settled()
        growing = Growing(service, store, tmp_path)
        await growing.minute()
        await growing.minute(creates(3, timedelta(0)))
        service.clock.advance(days=41)
        assert await growing.minute(creates(1, back, job=QUIET)) is None
        found = await scrape(service)
        for name in ("job_info", "job_silent", "last_event_timestamp_seconds", "skipped_members"):
            assert found.of(f"entra_provisioning_{name}", job_id=GARDEN) == {}
            assert found.of(f"entra_provisioning_{name}", job_id=QUIET) != {}
        assert await growing.minute(creates(2, back)) == 5
    assert_holds(
        promtool,
        tmp_path,
        {CREATED: growing.seen},
        f"resets({TOTAL}[4m]) == bool 0",
        f"increase({TOTAL}[4m]) <= bool 6",
    )


async def test_counter_beyond_the_limit_is_other_and_says_so(store: Path, tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"metrics_max_series": 4})
    async with running(Start(store, settings)) as service:
        await service.settled()
        growing = Growing(service, store, tmp_path)
        await growing.minute(creates(3, timedelta(0), job="zzz.new"))
        found = await scrape(service)
        others = found.of(TOTAL, job_id="other")
        assert others["create", "success"] == 3
        assert len(found.of(TOTAL)) - len(others) == 4
        assert found.of("entra_provisioning_folded_series", family=TOTAL)[()] >= len(others)
