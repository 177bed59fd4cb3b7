"""The table's rows as insights read them: tolerant of how workspaces write them.

Keys inside JSON vary in case; the action stands in one of two columns; the envelope's result may
disagree with the inner status, which is right; ingestion transforms may have dropped columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from service.insights.question import ACTIONS, Filters, Question
from service.kql.template import Kql, Template, pipe
from service.table import TableSchema

_IN_WINDOW = Template("""
AADProvisioningLogs
| where TimeGenerated >= {start:datetime} and TimeGenerated < {end:datetime}
""")


_BIN = Template("extend Start = bin(TimeGenerated, {width:timespan})")
_DAY = Template("extend Start = startofday(TimeGenerated)")


@dataclass(frozen=True)
class _Made:
    """Columns made from columns of the table."""

    sources: tuple[str, ...]
    stage: Template


_MADE = {
    "Result": _Made(
        ("ProvisioningStatusInfo", "ResultType"),
        Template("""
extend Status = tostring(parse_json(ProvisioningStatusInfo).Status),
    LowerStatus = tostring(parse_json(ProvisioningStatusInfo).status)
| extend Status = iff(Status == "", LowerStatus, Status)
| extend Result = tolower(iff(Status == "", ResultType, Status))
"""),
    ),
    "ErrorCode": _Made(("ResultSignature",), Template("extend ErrorCode = ResultSignature")),
    "Operation": _Made(
        ("ProvisioningSteps",),
        Template("extend Operation = tostring(parse_json(ProvisioningSteps)[-1].name)"),
    ),
    "Source": _Made(
        ("SourceIdentity",),
        Template("""
extend SourceId = tostring(parse_json(SourceIdentity).Id),
    LowerId = tostring(parse_json(SourceIdentity).id),
    SourceName = tostring(parse_json(SourceIdentity).Name),
    DisplayName = tostring(parse_json(SourceIdentity).displayName),
    IdentityType = tostring(parse_json(SourceIdentity).identityType)
| extend SourceId = iff(SourceId == "", LowerId, SourceId),
    SourceName = iff(SourceName == "", DisplayName, SourceName)
"""),
    ),
    "Target": _Made(
        ("TargetIdentity",),
        Template("""
extend TargetId = tostring(parse_json(TargetIdentity).Id),
    LowerId = tostring(parse_json(TargetIdentity).id),
    TargetName = tostring(parse_json(TargetIdentity).Name),
    DisplayName = tostring(parse_json(TargetIdentity).displayName)
| extend TargetId = iff(TargetId == "", LowerId, TargetId),
    TargetName = iff(TargetName == "", DisplayName, TargetName)
"""),
    ),
    "App": _Made(
        ("ServicePrincipal",),
        Template("""
extend AppId = tostring(parse_json(ServicePrincipal).Id),
    LowerId = tostring(parse_json(ServicePrincipal).id),
    AppName = tostring(parse_json(ServicePrincipal).Name),
    DisplayName = tostring(parse_json(ServicePrincipal).displayName)
| extend AppId = iff(AppId == "", LowerId, AppId),
    AppName = iff(AppName == "", DisplayName, AppName)
"""),
    ),
    "Systems": _Made(
        ("SourceSystem", "TargetSystem"),
        Template("""
extend FromSystem = tostring(parse_json(SourceSystem).Name),
    FromDisplayName = tostring(parse_json(SourceSystem).displayName),
    ToSystem = tostring(parse_json(TargetSystem).Name),
    ToDisplayName = tostring(parse_json(TargetSystem).displayName)
| extend FromSystem = iff(FromSystem == "", FromDisplayName, FromSystem),
    ToSystem = iff(ToSystem == "", ToDisplayName, ToSystem)
