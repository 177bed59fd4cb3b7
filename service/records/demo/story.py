"""The three things that go wrong in the tenant, at times that follow from its end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from service.records.demo.tenant import Job, fleet

Kind = Literal["failure burst", "delete spike", "silence"]

_BURST_AGO, _BURST_LASTS = timedelta(days=3), timedelta(hours=4)
_SPIKE_AGO, _SPIKE_LASTS = timedelta(days=6), timedelta(hours=3)
_SILENCE_AGO = timedelta(days=2)
# A cycle that starts at the end of an incident still writes for some minutes.
_CYCLE_TAIL = timedelta(minutes=30)


@dataclass(frozen=True)
class Incident:
    """What goes wrong in one job, from `start` until, and without, `end`.

    - failure burst: a credential has expired; nearly every change fails, again and again.
    - delete spike: a scope was cut by mistake; people are deleted, all within one UTC day.
    - silence: the job writes nothing any more, up to the end of the records.
    """

    kind: Kind
    job: Job
    start: datetime
    end: datetime


def story(*, jobs: int, days: int, seed: int, end: datetime) -> tuple[Incident, ...]:
    """The incidents of a tenant, oldest first; one for each of its first three jobs.

    The spike is about six days before the end, the burst three, the silence two; in a shorter
    history all of them move closer to the end, so that it holds them.
    """
    end = end.astimezone(UTC)
    history = timedelta(days=days)
    spike = end - min(_SPIKE_AGO, history * 0.8)
    midnight = spike.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    spike = min(spike, midnight - _SPIKE_LASTS - _CYCLE_TAIL)
    burst = end - min(_BURST_AGO, history * 0.55)
    silence = end - min(_SILENCE_AGO, history * 0.4)
    cast = fleet(jobs=min(jobs, 3), seed=seed)
    told: list[tuple[Kind, int, datetime, datetime]] = [
        ("delete spike", 1, spike, spike + _SPIKE_LASTS),
        ("failure burst", 0, burst, burst + _BURST_LASTS),
        ("silence", 2, silence, end),
    ]
    return tuple(
        Incident(kind, cast[index], start, stop)
        for kind, index, start, stop in told
        if index < len(cast)
    )
