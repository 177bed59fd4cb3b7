from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import pytest

from service.records.demo import Incident, demo_records, story

END = datetime(2026, 11, 22, 13, 4, 10, tzinfo=UTC)

Events = dict[str, list[tuple[datetime, dict[str, Any]]]]


def _by_job(*, jobs: int, days: int, events_per_day: int, seed: int) -> Events:
    found: Events = defaultdict(list)
    for line in demo_records(
        jobs=jobs, days=days, events_per_day=events_per_day, seed=seed, end=END
    ):
        record = orjson.loads(line)
        at = datetime.fromisoformat(record["time"][:26] + "+00:00")
        found[record["properties"]["jobId"]].append((at, record))
    return found


def _told(**arguments: int) -> dict[str, Incident]:
    return {incident.kind: incident for incident in story(**arguments, end=END)}


def _peak(days: Counter[date], length: int) -> tuple[date, float]:
    """The highest day, and how many times the mean of all the others it is."""
    (top, most), *others = days.most_common()
    usual = sum(count for _, count in others) / (length - 1)
    return top, most / max(usual, 0.1)


@pytest.mark.parametrize(
    ("seed", "jobs", "events_per_day"),
    [(1, 12, 2000), (99, 12, 2000), (4, 3, 300), (5, 100, 2000)],
)
def test_three_incidents_can_be_read_off_the_records(
    seed: int, jobs: int, events_per_day: int
) -> None:
    days = 14
    events = _by_job(jobs=jobs, days=days, events_per_day=events_per_day, seed=seed)
    told = _told(jobs=jobs, days=days, seed=seed)

    burst = told["failure burst"]
    failures = Counter(
        at.date() for at, record in events[burst.job.id] if record["resultType"] == "Failure"
    )
    top, times = _peak(failures, days)
    assert top in (burst.start.date(), burst.end.date())
    assert times >= 8

    spike = told["delete spike"]
    gone = Counter(
        at.date()
        for at, record in events[spike.job.id]
        if record["properties"]["action"] in ("Delete", "Disable")
    )
    top, times = _peak(gone, days)
    assert top == spike.start.date()
    assert times >= 8

    silence = told["silence"]
    last = events[silence.job.id][-1][0]
    assert timedelta() < silence.start - last < timedelta(hours=12)
    assert END - last > timedelta(days=2)


def test_nearly_everything_fails_while_the_credential_has_expired() -> None:
    events = _by_job(jobs=12, days=7, events_per_day=2000, seed=1)
    burst = _told(jobs=12, days=7, seed=1)["failure burst"]
    within = [
        record["resultSignature"]
        for at, record in events[burst.job.id]
        if burst.start + timedelta(minutes=10) <= at < burst.end
    ]
    code, count = Counter(within).most_common(1)[0]
    assert code.endswith("CredentialValidationFailure")
    assert count / len(within) > 0.8


def test_story_is_told_relative_to_the_end() -> None:
    told = _told(jobs=12, days=35, seed=1)
    assert timedelta(days=5.5) < END - told["delete spike"].start < timedelta(days=7)
    assert END - told["failure burst"].start == timedelta(days=3)
    assert END - told["silence"].start == timedelta(days=2)
    assert len({incident.job.id for incident in told.values()}) == 3


@pytest.mark.parametrize("days", [1, 2, 4, 8])
@pytest.mark.parametrize("hour", range(0, 24, 5))
def test_a_short_history_holds_the_whole_story(days: int, hour: int) -> None:
    end = END.replace(hour=hour)
    for incident in story(jobs=12, days=days, seed=1, end=end):
        assert end - timedelta(days=days) <= incident.start < incident.end <= end
        if incident.kind == "delete spike":
            assert incident.start.date() == incident.end.date()


def test_a_small_fleet_has_the_incidents_of_its_jobs() -> None:
    assert set(_told(jobs=1, days=35, seed=1)) == {"failure burst"}
    assert set(_told(jobs=2, days=35, seed=1)) == {"failure burst", "delete spike"}
