"""How are all jobs doing? One row per job that the retention knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from service.insights.activity.cutting import cut
from service.insights.activity.keeper import Activity
from service.insights.columns import events
from service.insights.directory import App, Job
from service.insights.health import Health, assess_health
from service.insights.insight import Context, FromActivity, Insight, NoOptions, span
from service.insights.question import Question
from service.insights.rhythm import Silence
from service.insights.silence import Rhythms, rhythm_query, silences_of
from service.kql.template import Template
from service.table import TableSchema

_COUNTS = Template("""
{events:query}
| summarize Events = count() by JobId, Action, Result, ErrorCode
""")

COLUMNS = ("Action", "Result", "ErrorCode")


@dataclass(frozen=True)
class JobRow:
    """A job, what it did in the window, and how it is. First and last event are the retention's.

    `failure_rate` is failures over all events, null without events.
    """

    job_id: str
    app: App
    source_system: str
    target_system: str
    first_event: datetime
    last_event: datetime
    events: int
    failures: int
    skipped: int
    failure_rate: float | None
    health: Health


@dataclass(frozen=True)
class Count:
    """Events of one job that share an action, a result and an error code."""

    action: str
    result: str
    error_code: str
    events: int


class Jobs(Insight[NoOptions, JobRow]):
    name = "jobs"
    title = "All jobs and how they are"
    default_window = timedelta(hours=24)
    columns = COLUMNS
    row = JobRow
    options = NoOptions

    def queries(
        self, question: Question, options: NoOptions, schema: TableSchema
    ) -> Sequence[FromActivity]:
        return [counts_query(question, schema), rhythm_query(question.now)]

    def answer(
        self, context: Context, options: NoOptions, *counted: Any
    ) -> Sequence[tuple[Job, JobRow]]:
        counts: Mapping[str, list[Count]] = counted[0]
        rhythms: Rhythms = counted[1]
        jobs = list(context.jobs())
        silences = silences_of(jobs, rhythms, context.question.now)
        return [
            (job, job_row(job, counts.get(job.job_id, ()), silences[job.job_id])) for job in jobs
        ]


def counts_query(question: Question, schema: TableSchema) -> FromActivity:
    """Events per job, action, result and error code in the window, as `Count`s by job ID."""
    kql = _COUNTS.fill(events=events(question, schema, COLUMNS))

    def counts(activity: Activity) -> Mapping[str, list[Count]]:
        table = cut(activity, question, ("JobId", *COLUMNS))
        jobs: dict[str, list[Count]] = {}
        for job_id, *values in zip(*(column.to_pylist() for column in table.columns), strict=True):
            jobs.setdefault(job_id, []).append(Count(*values))
        return jobs

    return FromActivity(kql, span(question), counts)


def job_row(job: Job, counts: Sequence[Count], silence: Silence) -> JobRow:
    by_result = total(counts, "result")
    counted, failures = sum(by_result.values()), by_result["failure"]
    return JobRow(
        job_id=job.job_id,
        app=job.app,
        source_system=job.source_system,
        target_system=job.target_system,
        first_event=job.first_event,
        last_event=job.last_event,
        events=counted,
        failures=failures,
        skipped=by_result["skipped"],
        failure_rate=failures / counted if counted else None,
        health=assess_health(
            events=counted,
            failures=failures,
            skipped=by_result["skipped"],
            silence=silence,
        ),
    )


def total(counts: Sequence[Count], dimension: str) -> Counter[str]:
    """Events by `action`, `result` or `error_code`."""
    totals: Counter[str] = Counter()
    for count in counts:
        totals[getattr(count, dimension)] += count.events
    return totals
