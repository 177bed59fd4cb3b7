"""What happened, event by event?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from service.insights.columns import events
from service.insights.directory import App, Job
from service.insights.event import Event, read_event
from service.insights.insight import Context, Insight, Query, span
from service.insights.question import Question
from service.kql.template import Kql, Template, pipe
from service.table import TableSchema
from service.times import format_instant, parse_instant
from service.workspace.protocol import Result

_KEY = Template('extend Key = iff(Id == "", ChangeId, Id)')
_ONE_JOB = Template("where JobId == {job:string}")
_JOBS = Template("where JobId in~ {jobs:strings}")
_APPS = Template("where AppName in~ {apps:strings}")
_ONE_EVENT = Template("where Key == {event:string}")
_ONE_SOURCE = Template("where SourceId == {source:string}")
_FOUND = Template("""
extend SourceUpn = tostring(parse_json(SourceIdentity).details.UserPrincipalName),
    SourceLowerUpn = tostring(parse_json(SourceIdentity).details.userPrincipalName),
    TargetUpn = tostring(parse_json(TargetIdentity).details.UserPrincipalName),
    TargetLowerUpn = tostring(parse_json(TargetIdentity).details.userPrincipalName)
| where SourceId contains {q:string} or SourceName contains {q:string}
    or SourceUpn contains {q:string} or SourceLowerUpn contains {q:string}
    or TargetId contains {q:string} or TargetName contains {q:string}
    or TargetUpn contains {q:string} or TargetLowerUpn contains {q:string}
""")
# The greater of two texts, because Kusto has no order between texts, and DuckDB no `strcmp`.
_FROM = Template("""
where TimeGenerated <= {time:datetime}
| where TimeGenerated < {time:datetime} or max_of(Key, {key:string}) == Key
""")
# How far back a page reaches is found by times alone: to sort all events with everything they hold
# would take a hundred times the time, and more memory than there is.
# The steps tell apart events that share a time and, for want of an ID, a change.
_NEWEST = Template("""
let Oldest = toscalar(
{sought:query}
| top {rows:long} by TimeGenerated desc
| summarize min(TimeGenerated));
{shown:query}
| where TimeGenerated >= Oldest
| order by TimeGenerated desc, Key asc, ProvisioningSteps asc
| take {rows:long}
| project TimeGenerated, Key, JobId, CycleId, ChangeId, Action, Result, ErrorCode,
    ResultDescription, DurationMs, ServicePrincipal, SourceIdentity, TargetIdentity, InitiatedBy,
    ProvisioningSteps, ModifiedProperties
""")


@dataclass(frozen=True)
class Place:
    """Where a page of events begins: at the events of this time and key, less the first `after`."""

    time: datetime
    key: str
    after: int

    def __str__(self) -> str:
        return "\n".join([format_instant(self.time), str(self.after), self.key])

    @classmethod
    def parse(cls, text: str) -> Place:
        time, after, key = text.split("\n", 2)
        return cls(parse_instant(time), key, int(after))


@dataclass(frozen=True)
class EventOptions:
    """`q` finds an ID, UPN or display name of source or target; `source_id` is exactly one's ID,
    `event_id` exactly one event's."""

    q: str | None = None
    source_id: str | None = None
    event_id: str | None = None
    rows: int = 100
    begin: Place | None = None


class Events(Insight[EventOptions, Event]):
    name = "events"
    title = "Events, newest first"
    default_window = timedelta(hours=24)
    columns = (
        *("Action", "Result", "ErrorCode", "CycleId", "ResultDescription", "DurationMs"),
        *("ServicePrincipal", "SourceIdentity", "TargetIdentity", "InitiatedBy"),
        *("ProvisioningSteps", "ModifiedProperties"),
    )
    row = Event
    options = EventOptions

    @property
    def the_slice(self) -> Template | None:
        # The query names the jobs itself: all events of the fleet would be too many to keep.
        return None

    def queries(
        self, question: Question, options: EventOptions, schema: TableSchema
    ) -> Sequence[Query]:
        return [Query(_kql(question, options, schema), span(question), _read)]

    def answer(
        self, context: Context, options: EventOptions, *counted: Any
    ) -> Sequence[tuple[Job, Event]]:
        found: list[Event] = counted[0]
        jobs = context.directory.jobs
        skipped = options.begin.after if options.begin else 0
        # An event may be newer than the directory; its job is then known by the event alone.
        return [(jobs.get(event.job_id) or _job_of(event), event) for event in found[skipped:]]

    def begin(self, options: EventOptions, position: str | None, limit: int) -> EventOptions:
        return replace(options, rows=limit, begin=Place.parse(position) if position else None)

    def page(
        self,
        rows: Sequence[tuple[Job | None, Event]],
        options: EventOptions,
        position: str | None,
        limit: int,
    ) -> tuple[Sequence[tuple[Job | None, Event]], str | None]:
        shown = rows[:limit]
        return shown, str(_place_after(shown, options.begin)) if len(rows) > limit else None


class IdentityEvents(Events):
    name = "identity-events"
    title = "Events of one object, over all jobs"
    default_window = timedelta(days=30)


class OneEvent(Events):
    name = "event"
    title = "One event"
    shape = "object"


def _place_after(rows: Sequence[tuple[Job | None, Event]], begin: Place | None) -> Place:
    last = rows[-1][1]
    same = sum(1 for _, event in rows if (event.time, event.id) == (last.time, last.id))
    if begin and (begin.time, begin.key) == (last.time, last.id):
        same += begin.after
    return Place(last.time, last.id, same)


def _job_of(event: Event) -> Job:
    principal = event.service_principal
    return Job(event.job_id, App(principal.id, principal.name), "", "", event.time, event.time)


def _kql(question: Question, options: EventOptions, schema: TableSchema) -> Kql:
    sought = set[str]()
    if options.q or options.source_id is not None:
        sought |= {"Source", "Target"} if options.q else {"Source"}
    if question.filters.apps:
        sought.add("App")
    rows = options.rows + 1 + (options.begin.after if options.begin else 0)
    return _NEWEST.fill(
        sought=_matching(question, options, schema, sought),
        shown=_matching(question, options, schema, {*sought, *Events.columns}),
        rows=rows,
    )


def _matching(
    question: Question, options: EventOptions, schema: TableSchema, columns: set[str]
) -> Kql:
    filters, begin = question.filters, options.begin
    return pipe(
        events(question, schema, columns),
        _KEY.fill(),
        _ONE_JOB.fill(job=question.job_id) if question.job_id is not None else None,
        _JOBS.fill(jobs=filters.jobs) if filters.jobs else None,
        _APPS.fill(apps=filters.apps) if filters.apps else None,
        _ONE_EVENT.fill(event=options.event_id) if options.event_id is not None else None,
        _ONE_SOURCE.fill(source=options.source_id) if options.source_id is not None else None,
        _FOUND.fill(q=options.q) if options.q else None,
        _FROM.fill(time=begin.time, key=begin.key) if begin else None,
    )


def _read(result: Result) -> list[Event]:
    return [read_event(record) for record in result.records()]
