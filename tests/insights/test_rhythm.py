"""When a job counts as silent: by its own rhythm, not by a fixed limit."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from service.insights.rhythm import (
    HOURS,
    LONGEST,
    NEW_DAILY,
    NEW_RARE,
    SHORTEST,
    Silence,
    assess,
    assess_fleet,
)

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)


class History:
    """A job's events every 20 minutes wherever `runs` says so, for some weeks up to `last`."""

    def __init__(
        self, runs: Callable[[datetime], bool], last: datetime = MONDAY, weeks: float = 4
    ) -> None:
        step = timedelta(minutes=20)
        first = MONDAY - weeks * WEEK
        instants = [first + index * step for index in range(int((last - first) / step) + 1)]
        self.events = [instant for instant in instants if runs(instant)]
        hours = {(event - MONDAY) // HOUR for event in self.events}
        self.active = np.bincount([hour % HOURS for hour in hours], minlength=HOURS)
        self.observed_from = first

    def at(self, now: datetime) -> Silence:
        return assess(self.active, self.observed_from, self.events[-1], now)


def always(_: datetime) -> bool:
    return True


def in_office_hours(instant: datetime) -> bool:
    return instant.weekday() < 5 and 8 <= instant.hour < 18


def on_weekdays(instant: datetime) -> bool:
    return instant.weekday() < 5


def daily_at_two(instant: datetime) -> bool:
    return (instant.hour, instant.minute) == (2, 0)


def mondays_at_two(instant: datetime) -> bool:
    return instant.weekday() == 0 and daily_at_two(instant)


def test_weekday_job_is_not_silent_on_sunday_nor_early_on_monday() -> None:
    job = History(in_office_hours)
    assert not job.at(MONDAY - 12 * HOUR).silent
    assert not job.at(MONDAY + 7 * HOUR).silent


def test_weekday_job_is_silent_by_noon_of_a_monday_it_missed() -> None:
    assert History(in_office_hours).at(MONDAY + 12 * HOUR).silent


def test_round_the_clock_weekday_job_is_not_silent_when_the_week_begins() -> None:
    job = History(on_weekdays)
    assert not job.at(MONDAY + 30 * timedelta(minutes=1)).silent
    assert job.at(MONDAY + 8 * HOUR).silent


def test_twenty_minute_job_is_silent_after_hours_not_days() -> None:
    job = History(always)
    assert not job.at(MONDAY + 2 * HOUR).silent
    assert job.at(MONDAY + 6 * HOUR).silent


def test_daily_job_may_miss_one_night_and_is_silent_after_two() -> None:
    job = History(daily_at_two)
    last = MONDAY - 22 * HOUR
    assert not job.at(last + 1.5 * DAY).silent
    assert job.at(last + 2.5 * DAY).silent


def test_weekly_job_is_not_silent_before_it_missed_its_slot() -> None:
    job = History(mondays_at_two, last=MONDAY + 3 * HOUR)
    slot = MONDAY + 2 * HOUR
    assert not job.at(slot + WEEK - HOUR).silent
    assert not job.at(slot + WEEK + HOUR).silent
    assert job.at(slot + 2 * WEEK + 2 * HOUR).silent


def test_daily_job_around_the_full_hour_is_not_silent_for_its_jitter() -> None:
    random = np.random.default_rng(3)
    first = MONDAY - 4 * WEEK
    starts = [first + day * DAY + 2 * HOUR + random.normal(0, 20) * HOUR / 60 for day in range(28)]
    slots = [int((start - MONDAY) // HOUR % HOURS) for start in starts]
    active = np.bincount(slots, minlength=HOURS)
    late = assess(active, first, starts[-1], starts[-1] + DAY + HOUR)
    assert not late.silent
    assert assess(active, first, starts[-1], starts[-1] + 6 * DAY).silent


def test_clock_change_of_an_hour_does_not_silence_a_daily_job() -> None:
    change = MONDAY - 3 * DAY
    job = History(lambda instant: daily_at_two(instant + (HOUR if instant > change else 0 * HOUR)))
    assert not job.at(MONDAY + HOUR).silent


def test_irregular_job_is_seldom_called_silent_for_nothing() -> None:
    random = np.random.default_rng(5)
    weeks, jobs = 5, 60
    busy = random.random((jobs, HOURS * (weeks + 2))) < 0.3
    active = busy[:, : HOURS * weeks].reshape(jobs, weeks, HOURS).sum(axis=1)
    first = MONDAY - weeks * WEEK
    false = 0
    for job in range(jobs):
        hours = np.flatnonzero(busy[job])
        hours = hours[hours >= hours[hours < HOURS * weeks][-1]]
        for here, following in pairwise(hours):
            last = first + int(here) * HOUR
            false += assess(active[job], first, last, first + int(following) * HOUR).silent
    assert false * 26 / jobs < 5


def test_new_daily_job_is_judged_by_days_not_by_a_rhythm_nobody_knows() -> None:
    job = History(in_office_hours, weeks=1, last=MONDAY - 2 * DAY)
    last = job.events[-1]
    assert not job.at(MONDAY).silent
    assert job.at(last + NEW_DAILY).since == last + NEW_DAILY
    assert job.at(MONDAY).expected_every is None


def test_job_that_never_rested_is_silent_after_hours_though_it_is_new() -> None:
    for weeks in (3 / 7, 1, 2):
        job = History(always, weeks=weeks)
        assert not job.at(MONDAY + 2 * HOUR).silent
        assert job.at(MONDAY + 6 * HOUR).silent
        assert job.at(MONDAY).expected_every == HOUR


def test_job_that_missed_every_tenth_hour_is_given_longer_than_one_that_never_rested() -> None:
    missing = History(lambda instant: instant.hour % 10 != 5, weeks=5 / 7)
    assert not missing.at(MONDAY + 3 * HOUR).silent
    assert missing.at(MONDAY + 8 * HOUR).silent


def test_one_busy_day_does_not_make_a_job_that_never_rests() -> None:
    assert not History(always, weeks=1 / 7).at(MONDAY + 2 * DAY).silent


def test_new_job_seen_once_gets_a_week_for_its_second_run() -> None:
    job = History(mondays_at_two, weeks=1, last=MONDAY - 6 * DAY)
    assert not job.at(job.events[-1] + WEEK).silent
    assert job.at(job.events[-1] + NEW_RARE).silent


def test_job_quiet_for_years_is_silent_since_it_stopped() -> None:
    now = MONDAY + 1500 * DAY
    silence = History(always).at(now)
    assert silence.since is not None
    assert silence.since < MONDAY + DAY
    assert silence.quiet_for > 1500 * DAY - HOUR


def test_job_whose_last_event_is_older_than_the_history_is_silent() -> None:
    nothing = np.zeros(HOURS, np.int64)
    silence = assess(nothing, MONDAY - 5 * WEEK, MONDAY - 9 * WEEK, MONDAY)
    assert silence.silent
    assert silence.expected_every is None


def test_last_event_in_the_future_is_no_quiet_at_all() -> None:
    job = History(always)
    silence = assess(job.active, job.observed_from, MONDAY + 2 * DAY, MONDAY)
    assert silence == Silence(False, None, timedelta(0), HOUR)


def test_quiet_weeks_do_not_lower_what_is_expected() -> None:
    job = History(always)
    assert job.at(MONDAY + 3 * WEEK).since == job.at(MONDAY + DAY).since


def test_expected_every_is_the_usual_time_between_busy_hours() -> None:
    every = [
        History(runs).at(MONDAY).expected_every
        for runs in (always, in_office_hours, daily_at_two, mondays_at_two)
    ]
    assert every == [HOUR, HOUR, DAY, WEEK]


def test_expected_every_of_a_job_without_usual_hours_is_the_mean() -> None:
    active = np.zeros(HOURS, np.int64)
    active[[5, 40, 77, 130]] = 1
    silence = assess(active, MONDAY - 4 * WEEK, MONDAY - HOUR, MONDAY)
    assert silence.expected_every == WEEK


jobs = st.tuples(
    st.lists(st.integers(0, 6), min_size=HOURS, max_size=HOURS),
    st.integers(0, 60 * 24 * 40).map(lambda minutes: MONDAY - minutes * timedelta(minutes=1)),
    st.integers(-600, 60 * 24 * 20).map(lambda minutes: MONDAY + minutes * timedelta(minutes=1)),
)
quiets = st.integers(0, 60 * 24 * 60).map(lambda minutes: minutes * timedelta(minutes=1))


@settings(deadline=None)
@given(jobs, quiets, quiets)
def test_once_silent_a_job_stays_silent_since_the_same_instant(
    job: tuple[list[int], datetime, datetime], quiet: timedelta, more: timedelta
) -> None:
    active, observed_from, last = np.array(job[0]), job[1], job[2]
    earlier = assess(active, observed_from, last, last + quiet)
    later = assess(active, observed_from, last, last + quiet + more)
    assert later.silent >= earlier.silent
    assert later.expected_every == earlier.expected_every
    if earlier.silent:
        assert later.since == earlier.since


@settings(deadline=None)
@given(jobs, quiets)
def test_silence_begins_after_the_usual_gap_and_at_the_latest_after_the_longest(
    job: tuple[list[int], datetime, datetime], quiet: timedelta
) -> None:
    active, observed_from, last = np.array(job[0]), job[1], job[2]
    now = last + quiet
    silence = assess(active, observed_from, last, now)
    assert silence.quiet_for == quiet
    assert silence.silent == (silence.since is not None)
    if silence.since is not None:
        assert last + SHORTEST <= silence.since <= now
        if silence.expected_every is not None:
            assert silence.quiet_for >= min(silence.expected_every, LONGEST)
    else:
        assert quiet < LONGEST


@settings(deadline=None)
@given(jobs, quiets, st.floats(1e-9, 1.0), st.floats(0.0, 1.0))
def test_a_smaller_surprise_is_never_earlier(
    job: tuple[list[int], datetime, datetime], quiet: timedelta, surprise: float, share: float
) -> None:
    active, observed_from, last = np.array(job[0]), job[1], job[2]
    now = last + quiet
    usual = assess(active, observed_from, last, now, surprise=surprise)
    strict = assess(active, observed_from, last, now, surprise=surprise * share)
    assert usual.silent >= strict.silent


@settings(deadline=None, max_examples=20)
@given(st.lists(jobs, max_size=5))
def test_a_fleet_is_judged_as_each_job_alone(
    fleet: list[tuple[list[int], datetime, datetime]],
) -> None:
    active = np.array([job[0] for job in fleet]).reshape(-1, HOURS).astype(np.int64)
    observed_from, last = [job[1] for job in fleet], [job[2] for job in fleet]
    now = MONDAY + 25 * DAY
    alone = [assess(*job, now) for job in zip(active, observed_from, last, strict=True)]
    assert assess_fleet(active, observed_from, last, now) == alone
