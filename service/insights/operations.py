"""How many events end with each operation (the name of their last step) over time?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from service.insights.columns import binned, events
from service.insights.directory import Job
from service.insights.insight import Context, FromActivity, Insight, NoOptions, span
from service.insights.question import Question
from service.insights.series import LazyRows, Point, SeriesTable, points, series
from service.kql.template import Template, pipe
from service.table import TableSchema

_OPERATIONS = Template("""
{events:query}
| summarize Events = count() by JobId, Operation, Start
""")


@dataclass(frozen=True)
class OperationSeries:
    """Events with one operation, in every bin; it is empty for events without steps."""

    operation: str
    total: int
    points: list[Point]

    @property
    def label(self) -> str:
        return self.operation or "(no steps)"


class Operations(Insight[NoOptions, OperationSeries]):
    name = "operations"
    title = "Events by operation"
    default_window = timedelta(days=30)
    shape = "series"
    columns = ("Operation",)
    row = OperationSeries
    options = NoOptions

    def queries(
        self, question: Question, options: NoOptions, schema: TableSchema
    ) -> Sequence[FromActivity]:
        counted = pipe(events(question, schema, self.columns), binned(question.window.bin.width))
        kql = _OPERATIONS.fill(events=counted)
        names = ("Operation",)
        return [FromActivity(kql, span(question), lambda found: series(found, question, names))]

    def answer(
        self, context: Context, options: NoOptions, *counted: Any
    ) -> Sequence[tuple[Job, OperationSeries]]:
        table: SeriesTable = counted[0]
        starts = context.question.window.starts()

        def row(place: int) -> OperationSeries:
            counts = table.counts[place]
            return OperationSeries(table.keys[place][1], int(counts.sum()), points(starts, counts))

        return LazyRows(table.of_jobs(context), lambda places: map(row, places))
