"""What is shown while refreshes work, and while they do not."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.metrics.refresher import Refresher
from service.times import rest
from service.workspace.errors import WorkspaceThrottled, WorkspaceTimeout, WorkspaceUnavailable
from tests.api.service import SETTINGS, Recording, Service, Start, running
from tests.metrics.scraping import scrape
from tests.virtual_time import run

SUCCESS = "entra_provisioning_refresh_success"
DATA = "entra_provisioning_data_timestamp_seconds"


@pytest.mark.parametrize("error", [WorkspaceUnavailable, RuntimeError])
async def test_failed_refresh_keeps_the_values_and_says_so(
    service: Service, error: type[Exception]
) -> None:
    before = await scrape(service)
    assert before.of(SUCCESS, insight="activity") == {(): 1}
    service.workspace.failing = error("Out of reach.")
    service.clock.advance(seconds=30)  # the windows stay where they are
    await service.refresh()
    after = await scrape(service)
    assert after.of(SUCCESS, insight="activity") == {(): 0}
    for family in ("job_info", "window_events", "window_failures", "data_timestamp_seconds"):
        name = f"entra_provisioning_{family}"
        assert after.of(name) == before.of(name) != {}
    service.workspace.failing = None
    service.clock.advance(hours=1)
    await service.refresh()
    found = await scrape(service)
    assert found.of(SUCCESS, insight="activity") == {(): 1}
    asked, now = (each.of(DATA, insight="activity")[()] for each in (before, found))
    assert now - asked == timedelta(hours=1, seconds=30).total_seconds()


async def test_refresh_that_never_worked_says_so(store: Path) -> None:
    def dead(workspace: Recording) -> None:
        workspace.failing = WorkspaceUnavailable("Out of reach.")

    async with running(Start(store, SETTINGS, prepare=dead)) as service:
        found = await scrape(service)
        assert found.of(SUCCESS, insight="activity") == {(): 0}
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


@pytest.mark.parametrize(("when_stale", "shown"), [("keep", None), ("drop", set()), ("zero", {0})])
async def test_what_can_not_be_had_past_the_bound_is_kept_dropped_or_zero(
    when_stale: str, shown: set[float] | None, store: Path
) -> None:
    settings = SETTINGS.model_copy(update={"metrics_when_stale": when_stale})
    async with running(Start(store, settings)) as service:
        await service.settled()
        before = await scrape(service)
        service.workspace.failing = WorkspaceUnavailable("Out of reach.")
        service.clock.advance(minutes=14)
        await service.refresh()
        within = await scrape(service)
        service.clock.advance(minutes=7)
        await service.refresh()
        after = await scrape(service)
    for family in ("window_events", "window_failures", "skipped_members", "spike", "job_silent"):
        name = f"entra_provisioning_{family}"
        assert within.of(name) == before.of(name) != {}
        if shown is None:
            assert after.of(name) == before.of(name)
        else:
            assert set(after.of(name).values()) == shown
    for family in ("job_info", "last_event_timestamp_seconds", "events_total"):
        name = f"entra_provisioning_{family}"
        assert after.of(name) == before.of(name) != {}
    assert after.of(DATA) == before.of(DATA)


class Looks:
    """Activity that notes when it is looked at; `takes` seconds each, or fails."""

    def __init__(self) -> None:
        self.began: list[float] = []
        self.most = self._now = 0
        self.takes = 0.0
        self.failing: Exception | None = None
        self.loaded = True

    async def refresh(self) -> AsyncIterator[None]:
        self.began.append(asyncio.get_running_loop().time() - 1000)
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            await asyncio.sleep(self.takes)
            if self.failing:
                raise self.failing
            yield
        finally:
            self._now -= 1


class Nothing:
    """No questions, and nobody who looks at metrics."""

    async def renew(self) -> bool:
        return False

    def show(self, *, success: bool) -> None:
        return None


def refresher(
    looks: Looks,
    sleep: Callable[[float], Awaitable[None]],
    recovered: Callable[[], Awaitable[object]] | None = None,
    questions: Any = None,
) -> Refresher:
    nothing: Any = Nothing()
    activity: Any = looks
    return Refresher(
        activity,
        questions or nothing,
        nothing,
        every=timedelta(minutes=1),
        monotonic=asyncio.get_running_loop().time,
        sleep=sleep,
        recovered=recovered or asyncio.Event().wait,
    )


async def refreshed_for(looks: Looks, seconds: float) -> list[float]:
    """How far apart looks were that began within so many seconds."""
    running = asyncio.create_task(refresher(looks, asyncio.sleep).run())
    await asyncio.sleep(seconds)
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()
    return [later - earlier for earlier, later in itertools.pairwise(looks.began)]


def test_looks_are_an_interval_apart_give_or_take_a_tenth() -> None:
    looks = Looks()
    gaps = run(refreshed_for(looks, 6000))
    assert len(gaps) >= 90
    assert 54 <= min(gaps) < 60 < max(gaps) <= 66
    assert len({round(gap, 3) for gap in gaps}) > 50


def test_look_that_takes_long_never_overlaps_the_next() -> None:
    looks = Looks()
    looks.takes = 600.0

    async def story() -> None:
        made = refresher(looks, asyncio.sleep)
        running = asyncio.create_task(made.run())
        await asyncio.sleep(10)
        await made.refresh()
        await asyncio.sleep(5000)
        running.cancel()

    run(story())
    assert (looks.most, len(looks.began) > 5) == (1, True)


@pytest.mark.parametrize(
    ("error", "wait"),
    [
        (WorkspaceUnavailable("Away.", 7), 7),
        (WorkspaceThrottled("Too much.", 30), 30),
        (WorkspaceThrottled("Too much.", 3000), 60),
        (WorkspaceUnavailable("Away.", 0), 1),
        (WorkspaceTimeout("Too slow.", 7), 60),
        (RuntimeError("A fault of ours."), 60),
    ],
    ids=repr,
)
def test_look_that_failed_is_repeated_when_the_workspace_may_be_asked_again(
    error: Exception, wait: float
) -> None:
    looks = Looks()
    looks.failing = error
    gaps = run(refreshed_for(looks, 40 * wait))
    assert 0.9 * wait <= min(gaps)
    assert max(gaps) <= 1.1 * wait


def test_look_after_the_machine_slept_is_not_put_off_nor_made_up_for() -> None:
    """The wall clock and the event loop's own may say what they like."""
    looks, slept = Looks(), 0.0

    async def story() -> None:
        nonlocal slept
        loop = asyncio.get_running_loop()

        async def sleep(seconds: float) -> None:
            await rest(seconds, clock=lambda: loop.time() + slept)

        running = asyncio.create_task(refresher(looks, sleep).run())
        await asyncio.sleep(30)
        slept = 8 * 3600.0
        await asyncio.sleep(6)
        assert len(looks.began) == 2
        await asyncio.sleep(45)
        assert len(looks.began) == 2
        running.cancel()

    run(story())


