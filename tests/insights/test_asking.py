"""The workspace is asked once for everybody, and an answer says what it does not know."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from service.cache.answers import AnswerCache, Policy
from service.insights.asking import Asking, JobNotFound, Table
from service.insights.catalogue import INSIGHTS
from service.insights.errors import Errors
from service.insights.failures import Failures
from service.insights.insight import Insight, NoOptions
from service.insights.jobs import Jobs
from service.kql.template import Kql
from service.table import TableSchema
from service.workspace.errors import (
    QueryRejected,
    WorkspaceTimeout,
    WorkspaceUnanswered,
    WorkspaceUnavailable,
)
from service.workspace.protocol import Result, TimeSpan, Workspace
from tests.cache.clock import Clock
from tests.stores import NOW, Event, MakeRoom, activity_of, load, querying_of, question

HOUR = timedelta(hours=1)
COUNTS = {"jobs", "errors", "actions", "operations", "spikes", "silence"}
EVENTS = [Event(NOW - HOUR, job=job, app=job, result="Failure", code="A") for job in ("a", "b")]


class Moody:
    """A workspace that fails when the test says so, and notes what it was asked."""

    def __init__(self, inner: Workspace) -> None:
        self._inner = inner
        self.asked: list[str] = []
        self.error: Exception | None = None
        self.identity = inner.identity
        self.arrival_uncertainty = inner.arrival_uncertainty
        self.metered = inner.metered

    async def schema(self) -> TableSchema:
        return await self._inner.schema()

    async def query(self, kql: Kql, span: TimeSpan, *, deadline: timedelta) -> Result:
        self.asked.append(kql.text)
        if self.error:
            raise self.error
        return await self._inner.query(kql, span, deadline=deadline)

    def portal_link(self, kql: Kql, span: TimeSpan) -> str | None:
        return f"portal:{kql.text}"

    async def close(self) -> None:
        await self._inner.close()


class Desk:
    """Asking of a moody workspace, with a clock that is turned by hand."""

    def __init__(self, inner: Workspace) -> None:
        self.workspace = Moody(inner)
        self.clock = Clock()
        self.seen: list[tuple[str, str, int]] = []
        cache: AnswerCache[Table] = AnswerCache(
            max_bytes=1 << 20,
            policy=Policy(),
            now=self.clock.now,
            monotonic=self.clock.monotonic,
            rejections=(QueryRejected,),
            failures=(WorkspaceUnanswered,),
        )
        self._querying = querying_of(
            self.workspace,
            lambda insight, outcome, elapsed, rows: self.seen.append((insight, outcome, rows)),
        )
        self.activity = activity_of(
            self._querying, now=self.clock.now, monotonic=self.clock.monotonic
        )
        self.hindrance: str | None = None
        self.asking = Asking(self._querying, self.activity, cache, hindrance=lambda: self.hindrance)

    async def load(self) -> None:
        await load(self.activity, self._querying)
        self.workspace.asked.clear()
        self.seen.clear()

    async def refresh(self) -> None:
        async for _ in self.activity.refresh():
            pass

    async def failures(self, **asked: Any) -> Any:
        return await self.asking.ask(Failures(), question(**asked), NoOptions())

    async def jobs(self, **asked: Any) -> Any:
        return await self.asking.ask(Jobs(), question(**asked), NoOptions())


@pytest.fixture
async def desk(room: MakeRoom) -> Desk:
    made = Desk(room(EVENTS).workspace)
    await made.load()
    return made


async def test_any_number_of_callers_cost_one_query_per_table(desk: Desk) -> None:
    await asyncio.gather(*(desk.failures() for _ in range(50)))
    assert len(desk.workspace.asked) == 1
    assert desk.seen == [("failures", "success", 2)]


async def test_jobs_and_applications_are_cut_from_the_fleets_table(desk: Desk) -> None:
    await desk.failures()
    before = list(desk.workspace.asked)
    one = await desk.failures(job="a")
    assert [job.job_id for job, _ in one.rows] == ["a"]
    assert [job.job_id for job, _ in (await desk.failures(apps={"b"})).rows] == ["b"]
    assert [job.job_id for job, _ in (await desk.failures(jobs={"b", "a"})).rows] == ["a", "b"]
    assert desk.workspace.asked == before


@pytest.mark.parametrize(
    "insight",
    [insight for name, insight in INSIGHTS.items() if name in COUNTS],
    ids=lambda insight: str(insight.name),
)
async def test_counts_cost_no_query_whatever_is_asked(
    desk: Desk, insight: Insight[Any, Any]
) -> None:
    for asked in (
        question(),
        question(days=30, bin_name="1d"),
        question(job="a"),
        question(results={"failure"}, error_codes={"a"}, apps={"b"}),
    ):
        assert (await desk.asking.ask(insight, asked, insight.options())).rows
    assert desk.workspace.asked == []


async def test_unknown_job_is_not_found(desk: Desk) -> None:
    with pytest.raises(JobNotFound, match="x"):
        await desk.failures(job="x")


async def test_answer_says_how_old_it_is(desk: Desk) -> None:
    freshness = (await desk.failures()).freshness
    assert freshness.as_of == desk.clock.now()
    assert freshness.events_until == NOW - HOUR
    assert (freshness.stale, freshness.complete, freshness.reason) == (False, True, None)
    assert (freshness.made, freshness.expires) == (1000.0, 1300.0)
    desk.clock.pass_by(200)
    again = (await desk.failures()).freshness
    assert again == freshness


async def test_counts_are_as_old_as_the_last_look_and_live_until_the_next(desk: Desk) -> None:
    looked = desk.clock.now()
    first = (await desk.jobs()).freshness
    assert (first.stale, first.complete, first.reason) == (False, True, None)
    assert (first.as_of, first.made) == (looked, 1000.0)
    assert 1060 <= first.expires < 1070
    desk.clock.pass_by(50)
    assert (await desk.jobs()).freshness == first
    await desk.refresh()
    second = (await desk.jobs()).freshness
    assert (second.as_of, second.made) == (desk.clock.now(), 1050.0)


async def test_failing_workspace_gives_the_last_answer_as_stale(desk: Desk) -> None:
    first = await desk.failures()
    desk.clock.pass_by(1000)
    desk.workspace.error = WorkspaceTimeout("The query did not finish.")
    old = await desk.failures()
    assert list(old.rows) == list(first.rows)
    assert (old.freshness.stale, old.freshness.complete) == (True, True)
    assert old.freshness.reason == "The query did not finish."
    assert old.freshness.expires == old.freshness.made
    assert desk.seen[1:] == [("failures", "WorkspaceTimeout", 0)]


async def test_failing_workspace_leaves_counts_as_they_were_and_says_since_when(
    desk: Desk,
) -> None:
    first = await desk.jobs()
    desk.clock.pass_by(60)
    desk.workspace.error = WorkspaceTimeout("The query did not finish.")
    with pytest.raises(WorkspaceTimeout):
        await desk.refresh()
    old = await desk.jobs()
    assert list(old.rows) == list(first.rows)
    assert (old.freshness.stale, old.freshness.complete) == (True, True)
    assert (old.freshness.as_of, old.freshness.made) == (first.freshness.as_of, 1000.0)
    assert old.freshness.reason == "The query did not finish."
    desk.workspace.error = None
    await desk.refresh()
    assert (await desk.jobs()).freshness.reason is None


async def test_counts_that_are_overdue_say_why_where_it_is_known(desk: Desk) -> None:
    desk.hindrance = "the workspace is throttling"
    assert (await desk.jobs()).freshness.reason is None
    desk.clock.pass_by(200)
    overdue = "the workspace was last looked at 200 s ago"
    assert (await desk.jobs()).freshness.reason == f"{overdue}; the workspace is throttling"
    desk.hindrance = None
    assert (await desk.jobs()).freshness.reason == overdue


async def test_before_the_first_look_nothing_is_answered(room: MakeRoom) -> None:
    desk = Desk(room(EVENTS).workspace)
    with pytest.raises(WorkspaceUnavailable, match=r"starting"):
        await desk.jobs()
    desk.workspace.error = WorkspaceTimeout("The query did not finish.")
    with pytest.raises(WorkspaceTimeout):
        await desk.refresh()
    for _ in range(2):
        with pytest.raises(WorkspaceTimeout, match=r"did not finish"):
            await desk.failures()
    desk.workspace.error = None
    await desk.refresh()
    assert (await desk.jobs()).rows


async def test_window_that_is_not_loaded_yet_is_incomplete_and_never_kept(room: MakeRoom) -> None:
    desk = Desk(room(EVENTS).workspace)
    refreshing = desk.activity.refresh()
    await anext(refreshing)
    today = question(days=0, bin_name="1d")
    assert (await desk.asking.ask(Jobs(), today, NoOptions())).freshness.reason is not None
    assert (await desk.asking.ask(Errors(), today, NoOptions())).freshness.complete
    freshness = (await desk.asking.ask(Errors(), question(), NoOptions())).freshness
    assert (freshness.complete, freshness.stale) == (False, False)
    assert freshness.reason == "part of the window is not loaded yet"
    assert freshness.expires == freshness.made
    async for _ in refreshing:
        pass
    assert (await desk.jobs()).freshness.complete


async def test_without_an_answer_the_failure_is_told(desk: Desk) -> None:
    desk.workspace.error = WorkspaceTimeout("The query did not finish.")
    with pytest.raises(WorkspaceTimeout):
        await desk.failures()
    desk.workspace.error = None
    assert (await desk.failures()).rows


async def test_callers_who_may_see_different_things_share_no_answer(desk: Desk) -> None:
    for sees in ("everything", "job a", "job a", "job b"):
        asked = dataclasses.replace(question(), sees=sees)
        await desk.asking.ask(Failures(), asked, NoOptions())
    assert len(desk.workspace.asked) == 3


async def test_cut_result_is_incomplete_and_asked_for_again(room: MakeRoom) -> None:
    events = [Event(NOW - HOUR, result="Failure", code=f"code-{number}") for number in range(5)]
    desk = Desk(room(events, max_rows=3).workspace)
    await desk.load()
    for _ in range(2):
        cut = await desk.failures()
        assert len(cut.rows) == 3
        assert not cut.freshness.complete
        assert cut.freshness.reason == "the result was cut at 3 rows"
        assert cut.freshness.expires == cut.freshness.made
        desk.clock.pass_by(5)
    assert [outcome for _, outcome, _ in desk.seen] == ["partial"] * 2


@pytest.mark.parametrize(
    ("asked", "jobs"),
    [
        ({}, None),
        ({"job": "a"}, '("a")'),
        ({"apps": {"b"}}, '("b")'),
        ({"jobs": {"nowhere"}}, "(dynamic([]))"),
    ],
)
async def test_kql_is_what_is_sent_and_the_slice_of_the_jobs(
    desk: Desk, asked: dict[str, Any], jobs: str | None
) -> None:
    await desk.failures()
    (shown,) = await desk.asking.kql(Failures(), question(**asked), NoOptions())
    sent = desk.workspace.asked[-1]
    if jobs is None:
        assert shown.text == sent
    else:
        assert shown.text.startswith(sent)
        assert f"where JobId in~ {jobs}" in shown.text.removeprefix(sent)


async def test_portal_opens_the_insights_own_query(desk: Desk) -> None:
    link = await desk.asking.portal_link(Jobs(), question(), NoOptions())
    first, *_ = await desk.asking.kql(Jobs(), question(), NoOptions())
    assert link == f"portal:{first.text}"
