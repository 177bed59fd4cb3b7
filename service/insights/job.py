"""How is one job doing, what did it do, and what goes wrong?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any

from service.insights.activity.latest_cycles import latest_cycles_kql
from service.insights.cycle import Cycle
from service.insights.directory import Job
from service.insights.failures import Knowledge, knowledge
from service.insights.insight import Context, FromActivity, Insight, NoOptions, span
from service.insights.jobs import COLUMNS, Count, JobRow, counts_query, job_row, total
from service.insights.question import Question
from service.insights.silence import Rhythms, rhythm_query, silences_of
from service.table import TableSchema

TOP_ERRORS = 5


@dataclass(frozen=True)
class TopError:
    error_code: str
    events: int
    knowledge: Knowledge | None


@dataclass(frozen=True)
class JobDetail(JobRow):
    """A job in the window. `last_cycle` is its newest run, whatever the window; null if it has
    none."""

    by_action: dict[str, int]
    by_result: dict[str, int]
    top_errors: list[TopError]
    last_cycle: Cycle | None


class OneJob(Insight[NoOptions, JobDetail]):
    name = "job"
    title = "One job in detail"
    default_window = timedelta(hours=24)
    shape = "object"
    columns = COLUMNS
    row = JobDetail
    options = NoOptions

    def queries(
        self, question: Question, options: NoOptions, schema: TableSchema
    ) -> Sequence[FromActivity]:
        latest = FromActivity(
            latest_cycles_kql(span(question), schema),
            span(question),
            lambda activity: activity.latest_cycles,
        )
        return [counts_query(question, schema), rhythm_query(question.now), latest]

    def answer(
        self, context: Context, options: NoOptions, *counted: Any
    ) -> Sequence[tuple[Job, JobDetail]]:
        counts: Mapping[str, list[Count]] = counted[0]
        rhythms: Rhythms = counted[1]
        cycles: Mapping[str, Cycle] = counted[2]
        details = []
        jobs = list(context.jobs())
        silences = silences_of(jobs, rhythms, context.question.now)
        for job in jobs:
            found = counts.get(job.job_id, [])
            row = job_row(job, found, silences[job.job_id])
            detail = JobDetail(
                **{field.name: getattr(row, field.name) for field in fields(row)},
                by_action=dict(total(found, "action").most_common()),
                by_result=dict(total(found, "result").most_common()),
                top_errors=_top_errors(found),
                last_cycle=cycles.get(job.job_id),
            )
            details.append((job, detail))
        return details


def _top_errors(counts: Sequence[Count]) -> list[TopError]:
    failures = total([count for count in counts if count.result == "failure"], "error_code")
    ranked = sorted(failures.items(), key=lambda item: (-item[1], item[0]))
    return [TopError(code, events, knowledge(code)) for code, events in ranked[:TOP_ERRORS]]
