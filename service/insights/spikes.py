"""When did a job do unusually much or little of something?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import numpy as np

from service.insights.columns import binned, events
from service.insights.detection import Detection, detect
from service.insights.directory import Job
from service.insights.insight import Context, FromActivity, Insight, span
from service.insights.question import Question
from service.insights.series import Counts, LazyRows, SeriesTable, series
from service.kql.template import Template, pipe
from service.table import TableSchema
from service.times import Window

Dimension = Literal["operation", "action", "result"]

_COUNTS: Mapping[Dimension, Template] = {
    "operation": Template("""
{events:query}
| summarize Events = count() by JobId, Operation, Start
"""),
    "action": Template("""
{events:query}
| summarize Events = count() by JobId, Action, Start
"""),
    "result": Template("""
{events:query}
| summarize Events = count() by JobId, Result, Start
"""),
}
_COLUMN: Mapping[Dimension, str] = {
    "operation": "Operation",
    "action": "Action",
    "result": "Result",
}


@dataclass(frozen=True)
class SpikeOptions:
    """`sensitivity` is the score from which a point stands out, `min_events` the least excess."""

    of: Dimension = "operation"
    sensitivity: float = 3.0
    min_events: int = 5
    only: Literal["spikes"] | None = None


@dataclass(frozen=True)
class SpikePoint:
    """One bin: how many events, how many were to be expected, from which count on it is a spike.

    All three are null where the history is too short to say.
    """

    at: datetime
    events: int
    expected: float | None
    upper: float | None
    score: float | None
    spike: bool


@dataclass(frozen=True)
class Spike:
    at: datetime
    events: int
    expected: float
    score: float
    direction: Literal["up", "down"]


@dataclass(frozen=True)
class SpikeSeries:
    """One name over time, zero-filled, with the points that stand out."""

    series: Dimension
    name: str
    total: int
    points: list[SpikePoint]
    spikes: list[Spike]

    @property
    def label(self) -> str:
        return self.name or "(none)"


class Spikes(Insight[SpikeOptions, SpikeSeries]):
    name = "spikes"
    title = "Unusual counts over time"
    default_window = timedelta(days=30)
    shape = "series"
    row = SpikeSeries
    options = SpikeOptions

    def reads(self, options: SpikeOptions) -> tuple[str, ...]:
        return (_COLUMN[options.of],)

    def queries(
        self, question: Question, options: SpikeOptions, schema: TableSchema
    ) -> Sequence[FromActivity]:
        column = _COLUMN[options.of]
        counted = pipe(
            events(question, schema, self.reads(options)), binned(question.window.bin.width)
        )
        kql = _COUNTS[options.of].fill(events=counted)
        return [FromActivity(kql, span(question), lambda found: series(found, question, (column,)))]

    def answer(
        self, context: Context, options: SpikeOptions, *counted: Any
    ) -> Sequence[tuple[Job, SpikeSeries]]:
        table: SeriesTable = counted[0]
        window = context.question.window
        places = table.of_jobs(context)
        starts = window.starts()
        counts = table.counts[[place for place, _ in places]]
        detection = detect(
            counts,
            starts,
            sensitivity=options.sensitivity,
            min_events=options.min_events,
            unfinished=window.end > context.question.now,
            known_from=_known_from(window, [job for _, job in places]),
        )
        names = [table.keys[place][1] for place, _ in places]
        shown = [
            (row, job)
            for row, (_, job) in enumerate(places)
            if options.only is None or detection.spike[row].any()
        ]
        return LazyRows(
            shown,
            lambda row, job: _series(options.of, names[row], starts, counts[row], detection, row),
        )


def _known_from(window: Window, jobs: Sequence[Job]) -> Counts:
    """The first bin in which each job existed: before that, no events say nothing."""
    first = [max(0, (job.first_event - window.start) // window.bin.width) for job in jobs]
    return np.array([min(index, window.bins) for index in first], np.int64)


def _series(
    of: Dimension,
    name: str,
    starts: Sequence[datetime],
    events_counted: Counts,
    detection: Detection,
    row: int,
) -> SpikeSeries:
    points = [
        SpikePoint(at, events, _number(expected), _number(upper), _number(score), direction != 0)
        for at, events, expected, upper, score, direction in zip(
            starts,
            events_counted.tolist(),
            detection.expected[row].tolist(),
            detection.upper[row].tolist(),
            detection.score[row].tolist(),
            detection.direction[row].tolist(),
            strict=True,
        )
    ]
    spikes = [
        Spike(
            point.at,
            point.events,
            point.expected or 0.0,
            point.score or 0.0,
            "up" if point.events > (point.expected or 0.0) else "down",
        )
        for point in points
        if point.spike
    ]
    return SpikeSeries(of, name, int(events_counted.sum()), points, spikes)


def _number(value: float) -> float | None:
    """For JSON, which has no NaN; three decimals say all that such an estimate can."""
    return None if math.isnan(value) else round(value, 3)
