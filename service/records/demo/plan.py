"""How much each job writes and when, so that the fleet's total comes out as asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import fsum

from service.records.demo.changes import Change, deletions, refused_sign_ins, usual_changes
from service.records.demo.rhythm import WEEKS, hours_covered, ticks
from service.records.demo.story import Incident
from service.records.demo.tenant import Job

# An incident adds this many times the usual of a day, and no fewer than the least, so that it
# shows in a job that is hardly used; but never more than its part of the whole history.
_BURST_TIMES, _SPIKE_TIMES = 12, 14
_LEAST = 40
_LARGEST_PART = 1 / 8


@dataclass(frozen=True)
class Disturbance:
    """What an incident does to the cycles that begin from `start` to `end` (ticks).

    `extra` events are added in all; a `replacing` disturbance also takes nearly all others' place.
    """

    start: int
    end: int
    changes: tuple[Change, ...]
    extra: float
    replacing: bool


@dataclass(frozen=True)
class Plan:
    """One job from `start` to `end` (ticks): events per hour, by hour of the week."""

    job: Job
    start: int
    end: int
    hourly: tuple[float, ...]
    disturbance: Disturbance | None


def plans(
    jobs: list[Job],
    incidents: tuple[Incident, ...],
    *,
    days: int,
    events_per_day: int,
    end: datetime,
) -> list[Plan]:
    """A plan for each job; together they expect `days * events_per_day` events."""
    total = days * events_per_day
    start, stop = ticks(end - timedelta(days=days)), ticks(end)
    silences = {item.job.id: ticks(item.start) for item in incidents if item.kind == "silence"}
    ends = {job.id: silences.get(job.id, stop) for job in jobs}
    hours = {until: hours_covered(start, until) for until in set(ends.values())}
    weights = {
        job.id: job.share
        * fsum(a * b for a, b in zip(WEEKS[job.rhythm], hours[ends[job.id]], strict=True))
        for job in jobs
    }
    scale = total / fsum(weights.values())
    disturbances = {
        item.job.id: _disturbance(item, weights[item.job.id] * scale / days, total)
        for item in incidents
        if item.kind != "silence"
    }
    scale *= 1 - fsum(item.extra for item in disturbances.values()) / total
    return [
        Plan(
            job=job,
            start=start,
            end=ends[job.id],
            hourly=tuple(scale * job.share * weight for weight in WEEKS[job.rhythm]),
            disturbance=disturbances.get(job.id),
        )
        for job in jobs
    ]


def _disturbance(incident: Incident, daily: float, total: int) -> Disturbance:
    burst = incident.kind == "failure burst"
    usual = usual_changes(incident.job.family)
    alike = sum(
        change.thousandths
        for change in usual
        if (change.result == "Failure" if burst else change.action in ("Delete", "Disable"))
    )
    per_day = daily * alike / sum(change.thousandths for change in usual)
    wanted = per_day * (_BURST_TIMES if burst else _SPIKE_TIMES)
    return Disturbance(
        start=ticks(incident.start),
        end=ticks(incident.end),
        changes=(refused_sign_ins if burst else deletions)(incident.job.family),
        extra=min(max(wanted, _LEAST), total * _LARGEST_PART),
        replacing=burst,
    )
