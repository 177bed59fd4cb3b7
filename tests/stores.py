"""Small embedded stores of made-up events, through the real importers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest

from service.cache.answers import AnswerCache, Policy
from service.insights.asking import Answered, Asking, Table
from service.insights.insight import Insight, NoOptions
from service.insights.question import Filters, Question
from service.kql.template import Kql
from service.records.importing import add_lines
from service.records.store import Store, open_for_reading
from service.table import TableSchema
from service.times import BINS, Window, format_instant
from service.workspace.embedded import EmbeddedWorkspace
from service.workspace.protocol import Result, TimeSpan

NOW = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
"""A Wednesday noon, at which all stores are asked unless a test says otherwise."""

EVER = TimeSpan(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
PATIENT = timedelta(seconds=60)

Now = Callable[[], datetime]


@dataclass(frozen=True)
class Step:
    """One step of an event."""

    name: str
    description: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Event:
    """What a test wants to say of one event; the rest is made up."""

    at: datetime
    id: str = ""
    job: str = "job-a"
    cycle: str = "cycle-a"
    app_id: str = "app-a"
    app: str = "Garden"
    action: str = "Update"
    result: str = "Success"
    envelope_result: str | None = None
    code: str = ""
    reason: str = ""
    source_id: str = "user-1"
    source_name: str = "Éva Fern"
    source_type: str = "User"
    steps: tuple[Step, ...] = (Step("EntryImport"), Step("EntryExportUpdate"))

    def record(self, number: int) -> dict[str, Any]:
        """The event as a diagnostic record; `number` makes it another one than its likes."""
        identifier = self.id or f"event-{number:04}"
        return {
            "time": format_instant(self.at),
            "category": "ProvisioningLogs",
            "resultType": self.envelope_result or self.result,
            "resultSignature": self.code,
            "resultDescription": self.reason,
            "durationMs": 100 + number,
            "properties": {
                "id": identifier,
                "activityDateTime": format_instant(self.at),
                "tenantId": "tenant-a",
                "jobId": self.job,
                "cycleId": self.cycle,
                "changeId": f"change-{identifier}",
                "action": self.action,
                "servicePrincipal": {"Id": self.app_id, "Name": self.app},
                "sourceSystem": {"Id": "system-s", "Name": "Microsoft Entra ID"},
                "targetSystem": {"Id": "system-t", "Name": "customappsso"},
                "sourceIdentity": {
                    "Id": self.source_id,
                    "Name": self.source_name,
                    "identityType": self.source_type,
                },
                "provisioningStatusInfo": {
                    "Status": self.result.lower(),
                    "errorInformation": {"errorCode": self.code, "reason": self.reason},
                },
                "provisioningSteps": [
                    {
                        "name": step.name,
                        "provisioningStepType": index,
                        "status": 0,
                        "description": step.description,
                        "details": step.details,
                    }
                    for index, step in enumerate(self.steps)
                ],
            },
        }


def write_store(path: Path, events: Iterable[Event], *, arrived: datetime = NOW) -> Path:
    """A store of these events, all taken at `arrived`."""
    lines = (
        json.dumps(event.record(number)).encode() + b"\n" for number, event in enumerate(events)
    )
    with Store.create_or_open(path, lambda: arrived) as store:
        add_lines(lines, store)
    return path


def open_workspace(
    path: Path,
    *,
    columns: Iterable[str] | None = None,
    now: Now = lambda: NOW,
    memory: str = "256MB",
    **settings: Any,
) -> EmbeddedWorkspace:
    """The workspace over a store; `columns` are those its table has, by default all."""
    schema = TableSchema() if columns is None else TableSchema(frozenset(columns))
    connection = open_for_reading(path, memory_limit=memory, threads=2)
    return EmbeddedWorkspace(connection, schema=schema, now=now, **settings)


def asking(workspace: EmbeddedWorkspace, *, now: Now = lambda: NOW) -> Asking:
    """The service's way to ask, with a cache of its own."""
    cache: AnswerCache[Table] = AnswerCache(
        max_bytes=1 << 20, policy=Policy(), now=now, monotonic=lambda: 0.0
    )
    return Asking(
        workspace,
        cache,
        retention=timedelta(days=3650),
        deadline=PATIENT,
        now=now,
        observe=lambda *_: None,
    )


def question(
    *,
    days: int = 1,
    bin_name: str = "1h",
    job: str | None = None,
    now: datetime = NOW,
    **chosen: Any,
) -> Question:
    """What is asked at `now` of the latest days, in whole bins; `chosen` are filters."""
    width = BINS[bin_name]
    window = Window(width.floor(now - timedelta(days=days)), width.ceil(now), width)
    filters = Filters(**{name: frozenset(values) for name, values in chosen.items()})
    return Question(window, now, filters, job)


class Room:
    """A store and what can be asked of it."""

    def __init__(self, workspace: EmbeddedWorkspace, now: Now) -> None:
        self.workspace = workspace
        self.asking = asking(workspace, now=now)

    async def kql(self, text: str, span: TimeSpan = EVER) -> Result:
        return await self.workspace.query(Kql(text), span, deadline=PATIENT)

    async def answer(
        self, insight: Insight[Any, Any], asked: Question, options: Any = None
    ) -> Answered[Any]:
        return await self.asking.ask(insight, asked, NoOptions() if options is None else options)

    async def rows(
        self, insight: Insight[Any, Any], asked: Question, options: Any = None
    ) -> list[Any]:
        """The answer's rows without their jobs."""
        return [row for _, row in (await self.answer(insight, asked, options)).rows]


class MakeRoom(Protocol):
    """Takes what `open_workspace` takes."""

    def __call__(self, events: Iterable[Event], *, now: Now = ..., **settings: Any) -> Room: ...


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[MakeRoom]:
    """Makes rooms of events; they are closed after the test."""
    async with AsyncExitStack() as stack:
        made = 0

        def make(events: Iterable[Event], *, now: Now = lambda: NOW, **settings: Any) -> Room:
            nonlocal made
            made += 1
            path = write_store(tmp_path / f"events-{made}.duckdb", events)
            workspace = open_workspace(path, now=now, **settings)
            stack.push_async_callback(workspace.close)
            return Room(workspace, now)

        yield make
