"""The metrics that are cut from activity: jobs, events, failures, spikes, silence."""

from __future__ import annotations

import operator
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from service.insights.activity.arrivals import Outcome, known_outcomes
from service.insights.activity.keeper import Activity
from service.insights.directory import Job
from service.insights.latest_spikes import LatestSpike, latest_spikes
from service.insights.rhythm import Silence
from service.insights.silence import rhythm_query, silences_of
from service.insights.spikes import Spikes
from service.insights.window_counts import WindowCounts, window_counts
from service.metrics.family import OTHER, PREFIX, Family, Values, add, by_size
from service.times import BINS


@dataclass(frozen=True)
class Choices:
    """`windows` by the name that their label has; `delay` is how late events may be, so that
    windows end that much earlier."""

    windows: Mapping[str, timedelta]
    delay: timedelta
    top_errors: int


@dataclass(frozen=True)
class Snapshot:
    """What is shown of activity until the next refresh, as the workspace was at `as_of`.

    `outcomes` are those that each job is known by, `totals` the arrivals since the process began.
    What is not loaded far enough back is missing: windows, `spikes`, `silences`.
    """

    as_of: datetime
    jobs: Mapping[str, Job]
    counts: WindowCounts
    outcomes: Iterable[Outcome]
    totals: Mapping[Outcome, int]
    spikes: Iterable[LatestSpike] = ()
    silences: Mapping[str, Silence] | None = None

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        """Events of each job, over all windows."""
        sizes: Counter[str] = Counter()
        for (_, job_id, _, _), count in self.counts.events.items():
            sizes[job_id] += count
        return sizes


def snapshot(activity: Activity, looked: datetime, now: datetime, choices: Choices) -> Snapshot:
    """Cuts what is shown; takes up to a second for a large fleet, so call it in a thread."""
    # Windows that moved on without new counts would shrink without anything having stopped.
    at = min(now, looked)
    end = at - choices.delay
    jobs = activity.directory().since(activity.horizon).jobs
    counted = {
        name: length
        for name, length in choices.windows.items()
        if activity.complete(BINS["5m"].floor(end) - length)
    }
    rhythms = rhythm_query(at)
    silences = None
    if activity.complete(rhythms.span.start):
        silences = silences_of(list(jobs.values()), rhythms.cut(activity), at)
    spikes: Iterable[LatestSpike] = ()
    if activity.complete(BINS["1d"].floor(at - Spikes.default_window)):
        spikes = latest_spikes(activity, at)
    return Snapshot(
        as_of=looked,
        jobs=jobs,
        counts=window_counts(activity, end, counted),
        outcomes=known_outcomes(activity.store),
        totals=activity.arrivals.totals,
        spikes=spikes,
        silences=silences,
    )


def families(shown: Snapshot, top_errors: int) -> Iterator[Family]:
    """All but the counter; names of jobs stand in `job_info` only, and nobody's ID in any label."""
    yield Family(
        f"{PREFIX}_job_info",
        "gauge",
        "A provisioning job's names, always 1; join it by job_id.",
        ("job_id", "app_id", "app_name", "source_system", "target_system"),
        {
            (job.job_id, job.app.id, job.app.name, job.source_system, job.target_system): 1
            for job in shown.jobs.values()
        },
        open=("job_id", "app_id", "app_name", "source_system", "target_system"),
    )
    yield Family(
        f"{PREFIX}_last_event_timestamp_seconds",
        "gauge",
        "When the job's newest event happened, in Unix time.",
        ("job_id",),
        {(job.job_id,): job.last_event.timestamp() for job in shown.jobs.values()},
    )
    yield Family(
        f"{PREFIX}_window_events",
        "gauge",
        "Events of the window that ended with the last whole five minutes.",
        ("job_id", "action", "result", "window"),
        {
            (job_id, action, result, window): count
            for (window, job_id, action, result), count in shown.counts.events.items()
        },
        fold=operator.add,
        as_of=shown.as_of,
    )
    yield _failures(shown, top_errors)
    yield from _spikes(shown)
    silences = shown.silences or {}
    yield Family(
        f"{PREFIX}_job_silent",
        "gauge",
        "Whether the job has been quiet for longer than its own rhythm explains: 1, or 0.",
        ("job_id",),
        {(job_id,): int(silence.silent) for job_id, silence in silences.items()},
        as_of=shown.as_of,
    )


