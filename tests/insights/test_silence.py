"""Has a job been quiet for longer than its own rhythm explains?"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import numpy as np

from service.insights.rhythm import assess
from service.insights.silence import HISTORY, SilenceInsight, rhythm_query
from service.times import BINS
from tests.stores import NOW, Event, MakeRoom, question

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SILENCE = SilenceInsight()


async def test_rhythm_counts_busy_hours_of_the_week_from_monday(room: MakeRoom) -> None:
    times = [NOW - minutes * timedelta(minutes=97) for minutes in range(700)]
    since = BINS["1d"].floor(NOW) - HISTORY
    asked = room([Event(at) for at in times])
    await asked.load()
    rhythms = rhythm_query(NOW).cut(asked.activity)
    busy = {at.replace(minute=0) for at in times if at >= since}
    expected = Counter(at.weekday() * 24 + at.hour for at in busy)
    assert rhythms.since == since
    assert rhythms.active["job-a"].tolist() == [expected[hour] for hour in range(168)]


async def test_row_is_the_judgement_of_the_rhythm(room: MakeRoom) -> None:
    steady = [Event(NOW - 5 * HOUR - number * HOUR, job="steady") for number in range(600)]
    new = [Event(NOW - 5 * HOUR, job="new")]
    answered = await room(steady + new).answer(SILENCE, question())
    rows = {job.job_id: row for job, row in answered.rows}
    active = np.zeros(168, np.int64)
    for event in steady:
        active[event.at.weekday() * 24 + event.at.hour] += 1
    judged = assess(active, steady[-1].at, steady[0].at, NOW)
    row = rows["steady"]
    assert (row.silent, row.since, row.quiet_for, row.expected_every) == (
        judged.silent, judged.since, 5 * HOUR, HOUR,
    )  # fmt: skip
    assert row.silent
    assert row.last_event == NOW - 5 * HOUR
    assert (rows["new"].silent, rows["new"].since, rows["new"].expected_every) == (
        False, None, None,
    )  # fmt: skip


async def test_job_that_ended_before_the_history_is_silent_still(room: MakeRoom) -> None:
    (row,) = await room([Event(NOW - 200 * DAY)]).rows(SILENCE, question())
    assert (row.silent, row.quiet_for) == (True, 200 * DAY)


async def test_event_of_a_clock_ahead_is_no_quiet(room: MakeRoom) -> None:
    (row,) = await room([Event(NOW + 2 * HOUR)]).rows(SILENCE, question())
    assert (row.silent, row.quiet_for) == (False, timedelta(0))
