"""How many events of each action and result are there over time?"""

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

_ACTIONS = Template("""
{events:query}
| summarize Events = count() by JobId, Action, Result, Start
""")


@dataclass(frozen=True)
class ActionSeries:
    """Events of one action with one result, in every bin of the window."""

    action: str
    result: str
    total: int
    points: list[Point]

    @property
    def label(self) -> str:
        return f"{self.action}, {self.result}"


class Actions(Insight[NoOptions, ActionSeries]):
    name = "actions"
    title = "Events by action and result"
    default_window = timedelta(days=7)
    shape = "series"
    columns = ("Action", "Result")
    row = ActionSeries
    options = NoOptions

    def queries(
        self, question: Question, options: NoOptions, schema: TableSchema
    ) -> Sequence[FromActivity]:
        counted = pipe(events(question, schema, self.columns), binned(question.window.bin.width))
        kql = _ACTIONS.fill(events=counted)
        names = ("Action", "Result")
        return [FromActivity(kql, span(question), lambda found: series(found, question, names))]

    def answer(
        self, context: Context, options: NoOptions, *counted: Any
    ) -> Sequence[tuple[Job, ActionSeries]]:
        table: SeriesTable = counted[0]
        starts = context.question.window.starts()

        def row(place: int) -> ActionSeries:
            counts = table.counts[place]
            _, action, result = table.keys[place]
            return ActionSeries(action, result, int(counts.sum()), points(starts, counts))

        return LazyRows(table.of_jobs(context), lambda places: map(row, places))