def _failures(shown: Snapshot, top: int) -> Family:
    by_job: defaultdict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    for (window, job_id, error_code), count in shown.counts.failures.items():
        by_job[window, job_id].append((-count, error_code))
    samples: dict[Values, float] = {}
    folded = 0
    for (window, job_id), found in sorted(by_job.items()):
        found.sort()
        folded += len(found[top:])
        own = Counter({error_code: -count for count, error_code in found[:top]})
        # An application may have an error code of that name: one series must not appear twice.
        own[OTHER] -= sum(count for count, _ in found[top:])
        samples |= {(job_id, error_code, window): count for error_code, count in (+own).items()}
    return Family(
        f"{PREFIX}_window_failures",
        "gauge",
        "Failures of the window by error code: a job's most frequent ones, the rest as `other`.",
        ("job_id", "error_code", "window"),
        samples,
        open=("job_id", "error_code"),
        fold=operator.add,
        folded=folded,
        as_of=shown.as_of,
    )


def _spikes(shown: Snapshot) -> Iterator[Family]:
    spikes: dict[Values, float] = {}
    scores: dict[Values, float] = {}
    for latest in shown.spikes:
        values = (latest.job_id, latest.of, latest.name)
        spikes[values], scores[values] = int(latest.spike), latest.score
    for name, told, samples in (
        (
            "spike",
            "Whether today's events of this operation, action or result stand out: 1, or 0.",
            spikes,
        ),
        (
            "spike_score",
            "How many usual spreads today's events lie above what is usual; 0 within it.",
            scores,
        ),
    ):
        yield Family(
            f"{PREFIX}_{name}",
            "gauge",
            told,
            ("job_id", "of", "name"),
            samples,
            open=("job_id", "name"),
            as_of=shown.as_of,
        )


class EventsTotal:
    """The counter of arrivals.

    A job that was shown by itself once stays so, and one that is in `other` stays there: moving
    between them would make counters jump. The first to come are shown by themselves, of those that
    come at once the largest, as long as their series are within the limit. What a job begins to do
    later stays with it, beyond the limit too.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._own: dict[str, bool] = {}

    def family(self, shown: Snapshot) -> Family:
        """Each job's actions begin at 0, with success and failure, so that no first event is lost
        to `increase()`."""
        totals: dict[Outcome, int] = {}
        for job_id, action, result in shown.outcomes:
            for beginning in ("success", "failure", result):
                totals[job_id, action, beginning] = 0
        totals.update(shown.totals)
        self._decide(totals, shown.sizes)
        samples: dict[Values, float] = {}
        folded = 0
        for outcome, total in totals.items():
            job_id, action, result = outcome
            if not self._own[job_id]:
                folded += 1
                add(samples, (OTHER, action, result), total, operator.add)
            elif job_id in shown.jobs:
                add(samples, outcome, total, operator.add)
        return Family(
            f"{PREFIX}_events",
            "counter",
            "Events since the service began, each counted once, whenever it arrived.",
            ("job_id", "action", "result"),
            samples,
            folded=folded,
        )

    def _decide(self, outcomes: Iterable[Outcome], sizes: Mapping[str, int]) -> None:
        """Whether jobs that are new are shown by themselves."""
        series = Counter(job_id for job_id, _, _ in outcomes)
        taken = sum(series[job_id] for job_id, own in self._own.items() if own)
        for job_id in sorted(series.keys() - self._own.keys(), key=by_size(sizes)):
            self._own[job_id] = taken + series[job_id] <= self._limit
            taken += series[job_id] * self._own[job_id]
