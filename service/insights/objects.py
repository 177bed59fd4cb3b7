"""How many distinct objects were synced, by type, and what came of them?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from service.insights.columns import events
from service.insights.directory import Job
from service.insights.fleet_table import FleetTable
from service.insights.insight import Context, Insight, NoOptions, Query, span
from service.insights.question import ACTIONS, RESULTS, Question
from service.kql.template import Template
from service.table import TableSchema

# First one row per object, with a mark for whatever happened to it, then the marks are added up.
# Types are told apart whatever their case, and shown as they came.
_OBJECTS = Template("""
{events:query}
| where SourceId != ""
| summarize Type = min(IdentityType),
    success = countif(Result == "success"), failure = countif(Result == "failure"),
    skipped = countif(Result == "skipped"), warning = countif(Result == "warning"),
    create = countif(Action == "create"), update = countif(Action == "update"),
    delete = countif(Action == "delete"), disable = countif(Action == "disable"),
    stageddelete = countif(Action == "stageddelete"), other = countif(Action == "other")
    by JobId, Folded = tolower(IdentityType), SourceId
| summarize IdentityType = min(Type), Identities = count(),
    success = countif(success > 0), failure = countif(failure > 0),
    skipped = countif(skipped > 0), warning = countif(warning > 0),
    create = countif(create > 0), update = countif(update > 0), delete = countif(delete > 0),
    disable = countif(disable > 0), stageddelete = countif(stageddelete > 0),
    other = countif(other > 0)
    by JobId, Folded
| project-away Folded
""")

_ORDER = ("-Identities", "JobId", "IdentityType")


@dataclass(frozen=True)
class ObjectCount:
    """Distinct source objects of one type. One object may count under several results and actions.

    Events that name no source object are left out.
    """

    identity_type: str
    identities: int
    by_result: dict[str, int]
    by_action: dict[str, int]


class Objects(Insight[NoOptions, ObjectCount]):
    name = "objects"
    title = "Distinct objects by type"
    default_window = timedelta(hours=24)
    columns = ("Action", "Result", "Source")
    row = ObjectCount
    options = NoOptions

    def queries(
        self, question: Question, options: NoOptions, schema: TableSchema
    ) -> Sequence[Query]:
        kql = _OBJECTS.fill(events=events(question, schema, self.columns))
        return [Query(kql, span(question), partial(FleetTable.read, order=_ORDER))]

    def answer(
        self, context: Context, options: NoOptions, *counted: Any
    ) -> Sequence[tuple[Job, ObjectCount]]:
        fleet: FleetTable = counted[0]
        return fleet.chosen(context).rows(context, _object_count)


def _object_count(record: dict[str, Any]) -> ObjectCount:
    return ObjectCount(
        identity_type=record["IdentityType"],
        identities=record["Identities"],
        by_result={result: record[result] for result in RESULTS if record[result]},
        by_action={action: record[action] for action in ACTIONS if record[action]},
    )
