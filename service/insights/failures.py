"""Which errors make provisioning fail, how often, and for how many objects?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from service.insights.columns import events
from service.insights.directory import Job
from service.insights.fleet_table import FleetTable
from service.insights.insight import Context, Insight, NoOptions, Query, span
from service.insights.knowledge.lookup import error_knowledge
from service.insights.knowledge.tables import Category, Owner
from service.insights.question import Question
from service.kql.template import Template, pipe
from service.table import TableSchema

# The substring test comes first, because it is many times cheaper than taking JSON apart.
_MAY_BE_FAILURES = Template(
    'where ProvisioningStatusInfo contains "failure" or ResultType =~ "failure"'
)
# Counted per object first: a distinct count in one step is an estimate in Kusto.
_FAILURES = Template("""
{events:query}
| where Result == "failure"
| extend Stamp = tostring(TimeGenerated)
| summarize Events = count(), FirstSeen = min(TimeGenerated), LastSeen = max(TimeGenerated),
    Sample = max(strcat(Stamp, " ", ResultDescription))
    by JobId, ErrorCode, SourceId
| summarize Events = sum(Events), Identities = countif(SourceId != ""),
    FirstSeen = min(FirstSeen), LastSeen = max(LastSeen), Sample = max(Sample)
    by JobId, ErrorCode
""")

_ORDER = ("-Events", "JobId", "ErrorCode")


@dataclass(frozen=True)
class Knowledge:
    """What an error code means. `code` is the known one: connectors put their name in front.

    `retried_automatically` and `retry_minutes` are null where no public source says.
    """

    code: str
    category: Category
    meaning: str
    action: str
    owner: Owner
    retried_automatically: bool | None
    retry_minutes: int | None
    docs: str


@dataclass(frozen=True)
class Failure:
    """One error code: how often it came, for how many distinct objects, and what to do.

    `share` is of all failures in the answer. `sample_description` is the newest event's.
    """

    error_code: str
    events: int
    identities: int
    share: float
    first_seen: datetime
    last_seen: datetime
    sample_description: str
    knowledge: Knowledge | None


class Failures(Insight[NoOptions, Failure]):
    name = "failures"
    title = "Failures by error code"
    default_window = timedelta(hours=24)
    columns = ("Result", "ErrorCode", "Source", "ResultDescription")
    row = Failure
    options = NoOptions

    def queries(
        self, question: Question, options: NoOptions, schema: TableSchema
    ) -> Sequence[Query]:
        counted = pipe(events(question, schema, self.columns), _MAY_BE_FAILURES.fill())
        kql = _FAILURES.fill(events=counted)
        return [Query(kql, span(question), partial(FleetTable.read, order=_ORDER))]

    def answer(
        self, context: Context, options: NoOptions, *counted: Any
    ) -> Sequence[tuple[Job, Failure]]:
        fleet: FleetTable = counted[0]
        failures = fleet.chosen(context)
        return failures.rows(context, partial(_failure, total=failures.total("Events")))


def _failure(record: dict[str, Any], *, total: int) -> Failure:
    return Failure(
        error_code=record["ErrorCode"],
        events=record["Events"],
        identities=record["Identities"],
        share=record["Events"] / total,
        first_seen=record["FirstSeen"],
        last_seen=record["LastSeen"],
        sample_description=record["Sample"].partition(" ")[2],
        knowledge=knowledge(record["ErrorCode"]),
    )


def knowledge(error_code: str) -> Knowledge | None:
    """What is known of an error code, `None` for an unknown one."""
    found = error_knowledge(error_code)
    if found is None:
        return None
    return Knowledge(
        code=found.code,
        category=found.category,
        meaning=found.meaning,
        action=found.action,
        owner=found.owner,
        retried_automatically=found.retried_automatically,
        retry_minutes=found.retry_minutes,
        docs=found.docs,
    )