def test_look_that_timed_out_is_repeated_an_interval_after_it_began() -> None:
    looks = Looks()
    looks.failing, looks.takes = WorkspaceTimeout("Too slow."), 40.0
    gaps = run(refreshed_for(looks, 1200))
    assert min(gaps) >= 58
    assert max(gaps) <= 62
    looks = Looks()
    looks.failing, looks.takes = WorkspaceTimeout("Too slow."), 60.0
    assert max(run(refreshed_for(looks, 1200))) <= 61.1


def test_workspace_that_is_back_is_looked_at_when_it_is() -> None:
    looks = Looks()
    looks.failing = WorkspaceUnavailable("Away.", 50)

    async def story() -> None:
        back = asyncio.Event()
        running = asyncio.create_task(refresher(looks, asyncio.sleep, back.wait).run())
        await asyncio.sleep(7)
        looks.failing = None
        back.set()
        await asyncio.sleep(1)
        running.cancel()
        await asyncio.wait([running])

    run(story())
    assert looks.began == [0, 7]


class Hanging:
    """Questions that are never answered."""

    def __init__(self) -> None:
        self.asked = 0

    async def renew(self) -> bool:
        self.asked += 1
        await asyncio.Event().wait()
        return True


def test_question_that_hangs_puts_no_look_off_and_is_not_asked_again() -> None:
    looks, questions = Looks(), Hanging()

    async def story() -> None:
        made = refresher(looks, asyncio.sleep, questions=questions)
        running = asyncio.create_task(made.run())
        await asyncio.sleep(6000)
        running.cancel()
        await asyncio.wait([running])
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(story())
    gaps = [later - earlier for earlier, later in itertools.pairwise(looks.began)]
    assert max(gaps) <= 66
    assert questions.asked == 1
