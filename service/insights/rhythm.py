"""Silence: whether a job has been quiet for longer than its own rhythm explains.

The rhythm is the share of weeks in which each hour of the week had events. From the last event on,
every hour that passes wholly without one makes the quiet less likely, by as much as that hour is
usually busy: a Sunday costs a weekday job nothing, an hour costs a 20-minute job nearly all. A job
is silent once so long a quiet would come about by chance less than once a year.

`docs/silence.md` says how it is reckoned and where it is weak.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

HOURS = 168
"""Hours of the week in UTC, Monday 00:00 to 01:00 being 0."""

ONCE_A_YEAR = 1 / 52
"""Quiets as long that chance may bring per week, before one is called silence."""

ENOUGH_HISTORY = timedelta(days=14)
"""From here on every hour of the week was seen twice, and the rhythm is trusted."""

STEADY_HISTORY = timedelta(days=2)
"""From here on a job that was busy nearly every hour is known to be one that never rests."""

SHORTEST = timedelta(hours=3)
"""Logs are minutes late as a rule, hours at times: nobody is silent before."""

LONGEST = timedelta(days=35)
"""Quiet for so long is silent, whatever the rhythm was."""

NEW_DAILY, NEW_RARE = timedelta(days=3), timedelta(days=8)
"""What another job without enough history may be quiet: a weekend and a day, or a week and one."""

_DAYS_OF_DAILY = 3
_STEADY = 0.8
"""Busy in this share of all hours, a job is taken for one that never rests."""

_DOUBT = 0.5
"""Quiet weeks that are added to those seen of an hour that nothing else speaks for."""

_ODD = 0.2
"""How likely an hour is unlike all its likes, before its weeks are looked at."""

_MOST = 0.98
"""No hour is surer than this, however often it was busy: an outage is no row of single chances."""

_HOUR = timedelta(hours=1)
_MONDAY = datetime(1, 1, 1, tzinfo=UTC)
_HORIZON = LONGEST // _HOUR


@dataclass(frozen=True)
class Silence:
    """One job's quiet at an instant.

    `since` is when the quiet became too long to be chance, None while it is not; the quiet itself
    began `quiet_for` ago. `expected_every` is the usual time from one busy hour to the next, in
    whole hours; None without enough history.
    """

    silent: bool
    since: datetime | None
    quiet_for: timedelta
    expected_every: timedelta | None


def assess(
    active: npt.NDArray[np.integer],
    observed_from: datetime,
    last_event: datetime,
    now: datetime,
    *,
    surprise: float = ONCE_A_YEAR,
) -> Silence:
    """Judge one job; see `assess_fleet`. `active` is (168,)."""
    return assess_fleet(active[None, :], [observed_from], [last_event], now, surprise=surprise)[0]


def assess_fleet(
    active: npt.NDArray[np.integer],
    observed_from: Sequence[datetime],
    last_event: Sequence[datetime],
    now: datetime,
    *,
    surprise: float = ONCE_A_YEAR,
) -> list[Silence]:
    """Judge each job by its own rhythm; a thousand take some 30 ms.

    `active` is (jobs, 168): in how many weeks each hour of the week had at least one event, counted
    from `observed_from`, the first instant whose events are known: the start of the history, or
    the job's first event if that is later. A last event in the future is taken as of now.

    `surprise` is how many quiets of that length chance may bring a week: smaller is later.
    """
    last = [min(event, now) for event in last_event]
    history = [end - start for start, end in zip(observed_from, last, strict=True)]
    first_hour, last_hour = _hours(observed_from), _hours(last)
    busy = active.astype(np.int64)
    weeks = np.maximum(_weeks(first_hour, last_hour), busy)
    share = busy / np.maximum(weeks, 1)
    at_large = busy.sum(axis=1) / np.maximum(weeks.sum(axis=1), 1)
    known = np.array([known >= ENOUGH_HISTORY for known in history], bool)
    steady = np.array([known >= STEADY_HISTORY for known in history], bool) & (at_large >= _STEADY)
    chances = np.where(known[:, None], _chances(busy, weeks), np.minimum(at_large, _MOST)[:, None])
    starts = np.where(known, share.sum(axis=1), at_large * HOURS)
    limits = _quiet_hours(chances, starts, last_hour, surprise)
    every = np.where(known, _expected_hours(share), 1.0)
    days_active = (busy.reshape(-1, 7, 24).sum(axis=2) > 0).sum(axis=1)
    verdicts = []
    for job, quiet_from in enumerate(last):
        expected = None
        if (known[job] or steady[job]) and np.isfinite(every[job]):
            expected = float(every[job]) * _HOUR
            passed = _MONDAY + int(last_hour[job] + 1 + limits[job]) * _HOUR
            since = max(passed, quiet_from + SHORTEST, quiet_from + expected)
            since = min(since, quiet_from + LONGEST)
        else:
            daily = days_active[job] >= _DAYS_OF_DAILY
            since = quiet_from + (NEW_DAILY if daily else NEW_RARE)
        silent = now >= since
        verdicts.append(Silence(silent, since if silent else None, now - quiet_from, expected))
    return verdicts


def _hours(instants: Sequence[datetime]) -> Ints:
    """Whole hours since a Monday long ago, so that modulo 168 is the hour of the week."""
    return np.array([(instant - _MONDAY) // _HOUR for instant in instants], np.int64)


def _weeks(first: Ints, last: Ints) -> Ints:
    """(jobs, 168): how often each hour of the week came by, both ends included.

    Only up to the last event: the quiet that is judged must not speak for itself.
    """
    whole, rest = np.divmod(np.maximum(last - first + 1, 0), HOURS)
    offset = (np.arange(HOURS) - first[:, None]) % HOURS
    return np.asarray(whole[:, None] + (offset < rest[:, None]))


def _chances(active: Ints, weeks: Ints) -> Floats:
    """(jobs, 168): the chance of each hour to be busy.

    A few weeks say little of one hour. So its own share is weighed against what its likes suggest:
    the same hour on the other days, the hours beside it, and the job's hours at large, each by how
    well it explains the weeks seen. Every hour of a steady job is then as sure as all of them, the
    one hour of a weekly job stands for itself, and an hour that was busy five times by luck is not
    taken for a sure one.
    """
    share = active / np.maximum(weeks, 1)
    by_day = share.reshape(-1, 7, 24)
    same_hour = ((by_day.sum(axis=1, keepdims=True) - by_day) / 6.0).reshape(share.shape)
    beside = (np.roll(share, 1, axis=1) + np.roll(share, -1, axis=1)) / 2.0
    quiet = weeks - active
    # The chance of the weeks seen, in their order, if any share is as likely as any other.
    log_factorial = np.cumsum(np.log(np.maximum(np.arange(weeks.max(initial=0) + 2), 1)))
    weight = _ODD * np.exp(log_factorial[active] + log_factorial[quiet] - log_factorial[weeks + 1])
    chance, total = weight * active / (weeks + _DOUBT), weight
    for likes in (same_hour, beside, share.mean(axis=1, keepdims=True)):
        weight = np.maximum(likes, 0.0) ** active * np.maximum(1.0 - likes, 0.0) ** quiet
        chance, total = chance + weight * likes, total + weight
    return np.asarray(np.minimum(chance / total, _MOST))


def _quiet_hours(chances: Floats, starts: Floats, last_hour: Ints, surprise: float) -> Ints:
    """(jobs,): whole hours after the last busy one until the quiet is too long to be chance.

    Chance has a try with every busy hour, so that a job busy 168 hours a week needs a less likely
    quiet than one busy in a single hour: `starts` is how many of them a week has.
    """
    slots = (last_hour[:, None] + 1 + np.arange(_HORIZON)) % HOURS
    quiet = np.cumsum(np.log1p(-np.take_along_axis(chances, slots, axis=1)), axis=1)
    likely = np.exp(quiet) * starts[:, None] > surprise
    return np.asarray(likely.sum(axis=1) + 1)


def _expected_hours(share: Floats) -> Floats:
    """(jobs,): the median time from a usual hour, busy in half of the weeks, to the next one.

    Without any usual hour, the mean time between busy hours; infinite without any busy hour.
    """
    usual = share >= 0.5
    place = np.where(np.hstack([usual, usual]), np.arange(2 * HOURS), 2 * HOURS)
    following = np.minimum.accumulate(place[:, ::-1], axis=1)[:, ::-1]
    gaps = np.where(usual, following[:, 1 : HOURS + 1] - np.arange(HOURS), 2 * HOURS)
    found = usual.sum(axis=1)
    middle = np.take_along_axis(np.sort(gaps, axis=1), np.maximum(found - 1, 0)[:, None] // 2, 1)
    total = share.sum(axis=1)
    mean = np.divide(HOURS, total, out=np.full(len(total), np.inf), where=total > 0)
    return np.where(found > 0, middle[:, 0], mean)
