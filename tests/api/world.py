"""A small tenant whose every event is known, and a clock that stands until it is told to move."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from service.records.importing import add_lines
from service.records.store import Store

NOW = datetime(2026, 11, 22, 13, 4, 10, tzinfo=UTC)
"""A Sunday."""

TENANT = "4d1c7a02-6f3e-4a55-9b1d-2c8e7f60a913"
GARDEN, ORCHARD, QUIET = "scim.garden.1", "Azure2Azure.orchard.2", "scim.quiet.3"
ODD = "odd job/?&+#%25'\"ü;=,"
"""A job ID is opaque: this one has whatever an address gives a meaning to."""

EVENT, SOURCE = "e0000000-0000-4000-8000-000000000001", "user-1"
"""The first event, and its source object."""

HOSTILE_APP = '=HYPERLINK("x"),\r\n"quoted"\\ & <b>\x07 #1 +100%'
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)")


def address(route: str) -> str:
    """An address of the route, about something that there is."""
    return route.format(job_id=GARDEN, event_id=EVENT, source_id=SOURCE)


class Clock:
    """Both clocks of the service; they go together."""

    def __init__(self, at: datetime = NOW) -> None:
        self._start = at
        self._passed = timedelta()

    def now(self) -> datetime:
        return self._start + self._passed

    def monotonic(self) -> float:
        return 1000 + self._passed.total_seconds()

    def advance(self, **passed: float) -> None:
        self._passed += timedelta(**passed)


def event(
    number: int,
    at: datetime,
    *,
    job: str = GARDEN,
    app: str = "Garden",
    action: str = "create",
    result: str = "success",
    code: str = "",
    description: str = "",
    source: str = "",
    kind: str = "User",
    steps: Sequence[dict[str, Any]] | None = None,
    cycle: str = "",
) -> bytes:
    """One diagnostic record, as a line; its number tells it from others."""
    key = f"{number:012d}"
    if steps is None:
        steps = [{"name": "EntryImport", "status": 0}, {"name": "EntryExportAdd", "status": 0}]
    return orjson.dumps(
        {
            "time": at.isoformat(),
            "resourceId": f"/tenants/{TENANT}/providers/Microsoft.aadiam",
            "category": "ProvisioningLogs",
            "operationName": "Provisioning activity",
            "resultType": result.capitalize(),
            "resultSignature": code,
            "resultDescription": description,
            "correlationId": f"c0000000-0000-4000-8000-{key}",
            "identity": f"e0000000-0000-4000-8000-{key}",
            "properties": {
                "id": f"e0000000-0000-4000-8000-{key}",
                "activityDateTime": at.isoformat(),
                "jobId": job,
                "cycleId": cycle or f"{job}-{at:%Y%m%d%H}",
                "changeId": f"c0000000-0000-4000-8000-{key}",
                "provisioningAction": action,
                "servicePrincipal": {"Id": f"app-of-{job}", "Name": app},
                "sourceSystem": {"Id": "s", "Name": "Microsoft Entra ID"},
                "targetSystem": {"Id": "t", "Name": app},
                "sourceIdentity": {
                    "Id": source or f"user-{number}",
                    "Name": f"Person {number}",
                    "identityType": kind,
                    "details": {"UserPrincipalName": f"person{number}@garden.example"},
                },
                "targetIdentity": {"Id": "", "Name": "", "identityType": kind},
                "provisioningStatusInfo": {"Status": result},
                "provisioningSteps": list(steps),
                "durationInMilliseconds": 120,
            },
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )


def unresolved(member: str, group: str) -> list[dict[str, Any]]:
    """The steps of an event in which a group lost a member."""
    return [
        {"name": "EntryImport", "status": 0},
        {
            "name": "ReferenceResolution",
            "status": 2,
            "description": f"We were unable to assign {member} as the members of {group}. Gone.",
            "details": {"SkipReason": "UnableToResolveReferenceAttributeValue"},
        },
    ]


def tenant() -> Iterator[bytes]:
    """All events, in any order.

    In the 24 h before `NOW`: Garden has 24 creates, 12 updates, 6 failures of two codes and one
    failure of each of fifteen codes more; the odd job has four failures whose texts look like
    formulas; Orchard has 3 skipped deletes and 30 members that a group lacks. The quiet job's only
    event is 20 days old. Garden has 10 creates on each of the 29 days before, and 100 on the day
    five days ago.
    """
    number = 0

    def counted() -> int:
        nonlocal number
        number += 1
        return number

    hour = NOW.replace(minute=0, second=0, microsecond=0)
    for back in range(24):
        yield event(counted(), hour - timedelta(hours=back) + timedelta(minutes=2))
    for back in range(12):
        at = hour - timedelta(hours=back) + timedelta(minutes=3)
        yield event(counted(), at, action="Update", kind="Group")
    for back in range(6):
        at = hour - timedelta(hours=back + 1)
        code = "DuplicateTargetEntries" if back < 4 else "GardenGateLocked"
        yield event(counted(), at, result="failure", code=code, source="shared" if back < 2 else "")
    for extra in range(15):
        at = hour - timedelta(hours=2, minutes=extra)
        yield event(counted(), at, action="update", result="failure", code=f"Garden{extra:02d}")
    for text in FORMULAS:
        at = hour - timedelta(hours=3)
        yield event(
            counted(), at, job=ODD, app=HOSTILE_APP, result="failure", code=text, description=text
        )
    for back in range(3):
        yield event(
            counted(),
            hour - timedelta(hours=5 * back + 1, minutes=5),
            job=ORCHARD,
            app="Orchard",
            action="delete",
            result="skipped",
            code="RedundantExport",
        )
    for member in range(30):
        yield event(
            counted(),
            hour - timedelta(hours=1, minutes=member),
            job=ORCHARD,
            app="Orchard",
            action="other",
            result="warning",
            kind="Group",
            source="group-1",
            steps=unresolved(f"member-{member:02d}", "Pickers"),
        )
    yield event(counted(), NOW - timedelta(days=20), job=QUIET, app="Quiet")
    midnight = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
    for day in range(2, 31):
        for _ in range(100 if day == 5 else 10):
            yield event(counted(), midnight - timedelta(days=day) + timedelta(hours=9))


def made_store(path: Path, events: Iterator[bytes]) -> Path:
    """A store at this path that holds the events."""
    with Store.create_or_open(path, lambda: NOW) as store:
        add_lines(events, store)
    return path


def grown(store: Path, path: Path, events: Iterable[bytes], arrived: datetime) -> Path:
    """A copy at this path of the store, with events that arrived later."""
    shutil.copy(store, path)
    with Store.create_or_open(path, lambda: arrived) as writing:
        add_lines(events, writing)
    return path
