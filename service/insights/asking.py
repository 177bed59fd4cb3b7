"""Asks insights of a workspace, once for everybody.

Every query counts for the whole fleet and is kept as an answer with its age; questions about one
job, an application, or another order of the same counts are cut from it without asking again. The
text of a query is its key: two questions that need the same table share it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar

from service.cache.answers import Answer, AnswerCache, Computed
from service.insights.columns import missing_columns
from service.insights.directory import Directory, Job, directory_kql, read_directory
from service.insights.insight import Context, Insight, Query
from service.insights.question import Question
from service.insights.window_counts import window_counts_query
from service.kql.template import Kql, Template, pipe
from service.times import BINS
from service.workspace.errors import WorkspaceError
from service.workspace.protocol import Result, TimeSpan, Workspace

Row = TypeVar("Row")

_THE_SLICE = Template(
    "where JobId in~ {jobs:strings} // The service asks for all jobs at once and cuts this from it."
)

_BYTES_PER_VALUE = 80
"""What one value of a row takes as Python objects: an estimate, to bound the cache."""


class JobNotFound(Exception):
    """No event in the retention mentions this job."""


class QueryObserver(Protocol):
    """Told of every query that the workspace was asked: for metrics and logs."""

    def __call__(self, insight: str, outcome: str, elapsed: float, rows: int) -> None: ...


@dataclass(frozen=True)
class Freshness:
    """How old an answer is and what it lacks. `made` and `expires` are monotonic seconds."""

    as_of: datetime
    stale: bool
    complete: bool
    events_until: datetime | None
    reason: str | None
    made: float
    expires: float


@dataclass(frozen=True)
class Answered(Generic[Row]):
    """An insight's answer: rows with their jobs, in order, and its freshness."""

    rows: Sequence[tuple[Job, Row]]
    freshness: Freshness


@dataclass(frozen=True)
class Table:
    """What a query's `read` made of its result, and why rows are missing, if they are."""

    counted: Any
    partial: str | None


class Asking:
    """The way from a question to its answer."""

    def __init__(
        self,
        workspace: Workspace,
        cache: AnswerCache[Table],
        *,
        retention: timedelta,
        deadline: timedelta,
        now: Callable[[], datetime],
        observe: QueryObserver,
    ) -> None:
        self._workspace = workspace
        self._cache = cache
        self._retention = retention
        self._deadline = deadline
        self._now = now
        self._observe = observe

    async def ask(
        self, insight: Insight[Any, Row], question: Question, options: Any
    ) -> Answered[Row]:
        """The answer, or the last one within bounds where the workspace fails.

        Raises `JobNotFound`, and `WorkspaceError` where there is no answer, not even an old one.
        """
        schema = await self._workspace.schema()
        queries = insight.queries(question, options, schema)
        known, *answers = await asyncio.gather(
            self._directory(), *(self._table(insight.name, query) for query in queries)
        )
        directory: Directory = known.value.counted
        if question.job_id is not None and question.job_id not in directory.jobs:
            raise JobNotFound(question.job_id)
        context = Context(question, directory)
        counted = [answer.value.counted for answer in answers]
        rows = await asyncio.to_thread(insight.answer, context, options, *counted)
        lacking = missing_columns(question, schema, insight.reads(options))
        return Answered(rows, _freshness([*answers, known], directory, lacking))

    async def directory(self) -> Directory:
        """The jobs that the retention knows."""
        known: Directory = (await self._directory()).value.counted
        return known

    async def window_counts(self) -> Answer[Table]:
        """The `WindowCounts` of now, with their age."""
        schema = await self._workspace.schema()
        return await self._table("window-counts", window_counts_query(self._now(), schema))

    async def kql(self, insight: Insight[Any, Any], question: Question, options: Any) -> list[Kql]:
        """The queries as they would be sent, followed by the slice for the question's jobs."""
        schema = await self._workspace.schema()
        queries = insight.queries(question, options, schema)
        if question.job_id is None and not (question.filters.jobs or question.filters.apps):
            return [query.kql for query in queries]
        jobs = frozenset(job.job_id for job in (await self.directory()).chosen(question))
        return [sliced(query.kql, jobs or question.filters.jobs) for query in queries]

    async def portal_link(
        self, insight: Insight[Any, Any], question: Question, options: Any
    ) -> str | None:
        """A link that opens the insight's own query in the Azure portal, where there is one."""
        schema = await self._workspace.schema()
        query = insight.queries(question, options, schema)[0]
        return self._workspace.portal_link(query.kql, query.span)

    async def _directory(self) -> Answer[Table]:
        schema = await self._workspace.schema()
        now, day = self._now(), BINS["1d"]
        # Whole days keep the text, and with it the key, the same all day. A day more than today,
        # because events of a clock that is ahead are events too.
        span = TimeSpan(day.floor(now - self._retention), day.ceil(now) + day.width)
        query = Query(directory_kql(span, schema), span, read_directory)
        return await self._table("directory", query)

    async def _table(self, insight: str, query: Query) -> Answer[Table]:
        key = (self._workspace.identity, query.kql.text)
        return await self._cache.get(key, lambda: self._compute(insight, query))

    async def _compute(self, insight: str, query: Query) -> Computed[Table]:
        started = time.perf_counter()
        try:
            result = await self._workspace.query(query.kql, query.span, deadline=self._deadline)
        except WorkspaceError as error:
            self._observe(insight, type(error).__name__, time.perf_counter() - started, 0)
            raise
        outcome = "partial" if result.partial else "success"
        self._observe(insight, outcome, time.perf_counter() - started, len(result.rows))
        size = _size(result)
        counted = await asyncio.to_thread(_read, query, result)
        return Computed(Table(counted, result.partial), size, result.partial is None)


def sliced(kql: Kql, jobs: frozenset[str]) -> Kql:
    """A query for the fleet, followed by the slice for these jobs; all jobs if there are none."""
    return pipe(kql, _THE_SLICE.fill(jobs=jobs)) if jobs else kql


def _read(query: Query, result: Result) -> Any:
    counted = query.read(result)
    result.release()
    return counted


def _size(result: Result) -> int:
    return (len(result.rows) + 1) * len(result.columns) * _BYTES_PER_VALUE


def _freshness(
    answers: Sequence[Answer[Table]], directory: Directory, lacking: Sequence[str]
) -> Freshness:
    oldest = min(answers, key=lambda answer: answer.made)
    stale = [answer.stale for answer in answers if answer.stale]
    reasons = [*dict.fromkeys(stale), *(a.value.partial for a in answers if a.value.partial)]
    if lacking:
        reasons.append(f"the workspace lacks the columns {', '.join(lacking)}")
    complete = all(answer.complete for answer in answers)
    return Freshness(
        as_of=oldest.as_of,
        stale=bool(stale),
        complete=complete and not lacking,
        events_until=directory.events_until,
        reason="; ".join(reasons) or None,
        made=oldest.made,
        expires=oldest.made + oldest.fresh_for if complete and not stale else oldest.made,
    )
