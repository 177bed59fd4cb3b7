"""Which series stand out right now? (What metrics show: the newest bin of `spikes`.)"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

from service.insights.activity.keeper import Activity
from service.insights.insight import Context
from service.insights.question import Question
from service.insights.spikes import Dimension, SpikeOptions, Spikes
from service.table import TableSchema
from service.times import BINS, Window


@dataclass(frozen=True)
class LatestSpike:
    """The newest day of one series: `score` is 0 while it holds no more than is usual."""

    job_id: str
    of: Dimension
    name: str
    score: float
    spike: bool


def latest_spikes(activity: Activity, now: datetime) -> Iterator[LatestSpike]:
    """Every series of every dimension whose history is long enough to say what is usual.

    The same as the last points of `/spikes`; takes up to a second, so call it in a thread.
    """
    day = BINS["1d"]
    window = Window(day.floor(now - Spikes.default_window), day.ceil(now), day)
    context = Context(Question(window, now), activity.directory())
    spikes = Spikes()
    for of in get_args(Dimension):
        options = SpikeOptions(of)
        (source,) = spikes.queries(context.question, options, TableSchema())
        judged = spikes.judge(context, options, source.cut(activity))
        last = judged.detection
        for row, (name, job) in enumerate(zip(judged.names, judged.jobs, strict=True)):
            if not math.isnan(last.expected[row, -1]):
                score = float(last.score[row, -1])
                spike = bool(last.direction[row, -1])
                yield LatestSpike(
                    job.job_id, of, name, 0.0 if math.isnan(score) else round(score, 3), spike
                )
