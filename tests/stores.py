"""Small embedded stores of made-up events, through the real importers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, cast

import pytest

from service.cache.answers import AnswerCache, Policy
from service.insights.activity.counting import counted, counting_kql
from service.insights.activity.keeper import Activity
from service.insights.activity.store import ActivityStore, State
from service.insights.asking import Asking, Freshness, Table
from service.insights.directory import Job
from service.insights.insight import Insight, NoOptions
from service.insights.querying import Querying, QueryObserver
from service.insights.question import Filters, Question
from service.kql.template import Kql
from service.records.batch import table_of
from service.records.importing import add_lines
from service.records.shapes import row_of_record
from service.records.store import Store, open_for_reading
from service.table import COLUMNS, TableSchema
from service.times import BINS, Window, format_instant
from service.workspace.embedded import EmbeddedWorkspace
from service.workspace.embedded import workspace as embedded
from service.workspace.embedded.translation import translate
from service.workspace.protocol import Result, TimeSpan, Workspace

NOW = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
"""A Wednesday noon, at which all stores are asked unless a test says otherwise."""

EVER = TimeSpan(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
PATIENT = timedelta(seconds=60)
RETENTION = timedelta(days=3650)

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


def write_rows(path: Path, event: Event, *edited: dict[str, object]) -> Path:
    """A store of the event's row in these versions, as a workspace may hold them, whatever our
    importers would make of them."""
    with Store.create_or_open(path, lambda: NOW) as store:
        for number, values in enumerate(edited):
            row = row_of_record(event.record(number))
            named = dict(zip(COLUMNS, row, strict=False)) | values
            store.add([table_of([(*named.values(), *row[len(COLUMNS) :])])])
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


def activity_of(
    querying: Querying,
    *,
    now: Now = lambda: NOW,
    monotonic: Callable[[], float] = lambda: 0.0,
    retention: timedelta = RETENTION,
) -> Activity:
    """Activity that has counted nothing yet, in memory."""
    store = ActivityStore.open(None, querying.identity, memory_limit="64MB", threads=1)
    return Activity(
        store,
        querying,
        every=timedelta(minutes=1),
        retention=retention,
        now=now,
        monotonic=monotonic,
    )


def querying_of(
    workspace: Workspace, observe: QueryObserver = lambda insight, outcome, elapsed, rows: None
) -> Querying:
    return Querying(workspace, deadline=PATIENT, observe=observe)


async def load(activity: Activity, querying: Querying) -> None:
    """Counts everything, the past in one piece: many small queries would take their time."""
    past = counting_kql(EVER, await querying.schema())
    table = counted(await querying.query("activity", past, EVER))
    activity.store.replace(table, EVER, State(EVER.start, EVER.start))
    async for _ in activity.refresh():
        pass
    assert activity.loaded


def asking(querying: Querying, activity: Activity, *, now: Now = lambda: NOW) -> Asking:
    """The service's way to ask, with a cache of its own."""
    cache: AnswerCache[Table] = AnswerCache(
        max_bytes=1 << 20, policy=Policy(), now=now, monotonic=lambda: 0.0
    )
    return Asking(querying, activity, cache)


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


@dataclass(frozen=True)
class Answer:
    """An answer; only rows of packs may lack a job, and tests of packs know which do."""

    rows: Sequence[tuple[Job, Any]]
    freshness: Freshness


class Room:
    """A store and what can be asked of it."""

    def __init__(self, workspace: EmbeddedWorkspace, now: Now) -> None:
        self.workspace = workspace
        self.querying = querying_of(workspace)
        self.activity = activity_of(self.querying, now=now)
        self.asking = asking(self.querying, self.activity, now=now)

    async def load(self) -> None:
        """Lets activity count everything, once."""
        if self.activity.standing is None:
            await load(self.activity, self.querying)

    async def close(self) -> None:
        await self.workspace.close()
        self.activity.close()

    async def kql(self, text: str, span: TimeSpan = EVER) -> Result:
        return await self.workspace.query(Kql(text), span, deadline=PATIENT)

    async def answer(
        self, insight: Insight[Any, Any], asked: Question, options: Any = None
    ) -> Answer:
        await self.load()
        chosen = NoOptions() if options is None else options
        answered = await self.asking.ask(insight, asked, chosen)
        return Answer(cast("Sequence[tuple[Job, Any]]", answered.rows), answered.freshness)

    async def rows(
        self, insight: Insight[Any, Any], asked: Question, options: Any = None
    ) -> list[Any]:
        """The answer's rows without their jobs."""
        return [row for _, row in (await self.answer(insight, asked, options)).rows]


class MakeRoom(Protocol):
    """Takes what `open_workspace` takes."""

    def __call__(self, events: Iterable[Event], *, now: Now = ..., **settings: Any) -> Room: ...


@pytest.fixture(scope="session", autouse=True)
def _translated_once() -> Iterator[None]:
    """Many small stores are asked the same; most of the time would go into translating it again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded, "translate", lru_cache(4096)(translate))
        yield


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[MakeRoom]:
    """Makes rooms of events; they are closed after the test."""
    async with AsyncExitStack() as stack:
        made = 0

        def make(events: Iterable[Event], *, now: Now = lambda: NOW, **settings: Any) -> Room:
            nonlocal made
            made += 1
            path = write_store(tmp_path / f"events-{made}.duckdb", events)
            made_room = Room(open_workspace(path, now=now, **settings), now)
            stack.push_async_callback(made_room.close)
            return made_room

        yield make
