"""The workspace is asked once for everybody, and an answer says what it does not know."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from service.cache.answers import AnswerCache, Policy
from service.insights.asking import Asking, JobNotFound, Table
from service.insights.failures import Failures
from service.insights.insight import NoOptions
from service.insights.jobs import Jobs
from service.insights.spikes import SpikeOptions, Spikes
from service.kql.template import Kql
from service.table import TableSchema
from service.workspace.errors import QueryRejected, WorkspaceTimeout, WorkspaceUnanswered
from service.workspace.protocol import Result, TimeSpan, Workspace
from tests.cache.clock import Clock
from tests.stores import NOW, Event, MakeRoom, question

HOUR = timedelta(hours=1)
EVENTS = [Event(NOW - HOUR, job=job, app=job, result="Failure", code="A") for job in ("a", "b")]


class Moody:
    """A workspace that fails when the test says so, and notes what it was asked."""

    def __init__(self, inner: Workspace) -> None:
        self._inner = inner
        self.asked: list[str] = []
        self.error: Exception | None = None
        self.identity = inner.identity

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
        self.asking = Asking(
            self.workspace,
            cache,
            retention=timedelta(days=3650),
            deadline=timedelta(seconds=60),
            now=self.clock.now,
            observe=lambda insight, outcome, _, rows: self.seen.append((insight, outcome, rows)),
        )

    async def failures(self, **asked: Any) -> Any:
        return await self.asking.ask(Failures(), question(**asked), NoOptions())


@pytest.fixture
def desk(room: MakeRoom) -> Desk:
    return Desk(room(EVENTS).workspace)


async def test_any_number_of_callers_cost_one_query_per_table(desk: Desk) -> None:
    await asyncio.gather(*(desk.failures() for _ in range(50)))
    assert len(desk.workspace.asked) == len(set(desk.workspace.asked)) == 2
    assert desk.seen == [("directory", "success", 2), ("failures", "success", 2)]


async def test_jobs_and_applications_are_cut_from_the_fleets_table(desk: Desk) -> None:
    await desk.failures()
    before = list(desk.workspace.asked)
    one = await desk.failures(job="a")
    assert [job.job_id for job, _ in one.rows] == ["a"]
    assert [job.job_id for job, _ in (await desk.failures(apps={"b"})).rows] == ["b"]
    assert [job.job_id for job, _ in (await desk.failures(jobs={"b", "a"})).rows] == ["a", "b"]
    assert desk.workspace.asked == before


async def test_other_options_over_the_same_counts_cost_nothing(desk: Desk) -> None:
    asked = question(days=30, bin_name="1d")
    for options in (SpikeOptions(), SpikeOptions(sensitivity=9), SpikeOptions(only="spikes")):
        await desk.asking.ask(Spikes(), asked, options)
    assert len(desk.workspace.asked) == 2


async def test_jobs_are_looked_up_once_a_day(desk: Desk) -> None:
    await desk.failures()
    desk.clock.pass_by(250)
    await desk.asking.directory()
    assert len(desk.workspace.asked) == 2


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


async def test_failing_workspace_gives_the_last_answer_as_stale(desk: Desk) -> None:
    first = await desk.failures()
    desk.clock.pass_by(1000)
    desk.workspace.error = WorkspaceTimeout("The query did not finish.")
    old = await desk.failures()
    assert old.rows == first.rows
    assert (old.freshness.stale, old.freshness.complete) == (True, True)
    assert old.freshness.reason == "The query did not finish."
    assert old.freshness.expires == old.freshness.made
    assert desk.seen[2:] == [
        ("directory", "WorkspaceTimeout", 0),
        ("failures", "WorkspaceTimeout", 0),
    ]


async def test_without_an_answer_the_failure_is_told(desk: Desk) -> None:
    desk.workspace.error = WorkspaceTimeout("The query did not finish.")
    with pytest.raises(WorkspaceTimeout):
        await desk.failures()
    desk.workspace.error = None
    assert (await desk.failures()).rows


async def test_cut_result_is_incomplete_and_asked_for_again(room: MakeRoom) -> None:
    events = [Event(NOW - HOUR, result="Failure", code=f"code-{number}") for number in range(5)]
    desk = Desk(room(events, max_rows=3).workspace)
    for _ in range(2):
        cut = await desk.failures()
        assert len(cut.rows) == 3
        assert not cut.freshness.complete
        assert cut.freshness.reason == "the result was cut at 3 rows"
        assert cut.freshness.expires == cut.freshness.made
    assert [outcome for insight, outcome, _ in desk.seen if insight == "failures"] == [
        "partial"
    ] * 2


@pytest.mark.parametrize(
    ("asked", "jobs"),
    [
        ({}, None),
        ({"job": "a"}, '("a")'),
        ({"apps": {"b"}}, '("b")'),
        ({"jobs": {"nowhere"}}, '("nowhere")'),
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
    (first, _) = await desk.asking.kql(Jobs(), question(), NoOptions())
    assert link == f"portal:{first.text}"
