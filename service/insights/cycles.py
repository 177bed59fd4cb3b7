"""What did each run of a job do?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from service.insights.columns import events
from service.insights.directory import Job
from service.insights.insight import Context, Insight, NoOptions, Query, by_job, span
from service.insights.question import ACTIONS, Question
from service.kql.template import Template
from service.table import TableSchema

_CYCLES = Template("""
{events:query}
| where CycleId != ""
| summarize Started = min(TimeGenerated), Ended = max(TimeGenerated), Events = count(),
    Failures = countif(Result == "failure"), Skipped = countif(Result == "skipped"),
    create = countif(Action == "create"), update = countif(Action == "update"),
    delete = countif(Action == "delete"), disable = countif(Action == "disable"),
    stageddelete = countif(Action == "stageddelete"), other = countif(Action == "other")
    by JobId, CycleId
""")

COLUMNS = ("Action", "Result")


@dataclass(frozen=True)
class Cycle:
    """One run of a job, as far as the window holds it; `duration` is from first to last event."""

    cycle_id: str
    started: datetime
    ended: datetime
    events: int
    failures: int
    skipped: int
    by_action: dict[str, int]
    duration: timedelta


class Cycles(Insight[NoOptions, Cycle]):
    name = "cycles"
    title = "Runs of a job"
    default_window = timedelta(hours=24)
    columns = COLUMNS
    row = Cycle
    options = NoOptions

    def queries(
        self, question: Question, options: NoOptions, schema: TableSchema
    ) -> Sequence[Query]:
        return [cycles_query(question, schema)]

    def answer(
        self, context: Context, options: NoOptions, *counted: Any
    ) -> Sequence[tuple[Job, Cycle]]:
        cycles: Mapping[str, list[Cycle]] = counted[0]
        found = [(job, row) for job in context.jobs() for row in cycles.get(job.job_id, ())]
        found.sort(key=lambda item: (item[0].job_id, item[1].cycle_id))
        found.sort(key=lambda item: item[1].started, reverse=True)
        return found


def cycles_query(question: Question, schema: TableSchema) -> Query:
    """The window's cycles, as `Cycle`s by job ID."""
    kql = _CYCLES.fill(events=events(question, schema, COLUMNS))
    return Query(kql, span(question), partial(by_job, row=_cycle))


def _cycle(record: dict[str, Any]) -> Cycle:
    return Cycle(
        cycle_id=record["CycleId"],
        started=record["Started"],
        ended=record["Ended"],
        events=record["Events"],
        failures=record["Failures"],
        skipped=record["Skipped"],
        by_action={action: record[action] for action in ACTIONS if record[action]},
        duration=record["Ended"] - record["Started"],
    )
