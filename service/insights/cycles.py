"""What did each run of a job do?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from service.insights.columns import events
from service.insights.cycle import SUM_UP, Cycle, read_cycle
from service.insights.directory import Job
from service.insights.insight import Context, Insight, NoOptions, Query, by_job, span
from service.insights.question import Question
from service.kql.template import Template, pipe
from service.table import TableSchema

_CYCLES = Template("""
{events:query}
| where CycleId != ""
""")

COLUMNS = ("Action", "Result", "CycleId")


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
    kql = pipe(_CYCLES.fill(events=events(question, schema, COLUMNS)), SUM_UP.fill())
    return Query(kql, span(question), partial(by_job, row=read_cycle))
