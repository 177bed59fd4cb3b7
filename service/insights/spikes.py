"""When did a job do unusually much or little of something?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import numpy as np

from service.insights.activity.keeper import Activity
from service.insights.columns import binned, events
from service.insights.detection import Detection, Usual, judge, usual_of
from service.insights.directory import Job
from service.insights.insight import Context, FromActivity, Insight, span
from service.insights.question import Question
from service.insights.series import Counts, LazyRows, SeriesTable, series
from service.insights.usual_levels import UsualLevels, usual_levels
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


@dataclass(frozen=True)
class SeriesWithPast(SeriesTable):
    """Series, and the activity that remembers what is usual of them."""

    activity: Activity


@dataclass(frozen=True)
class Judged:
    """Series with their jobs and names; `counts` and what `detection` holds are (series, bins)."""

    jobs: Sequence[Job]
    names: Sequence[str]
    counts: Counts
    detection: Detection


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

        def cut(activity: Activity) -> SeriesWithPast:
            found = series(activity, question, (column,))
            return SeriesWithPast(found.keys, found.counts, activity)

        return [FromActivity(kql, span(question), cut)]

    def answer(
        self, context: Context, options: SpikeOptions, *counted: Any
    ) -> Sequence[tuple[Job, SpikeSeries]]:
        table: SeriesWithPast = counted[0]
        starts = context.question.window.starts()
        if options.only == "spikes":
            judged = self.judge(context, options, table)
            outstanding = np.flatnonzero(judged.detection.spike.any(axis=1)).tolist()
            return LazyRows(
                [(row, judged.jobs[row]) for row in outstanding],
                lambda rows: [_series(options.of, starts, judged, row) for row in rows],
            )
        places = table.of_jobs(context)
        jobs = dict(places)

        # What nobody looks at is not judged: a page shows few of a fleet's series.
        def judged_rows(shown: Sequence[int]) -> list[SpikeSeries]:
            few = _Chosen(context.question, table, [(place, jobs[place]) for place in shown])
            judged = few.judged(options, few.usual())
            return [_series(options.of, starts, judged, row) for row in range(len(shown))]

        return LazyRows(places, judged_rows)

    def judge(self, context: Context, options: SpikeOptions, table: SeriesWithPast) -> Judged:
        """What stands out in the series of the question's jobs, busiest first.

        What is usual of them is kept, and next time worked out again only where it has changed.
        """
        chosen = _Chosen(context.question, table, table.of_jobs(context))
        return chosen.judged(options, chosen.usual_kept(options))


@dataclass(frozen=True)
class _Chosen:
    """Some of a table's series, by their place in it, with their jobs."""

    question: Question
    table: SeriesWithPast
    places: Sequence[tuple[int, Job]]

    @property
    def counts(self) -> Counts:
        return self.table.counts[[place for place, _ in self.places]]

    @property
    def jobs(self) -> list[Job]:
        return [job for _, job in self.places]

    @property
    def unfinished(self) -> bool:
        return self.question.window.end > self.question.now

    def usual(self) -> Usual:
        window = self.question.window
        return usual_of(
            self.counts,
            window.starts(),
            unfinished=self.unfinished,
            known_from=_known_from(window, self.jobs),
        )

    def usual_kept(self, options: SpikeOptions) -> Usual:
        """The same, by way of what is known from the last time."""
        window, filters = self.question.window, self.question.filters

        def levels(before: UsualLevels | None) -> UsualLevels:
            return usual_levels(
                self.counts,
                window.starts(),
                unfinished=self.unfinished,
                known_from=_known_from(window, self.jobs),
                before=before,
            )

        key = ("usual", window, self.unfinished, filters, self.question.job_id, options.of)
        return self.table.activity.kept(key, levels).usual

    def judged(self, options: SpikeOptions, usual: Usual) -> Judged:
        detection = judge(
            self.counts,
            usual,
            sensitivity=options.sensitivity,
            min_events=options.min_events,
            unfinished=self.unfinished,
        )
        names = [self.table.keys[place][1] for place, _ in self.places]
        return Judged(self.jobs, names, self.counts, detection)


def _known_from(window: Window, jobs: Sequence[Job]) -> Counts:
    """The first bin in which each job existed: before that, no events say nothing."""
    first = [max(0, (job.first_event - window.start) // window.bin.width) for job in jobs]
    return np.array([min(index, window.bins) for index in first], np.int64)


def _series(of: Dimension, starts: Sequence[datetime], judged: Judged, row: int) -> SpikeSeries:
    detection, counted = judged.detection, judged.counts[row]
    points = [
        SpikePoint(at, events, _number(expected), _number(upper), _number(score), direction != 0)
        for at, events, expected, upper, score, direction in zip(
            starts,
            counted.tolist(),
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
    return SpikeSeries(of, judged.names[row], int(counted.sum()), points, spikes)


def _number(value: float) -> float | None:
    """For JSON, which has no NaN; three decimals say all that such an estimate can."""
    return None if math.isnan(value) else round(value, 3)
