"""When did a job do unusually much or little of something?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import numpy as np

from service.insights.columns import events
from service.insights.detection import Detection, detect
from service.insights.directory import Job
from service.insights.insight import Context, Insight, Query, span
from service.insights.question import Question
from service.kql.template import Template, pipe
from service.table import TableSchema
from service.times import BINS, Window
from service.workspace.protocol import Result

Dimension = Literal["operation", "action", "result"]

_BIN = Template("extend Start = bin(TimeGenerated, {bin:timespan})")
_DAY = Template("extend Start = startofday(TimeGenerated)")
_SERIES = {
    "operation": Template("""
{events:query}
| summarize Events = count() by JobId, Name = Operation, Start
"""),
    "action": Template("""
{events:query}
| summarize Events = count() by JobId, Name = Action, Start
"""),
    "result": Template("""
{events:query}
| summarize Events = count() by JobId, Name = Result, Start
"""),
}
_COLUMN = {"operation": "Operation", "action": "Action", "result": "Result"}


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


Counts = Mapping[str, Mapping[str, Mapping[datetime, int]]]
"""Events by job ID, name and start of the bin."""


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
    ) -> Sequence[Query]:
        # Kusto's weeks are counted right only by Kusto, so days are asked for and added up.
        width = question.window.bin.width
        start = _BIN.fill(bin=width) if width < BINS["1d"].width else _DAY.fill()
        counted = pipe(events(question, schema, self.reads(options)), start)
        kql = _SERIES[options.of].fill(events=counted)
        return [Query(kql, span(question), _read)]

    def answer(
        self, context: Context, options: SpikeOptions, *counted: Any
    ) -> Sequence[tuple[Job, SpikeSeries]]:
        counts: Counts = counted[0]
        window = context.question.window
        keys = [(job, name) for job in context.jobs() for name in counts.get(job.job_id, ())]
        if not keys:
            return []
        table = np.zeros((len(keys), window.bins), np.int64)
        for row, (job, name) in enumerate(keys):
            for start, events_counted in counts[job.job_id][name].items():
                table[row, _index(window, start)] += events_counted
        starts = window.starts()
        detection = detect(
            table,
            starts,
            sensitivity=options.sensitivity,
            min_events=options.min_events,
            unfinished=window.end > context.question.now,
            known_from=_known_from(window, [job for job, _ in keys]),
        )
        series = [
            (job, _series(options.of, name, starts, table[row], detection, row))
            for row, (job, name) in enumerate(keys)
        ]
        series.sort(key=lambda item: (-item[1].total, item[0].job_id, item[1].name))
        return [item for item in series if item[1].spikes or options.only is None]


def _read(result: Result) -> Counts:
    counts: dict[str, dict[str, dict[datetime, int]]] = {}
    for record in result.records():
        series = counts.setdefault(record["JobId"], {}).setdefault(record["Name"], {})
        series[record["Start"]] = record["Events"]
    return counts


def _index(window: Window, start: datetime) -> int:
    return (start - window.start) // window.bin.width


def _known_from(window: Window, jobs: Sequence[Job]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The first bin in which each job existed: before that, no events say nothing."""
    first = [max(0, _index(window, job.first_event)) for job in jobs]
    return np.array([min(index, window.bins) for index in first], np.int64)


def _series(
    of: Dimension,
    name: str,
    starts: Sequence[datetime],
    events_counted: np.ndarray[tuple[int], np.dtype[np.int64]],
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
