"""Asks insights, once for everybody.

Counts are cut from activity. What is not a count is a query for the whole fleet, kept as an answer
with its age; questions about one job, an application, or another order of the same table are cut
from it without asking again. The text of a query is its key: two questions that need the same
table share it, unless their callers may see different things.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

import orjson

from service.cache.answers import Answer, AnswerCache, Computed
from service.insights.activity.keeper import Activity, Standing
from service.insights.columns import missing_columns
from service.insights.directory import Directory, Job
from service.insights.fleet_table import FleetTable
from service.insights.insight import Context, FromActivity, Insight, Query
from service.insights.querying import Querying
from service.insights.question import Question
from service.kql.template import Kql, pipe
from service.workspace.errors import WorkspaceUnavailable
from service.workspace.protocol import Result

Row = TypeVar("Row")

_BYTES_PER_VALUE = 80
_BYTES_PER_LETTER = 5
_SAMPLE = 50
"""What one value of a row takes as a Python object, what lists and maps take for each letter of
their JSON, and rows whose text is measured: an estimate, to bound the cache."""


class JobNotFound(Exception):
    """No event in the retention mentions this job."""


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

    rows: Sequence[tuple[Job | None, Row]]
    freshness: Freshness


@dataclass(frozen=True)
class Table:
    """What a query's `read` made of its result, and why rows are missing, if they are."""

    counted: Any
    partial: str | None


@dataclass(frozen=True)
class _Part:
    """One of the things an answer is made from, with its age."""

    counted: Any
    as_of: datetime
    made: float
    expires: float
    stale: str | None
    lacking: str | None


