"""Has a job been quiet for longer than its own rhythm explains?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from service.insights.activity.cutting import busy_hours
from service.insights.activity.keeper import Activity
from service.insights.directory import Job
from service.insights.insight import Context, FromActivity, Insight, NoOptions
from service.insights.question import Question
from service.insights.rhythm import HOURS, Ints, Silence, assess_fleet
from service.kql.template import Template
from service.table import TableSchema
from service.times import BINS
from service.workspace.protocol import TimeSpan

HISTORY = timedelta(days=35)
"""What a rhythm is learnt from: five weeks."""

_BUSY_HOURS = Template("""
AADProvisioningLogs
| where TimeGenerated >= {start:datetime} and TimeGenerated < {end:datetime}
| summarize Events = count()
    by JobId, Date = startofday(TimeGenerated), HourOfDay = hourofday(TimeGenerated)
| summarize Weeks = count() by JobId, Day = dayofweek(Date), HourOfDay
""")


@dataclass(frozen=True)
class Rhythms:
    """Per job, in how many weeks each hour of the week was busy, since the history's start."""

    since: datetime
    active: Mapping[str, Ints]


@dataclass(frozen=True)
class SilenceRow:
    """A job's quiet. `since` is when it became too long for the job's rhythm, null while it is not.

    `expected_every` is the usual time from one busy hour to the next, null without enough history.
    """

    job_id: str
    last_event: datetime
    quiet_for: timedelta
    expected_every: timedelta | None
    silent: bool
    since: datetime | None


class SilenceInsight(Insight[NoOptions, SilenceRow]):
    name = "silence"
    title = "Silent jobs"
    default_window = timedelta(hours=24)
    row = SilenceRow
    options = NoOptions

    def queries(
        self, question: Question, options: NoOptions, schema: TableSchema
    ) -> Sequence[FromActivity]:
        return [rhythm_query(question.now)]

    def answer(
        self, context: Context, options: NoOptions, *counted: Any
    ) -> Sequence[tuple[Job, SilenceRow]]:
        jobs = list(context.jobs())
        silences = silences_of(jobs, counted[0], context.question.now)
        return [(job, _row(job, silences[job.job_id])) for job in jobs]


def rhythm_query(now: datetime) -> FromActivity:
    """The busy hours of the last weeks, as `Rhythms`."""
    day = BINS["1d"]
    history = TimeSpan(day.floor(now) - HISTORY, day.floor(now) + day.width)

    def rhythms(activity: Activity) -> Rhythms:
        table = busy_hours(activity, history)
        active: dict[str, Ints] = {}
        rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
        for job_id, slot, weeks in rows:
            active.setdefault(job_id, np.zeros(HOURS, np.int64))[slot] = weeks
        return Rhythms(history.start, active)

    return FromActivity(_BUSY_HOURS.fill(start=history.start, end=history.end), history, rhythms)


def silences_of(jobs: Sequence[Job], rhythms: Rhythms, now: datetime) -> dict[str, Silence]:
    """Each job's silence by its ID."""
    if not jobs:
        return {}
    never = np.zeros(HOURS, np.int64)
    found = assess_fleet(
        np.stack([rhythms.active.get(job.job_id, never) for job in jobs]),
        [max(job.first_event, rhythms.since) for job in jobs],
        [job.last_event for job in jobs],
        now,
    )
    return {job.job_id: silence for job, silence in zip(jobs, found, strict=True)}


def _row(job: Job, silence: Silence) -> SilenceRow:
    return SilenceRow(
        job_id=job.job_id,
        last_event=job.last_event,
        quiet_for=silence.quiet_for,
        expected_every=silence.expected_every,
        silent=silence.silent,
        since=silence.since,
    )
