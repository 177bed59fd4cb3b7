"""The records of the whole fleet, oldest first, made while they are read.

Each job is a stream of its own, with its own randomness, in the order of time; the fleet is their
merge. So memory holds one event per job, however long the history is.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from service.records.demo.chance import guid, guid_of, stream_of
from service.records.demo.changes import Change, Crowd, usual_changes
from service.records.demo.modifications import modifications
from service.records.demo.plan import Plan, plans
from service.records.demo.rhythm import EPOCH, HOUR, TICKS, hour_of_week
from service.records.demo.story import story
from service.records.demo.tenant import (
    Family,
    Fields,
    Job,
    fleet,
    groups,
    json_text,
    people,
    tenant_id,
)

_MINUTE = 60 * TICKS

# The gaps between a cycle's events are up to twice the mean, so a cycle may last twice this long.
_CYCLE = 4 * _MINUTE
_PER_EVENT = 2 * TICKS

# Of the members that a job can't resolve, this many are tried at a time, and the first of them
# gives way to the next after each turn: so one member is tried for nine days.
_STUCK, _TRIED, _TURN = 15, 3, 3 * 24 * HOUR

# While a disturbance replaces a job's events, a few changes still get through.
_REPLACED = 0.95


def demo_records(
    *,
    jobs: int = 12,
    days: int = 35,
    events_per_day: int = 2000,
    seed: int = 1,
    end: datetime,
) -> Iterator[bytes]:
    """Diagnostic records as JSON lines of about 2 KB, oldest first, before `end`.

    The same arguments give the same bytes everywhere. `events_per_day` is the fleet's average;
    the number of records is within a few per cent of `days * events_per_day`. The three numbers
    are at least 1, and `end` has a zone, else `ValueError`.
    """
    if min(jobs, days, events_per_day) < 1:
        raise ValueError("jobs, days and events_per_day must be at least 1")
    if end.tzinfo is None:
        raise ValueError("end needs a time zone")
    tenant = fleet(jobs=jobs, seed=seed)
    told = story(jobs=jobs, days=days, seed=seed, end=end)
    world = _world(events_per_day, seed)
    streams = [
        _events(plan, world, seed)
        for plan in plans(tenant, told, days=days, events_per_day=events_per_day, end=end)
    ]
    return (line for _, line in heapq.merge(*streams))


@dataclass(frozen=True)
class _World:
    """What all jobs share: whom changes happen to, and what they are. Values fill slots."""

    crowds: dict[Crowd, list[Fields]]
    modifications: list[Fields]
    usual: dict[Family, list[Change]]


def _world(events_per_day: int, seed: int) -> _World:
    staff = people(min(max(events_per_day // 3, 300), 20_000), seed)
    tenth = len(staff) // 10
    families: tuple[Family, ...] = ("scim", "cross-tenant", "hr", "cloud-sync")
    return _World(
        crowds={
            "staff": staff,
            "newcomers": staff[-tenth:],
            "leavers": staff[-2 * tenth : -tenth],
            "groups": groups(seed),
        },
        modifications=modifications(seed),
        usual={family: _drawer(usual_changes(family)) for family in families},
    )


def _drawer(changes: Sequence[Change]) -> list[Change]:
    """Each change as often as its thousandths say: drawing is one look-up."""
    return [change for change in changes for _ in range(change.thousandths)]


def _events(plan: Plan, world: _World, seed: int) -> Iterator[tuple[int, bytes]]:
    """One job's records with their time in ticks, in the order of time."""
    random = stream_of(seed, "events", plan.job.id)
    draw = random.random
    crowds = {**world.crowds, "stuck members": _stuck_members(world, random)}
    fields = _job_fields(plan.job, seed)
    usual, modified = world.usual[plan.job.family], world.modifications
    clock = _Clock()
    for started, drawers in _cycles(plan, usual, random):
        fields[b"cycle"] = guid(random).encode()
        pace = 2 * min(_CYCLE // len(drawers), _PER_EVENT)
        at = started
        for drawer in drawers:
            at += int(draw() * pace)
            if at >= plan.end:
                return
            change = drawer[int(draw() * len(drawer))]
            crowd = crowds[change.crowd]
            if change.crowd == "stuck members":
                turn = at // _TURN + int(draw() * _TRIED)
                fields.update(crowd[turn % len(crowd)])
            else:
                fields.update(crowd[int(draw() * len(crowd))])
            if change.crowd == "groups":
                staff = crowds["staff"]
                fields[b"member"] = staff[int(draw() * len(staff))][b"entra"]
            fields.update(modified[int(draw() * len(modified))])
            slow = draw()
            fields[b"duration"] = b"%d" % (40 + 2500 * slow * slow * slow)
            ids = f"{random.getrandbits(256):064x}"
            fields[b"event"] = guid_of(ids[:32]).encode()
            fields[b"change"] = guid_of(ids[32:]).encode()
            fields[b"time"] = clock.text(at)
            yield at, change.line % fields


def _cycles(
    plan: Plan, usual: list[Change], random: Random
) -> Iterator[tuple[int, list[list[Change]]]]:
    """Each cycle that writes something: when it starts, and for each event what to draw from."""
    every = plan.job.minutes * _MINUTE
    disturbance = plan.disturbance
    disturbed = _drawer(disturbance.changes) if disturbance else []
    at = plan.start + int(random.random() * every)
    while at < plan.end:
        mean = plan.hourly[hour_of_week(at)] * every / HOUR
        count = int(mean * (0.6 + 0.8 * random.random()) + random.random())
        drawers = [usual] * count
        if disturbance and disturbance.start <= at < disturbance.end:
            share = every / (disturbance.end - disturbance.start)
            more = int(disturbance.extra * share + random.random())
            apart = _REPLACED if disturbance.replacing else more / max(1, count + more)
            drawers = [disturbed if random.random() < apart else usual for _ in range(count + more)]
        if drawers:
            yield at, drawers
        at += int(every * (0.95 + 0.1 * random.random()))


class _Clock:
    """Ticks as text with seven digits after the second; remembers the minute it was last in."""

    def __init__(self) -> None:
        self._minute = -1
        self._text = b""

    def text(self, ticks: int) -> bytes:
        minute, rest = divmod(ticks, _MINUTE)
        if minute != self._minute:
            self._minute = minute
            instant = EPOCH + timedelta(minutes=minute)
            self._text = instant.isoformat()[: len("2026-11-22T13:04:")].encode()
        return b"%b%02d.%07dZ" % (self._text, rest // TICKS, rest % TICKS)


def _stuck_members(world: _World, random: Random) -> list[Fields]:
    teams, staff = world.crowds["groups"], world.crowds["staff"]
    first = int(random.random() * len(teams))
    return [
        {
            **teams[(first + index) % len(teams)],
            b"member": staff[int(random.random() * len(staff))][b"entra"],
        }
        for index in range(_STUCK)
    ]


_ENTRA = "Azure Active Directory"


def _job_fields(job: Job, seed: int) -> Fields:
    random = stream_of(seed, "systems", job.id)
    ends: dict[Family, tuple[str, str]] = {
        "scim": (_ENTRA, job.app),
        "cross-tenant": (_ENTRA, f"{_ENTRA} ({job.app})"),
        "hr": (job.app, _ENTRA),
        "cloud-sync": ("Active Directory", _ENTRA),
    }
    source, target = ends[job.family]
    texts = {
        b"tenant": tenant_id(seed),
        b"job": job.id,
        b"app": job.app,
        b"app_id": job.app_id,
        b"principal": job.principal_id,
        b"prefix": job.code_prefix,
        b"slug": job.code_prefix.lower()[:8],
        b"source": source,
        b"target": target,
        b"source_system": guid(random),
        b"target_system": guid(random),
    }
    return {slot: json_text(value) for slot, value in texts.items()}