class Asking:
    """The way from a question to its answer.

    What nobody waits for is asked through `renewing`: an answer that is served while it is renewed.
    `hindrance` tells why the workspace takes no queries just now, if it takes none.
    """

    def __init__(
        self,
        querying: Querying,
        activity: Activity,
        cache: AnswerCache[Table],
        *,
        renewing: Querying | None = None,
        hindrance: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._querying = querying
        self._renewing = renewing or querying
        self._activity = activity
        self._cache = cache
        self._hindrance = hindrance

    @property
    def kept_for(self) -> timedelta:
        """How long answers last at least while the workspace fails."""
        return timedelta(seconds=self._cache.stale_if_error)

    async def ask(
        self, insight: Insight[Any, Row], question: Question, options: Any
    ) -> Answered[Row]:
        """The answer, or the last one within bounds where the workspace fails.

        Raises `JobNotFound`, and `WorkspaceError` where there is no answer, not even an old one.
        """
        # Before the first look there is no answer, and asking for the columns may take long.
        directory = await self.directory()
        schema = await self._querying.schema()
        if question.job_id is not None and question.job_id not in directory.jobs:
            raise JobNotFound(question.job_id)
        sources = insight.queries(question, options, schema)
        parts = await asyncio.gather(
            *(self._part(insight.name, source, question) for source in sources)
        )
        return await self._answered(insight, question, options, parts)

    async def kept(
        self, insight: Insight[Any, Row], question: Question, options: Any, stale: str
    ) -> Answered[Row] | None:
        """The answer as it is kept, as stale for this reason, `None` where it is not kept.

        The workspace is not asked.
        """
        schema = await self._querying.schema()
        parts = []
        for source in insight.queries(question, options, schema):
            if isinstance(source, FromActivity):
                parts.append(await self._cut(source))
                continue
            answer = self._cache.kept(self._key(insight.name, source, question), stale)
            if answer is None:
                return None
            parts.append(_part(answer))
        return await self._answered(insight, question, options, parts)

    async def _answered(
        self,
        insight: Insight[Any, Row],
        question: Question,
        options: Any,
        parts: Sequence[_Part],
    ) -> Answered[Row]:
        schema = await self._querying.schema()
        directory = await self.directory()
        counted = [part.counted for part in parts]
        context = Context(question, directory)
        rows = await asyncio.to_thread(insight.answer, context, options, *counted)
        lacking = missing_columns(question, schema, insight.reads(options))
        return Answered(rows, _freshness(parts, directory, lacking))

    async def directory(self) -> Directory:
        """The jobs that the retention knows; raises why before the first look that worked."""
        self._standing()
        return await asyncio.to_thread(self._activity.directory)

    async def kql(self, insight: Insight[Any, Any], question: Question, options: Any) -> list[Kql]:
        """The queries as they would be sent, followed by the slice for the question's jobs."""
        schema = await self._querying.schema()
        sources = insight.queries(question, options, schema)
        if question.job_id is None and not (question.filters.jobs or question.filters.apps):
            return [source.kql for source in sources]
        jobs = frozenset(job.job_id for job in (await self.directory()).chosen(question))
        return [sliced(source.kql, jobs, insight) for source in sources]

    async def portal_link(
        self, insight: Insight[Any, Any], question: Question, options: Any
    ) -> str | None:
        """A link that opens the insight's own query in the Azure portal, where there is one."""
        schema = await self._querying.schema()
        source = insight.queries(question, options, schema)[0]
        return self._querying.portal_link(source.kql, source.span)

    async def _part(self, insight: str, source: Query | FromActivity, question: Question) -> _Part:
        if isinstance(source, FromActivity):
            return await self._cut(source)
        answer = await self._cache.get(
            self._key(insight, source, question),
            lambda: self._compute(self._querying, insight, source),
            fresh_for=source.fresh_for,
            renew=lambda: self._compute(self._renewing, insight, source),
        )
        return _part(answer)

    def _key(self, insight: str, query: Query, question: Question) -> Hashable:
        # The insight too: another may read the same table into something else.
        return self._querying.identity, question.sees, insight, query.kql.text, query.span

    async def _cut(self, source: FromActivity) -> _Part:
        activity = self._activity
        standing, lacking = self._standing(), activity.lacking(source.span.start)
        counted = await asyncio.to_thread(source.cut, activity)
        return _Part(
            counted=counted,
            as_of=standing.looked,
            made=standing.made,
            expires=activity.expires if lacking is None else standing.made,
            stale=self._overdue(standing),
            lacking=lacking,
        )

    def _overdue(self, standing: Standing) -> str | None:
        """Why the counts are older than they should be, `None` while they are not."""
        overdue = self._activity.overdue
        if overdue is None or standing.failure is not None:
            return overdue
        return _one_sentence([reason for reason in (overdue, self._hindrance()) if reason])

    def _standing(self) -> Standing:
        if standing := self._activity.standing:
            return standing
        if failure := self._activity.failure:
            # Raised again and again, its traceback would grow.
            raise failure.with_traceback(None)
        raise WorkspaceUnavailable("The service is starting and has not read the workspace yet.")

    async def _compute(self, querying: Querying, insight: str, query: Query) -> Computed[Table]:
        result = await querying.query(insight, query.kql, query.span)
        counted, size = await asyncio.to_thread(_read, query, result)
        return Computed(Table(counted, result.partial), size, result.partial is None)


def sliced(kql: Kql, jobs: frozenset[str], insight: Insight[Any, Any]) -> Kql:
    """A query for the fleet, followed by the slice for these jobs."""
    stage = insight.the_slice
    return pipe(kql, stage.fill(jobs=jobs)) if stage else kql


def _read(query: Query, result: Result) -> tuple[Any, int]:
    """What the query's `read` made of the result, and its size in bytes."""
    size = _size(result)
    counted = query.read(result)
    result.release()
    return counted, counted.nbytes if isinstance(counted, FleetTable) else size


def _size(result: Result) -> int:
    rows = len(result.rows)
    sample = result.rows[:_SAMPLE]
    text = sum(_length(value) for row in sample for value in row)
    per_row = len(result.columns) * _BYTES_PER_VALUE + text // max(1, len(sample))
    return (rows + 1) * per_row


def _length(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    return len(orjson.dumps(value)) * _BYTES_PER_LETTER if isinstance(value, list | dict) else 0


def _part(answer: Answer[Table]) -> _Part:
    return _Part(
        counted=answer.value.counted,
        as_of=answer.as_of,
        made=answer.made,
        expires=_expires(answer),
        stale=answer.stale,
        lacking=answer.value.partial,
    )


def _expires(answer: Answer[Table]) -> float:
    whole = answer.complete and answer.stale is None
    return answer.made + answer.fresh_for if whole else answer.made


def _freshness(parts: Sequence[_Part], directory: Directory, lacking: Sequence[str]) -> Freshness:
    oldest = min(parts, key=lambda part: part.made)
    stale = [part.stale for part in parts if part.stale]
    missing = [part.lacking for part in parts if part.lacking]
    reasons = [*stale, *missing]
    if lacking:
        reasons.append(f"the workspace lacks the columns {', '.join(lacking)}")
    return Freshness(
        as_of=oldest.as_of,
        stale=bool(stale),
        complete=not missing and not lacking,
        events_until=directory.events_until,
        reason=_one_sentence(list(dict.fromkeys(reasons))),
        made=oldest.made,
        expires=min(part.expires for part in parts),
    )


def _one_sentence(reasons: Sequence[str]) -> str | None:
    """The reasons as one; `None` without any."""
    return "; ".join([*(one.removesuffix(".") for one in reasons[:-1]), *reasons[-1:]]) or None
