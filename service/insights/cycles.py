"""What did each run of a job do?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from service.insights.columns import events
from service.insights.cycle import SUM_UP, Cycle, read_cycle
from service.insights.directory import Job
from service.insights.fleet_table import FleetTable
from service.insights.insight import Context, Insight, NoOptions, Query, span
from service.insights.question import Question
from service.kql.template import Template, pipe
from service.table import TableSchema

_CYCLES = Template("""
{events:query}
| where CycleId != ""
""")

COLUMNS = ("Action", "Result", "CycleId")
_ORDER = ("-Started", "JobId", "CycleId")


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
        kql = pipe(_CYCLES.fill(events=events(question, schema, COLUMNS)), SUM_UP.fill())
        return [Query(kql, span(question), partial(FleetTable.read, order=_ORDER))]

    def answer(
        self, context: Context, options: NoOptions, *counted: Any
    ) -> Sequence[tuple[Job, Cycle]]:
        fleet: FleetTable = counted[0]
        return fleet.chosen(context).rows(context, read_cycle)