"""),
    ),
}

_EITHER_ACTION = Template(
    'extend Action = tolower(iff(ProvisioningAction == "", Action, ProvisioningAction))'
)
_NEW_ACTION = Template("extend Action = tolower(ProvisioningAction)")
_OLD_ACTION = Template("extend Action = tolower(Action)")
_NO_ACTION = Template('extend Action = "other"')
_KNOWN_ACTION = Template('extend Action = iff(Action in {known:strings}, Action, "other")')

_ABSENT = {
    "CycleId": Template('extend CycleId = ""'),
    "DurationMs": Template("extend DurationMs = long(null)"),
    "InitiatedBy": Template('extend InitiatedBy = ""'),
    "ModifiedProperties": Template('extend ModifiedProperties = ""'),
    "ProvisioningStatusInfo": Template('extend ProvisioningStatusInfo = ""'),
    "ProvisioningSteps": Template('extend ProvisioningSteps = ""'),
    "ResultDescription": Template('extend ResultDescription = ""'),
    "ResultSignature": Template('extend ResultSignature = ""'),
    "ResultType": Template('extend ResultType = ""'),
    "ServicePrincipal": Template('extend ServicePrincipal = ""'),
    "SourceIdentity": Template('extend SourceIdentity = ""'),
    "SourceSystem": Template('extend SourceSystem = ""'),
    "TargetIdentity": Template('extend TargetIdentity = ""'),
    "TargetSystem": Template('extend TargetSystem = ""'),
}
"""What stands in for columns that a workspace has dropped."""


@dataclass(frozen=True)
class _Filter:
    values: Callable[[Filters], Iterable[str]]
    column: str
    stage: Template


_FILTERS = (
    _Filter(lambda f: f.actions, "Action", Template("where Action in {values:strings}")),
    _Filter(lambda f: f.results, "Result", Template("where Result in {values:strings}")),
    _Filter(lambda f: f.error_codes, "ErrorCode", Template("where ErrorCode in~ {values:strings}")),
    _Filter(
        lambda f: f.identity_types, "Source", Template("where IdentityType in~ {values:strings}")
    ),
    _Filter(lambda f: f.operations, "Operation", Template("where Operation in~ {values:strings}")),
)


def binned(bin_width: timedelta) -> Kql:
    """The stage that makes `Start`, the start of an event's bin."""
    # Days as `startofday`, which DuckDB takes from a date; bins of a week begin on Monday.
    return _DAY.fill() if bin_width == timedelta(days=1) else _BIN.fill(width=bin_width)


def events(question: Question, schema: TableSchema, columns: Iterable[str]) -> Kql:
    """The pipeline up to the window's events, filtered, with the wanted columns made.

    `columns` as for `normalised`. Which jobs are meant is no part of it: one query serves all jobs.
    """
    window, filters = question.window, question.filters
    active = [choice for choice in _FILTERS if choice.values(filters)]
    return pipe(
        _IN_WINDOW.fill(start=window.start, end=window.end),
        *normalised(schema, {*columns, *(choice.column for choice in active)}),
        *(choice.stage.fill(values=list(choice.values(filters))) for choice in active),
    )


def normalised(schema: TableSchema, columns: Iterable[str]) -> Iterator[Kql]:
    """The stages that make columns, whatever the workspace lacks.

    `columns` are those of the table that are read, and `Action`, `Result`, `ErrorCode`,
    `Operation`, `Source` (makes `SourceId`, `SourceName`, `IdentityType`), `Target` (`TargetId`,
    `TargetName`), `App` (`AppId`, `AppName`) and `Systems` (`FromSystem`, `ToSystem`).
    """
    wanted = set(columns)
    sources = set(_sources(wanted))
    for source, stand_in in _ABSENT.items():
        if source in sources and not schema.has(source):
            yield stand_in.fill()
    if "Action" in wanted:
        if action := _action(schema):
            yield action.fill()
            yield _KNOWN_ACTION.fill(known=ACTIONS)
        else:
            yield _NO_ACTION.fill()
    for name, made in _MADE.items():
        if name in wanted:
            yield made.stage.fill()


def columns_read(schema: TableSchema, columns: Iterable[str]) -> frozenset[str]:
    """Of the table's columns, those that are there and are read for `columns`, as `normalised`
    has them."""
    wanted = set(columns)
    sources = set(_sources(wanted))
    if "Action" in wanted:
        sources |= {"Action", "ProvisioningAction"}
    return schema.columns & sources


def missing_columns(question: Question, schema: TableSchema, columns: Iterable[str]) -> list[str]:
    """Columns of the table that the answer needs and the workspace lacks, by name."""
    needed = {*columns, *(c.column for c in _FILTERS if c.values(question.filters))}
    lacking = {source for source in _sources(needed) if not schema.has(source)}
    # Without it the envelope's result stands, which disagrees only rarely.
    lacking.discard("ProvisioningStatusInfo")
    if "Action" in needed and _action(schema) is None:
        lacking.add("ProvisioningAction")
    return sorted(lacking)


def _sources(columns: Iterable[str]) -> Iterator[str]:
    for column in columns:
        if column in _MADE:
            yield from _MADE[column].sources
        elif column != "Action":
            yield column


def _action(schema: TableSchema) -> Template | None:
    match schema.has("ProvisioningAction"), schema.has("Action"):
        case True, True:
            return _EITHER_ACTION
        case True, False:
            return _NEW_ACTION
        case False, True:
            return _OLD_ACTION
        case _:
            return None
