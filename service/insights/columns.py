"""The table's rows as insights read them: tolerant of how workspaces write them.

Keys inside JSON vary in case; the action stands in one of two columns; the envelope's result may
disagree with the inner status, which is right; ingestion transforms may have dropped columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from service.insights.question import ACTIONS, Filters, Question
from service.kql.template import Kql, Template, pipe
from service.table import TableSchema

_IN_WINDOW = Template("""
AADProvisioningLogs
| where TimeGenerated >= {start:datetime} and TimeGenerated < {end:datetime}
""")


@dataclass(frozen=True)
class _Made:
    """A column made from columns of the table; `without` stands in where those are missing."""

    stage: Template
    sources: tuple[str, ...]
    without: Template


_EITHER_ACTION = Template(
    'extend Action = tolower(iff(ProvisioningAction == "", Action, ProvisioningAction))'
)
_NEW_ACTION = Template("extend Action = tolower(ProvisioningAction)")
_OLD_ACTION = Template("extend Action = tolower(Action)")
_NO_ACTION = Template('extend Action = ""')
_KNOWN_ACTION = Template('extend Action = iff(Action in {known:strings}, Action, "other")')

_MADE = {
    "Result": _Made(
        Template("""
extend Status = tostring(parse_json(ProvisioningStatusInfo).Status),
    LowerStatus = tostring(parse_json(ProvisioningStatusInfo).status)
| extend Status = iff(Status == "", LowerStatus, Status)
| extend Result = tolower(iff(Status == "", ResultType, Status))
"""),
        ("ProvisioningStatusInfo",),
        Template("extend Result = tolower(ResultType)"),
    ),
    "ErrorCode": _Made(
        Template("extend ErrorCode = ResultSignature"),
        ("ResultSignature",),
        Template('extend ErrorCode = ""'),
    ),
    "Description": _Made(
        Template("extend Description = ResultDescription"),
        ("ResultDescription",),
        Template('extend Description = ""'),
    ),
    "Operation": _Made(
        Template("extend Operation = tostring(parse_json(ProvisioningSteps)[-1].name)"),
        ("ProvisioningSteps",),
        Template('extend Operation = ""'),
    ),
    "Source": _Made(
        Template("""
extend SourceId = tostring(parse_json(SourceIdentity).Id),
    LowerId = tostring(parse_json(SourceIdentity).id),
    SourceName = tostring(parse_json(SourceIdentity).Name),
    DisplayName = tostring(parse_json(SourceIdentity).displayName),
    IdentityType = tostring(parse_json(SourceIdentity).identityType)
| extend SourceId = iff(SourceId == "", LowerId, SourceId),
    SourceName = iff(SourceName == "", DisplayName, SourceName)
"""),
        ("SourceIdentity",),
        Template('extend SourceId = "", SourceName = "", IdentityType = ""'),
    ),
}


@dataclass(frozen=True)
class _Filter:
    values: Callable[[Filters], frozenset[str]]
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


def events(question: Question, schema: TableSchema, columns: Iterable[str]) -> Kql:
    """The pipeline up to the window's events, filtered, with the wanted columns made.

    `columns` are among `Action`, `Result`, `ErrorCode`, `Description`, `Operation` and `Source`
    (which makes `SourceId`, `SourceName` and `IdentityType`); the table's own are there in any
    case. Which jobs are meant is no part of it: one query serves all jobs.
    """
    window, filters = question.window, question.filters
    active = [choice for choice in _FILTERS if choice.values(filters)]
    needed = {*columns, *(choice.column for choice in active)}
    stages = [_IN_WINDOW.fill(start=window.start, end=window.end)]
    if "Action" in needed:
        stages += [_action(schema).fill(), _KNOWN_ACTION.fill(known=ACTIONS)]
    for name, made in _MADE.items():
        if name in needed:
            there = all(schema.has(source) for source in made.sources)
            stages.append((made.stage if there else made.without).fill())
    stages += [choice.stage.fill(values=choice.values(filters)) for choice in active]
    return pipe(*stages)


def missing_columns(question: Question, schema: TableSchema, columns: Iterable[str]) -> list[str]:
    """Columns of the table that the answer needs and the workspace lacks, in reading order.

    `columns` are those that `events` makes, and columns of the table that are read as they are.
    """
    needed = {*columns, *(c.column for c in _FILTERS if c.values(question.filters))}
    lacking = [
        source
        for name, made in _MADE.items()
        if name in needed and name != "Result"
        for source in made.sources
        if not schema.has(source)
    ]
    as_they_are = needed - {"Action"} - set(lacking)
    lacking += [name for name in schema.missing if name in as_they_are]
    if "Action" in needed and _action(schema) is _NO_ACTION:
        lacking.append("ProvisioningAction")
    return lacking


def _action(schema: TableSchema) -> Template:
    match schema.has("ProvisioningAction"), schema.has("Action"):
        case True, True:
            return _EITHER_ACTION
        case True, False:
            return _NEW_ACTION
        case False, True:
            return _OLD_ACTION
        case _:
            return _NO_ACTION
