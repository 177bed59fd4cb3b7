"""Which members are missing from which groups, because their reference could not be resolved?

Microsoft's own query reads the third step only; which step tells of it varies, so every step is
read. The group is the event's source object; where the source is not a group, it is the one that
the step's text names.
"""

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
from service.insights.question import Question
from service.kql.template import Template
from service.table import TableSchema

UNRESOLVED = "UnableToResolveReferenceAttributeValue"

# The substring test comes first, because it is many times cheaper than taking JSON apart. Events
# are made distinct before attempts are counted: two steps of one event are one attempt.
_SKIPPED_MEMBERS = Template("""
{events:query}
| where ProvisioningSteps contains_cs "unable to assign "
| mv-expand Step = parse_json(ProvisioningSteps)
| extend Text = tostring(Step.description), CapitalText = tostring(Step.Description)
| extend Text = iff(Text == "", CapitalText, Text)
| where Text contains_cs "unable to assign "
| extend MemberId = extract("unable to assign (.+?) as the members? of ", 1, Text)
| where MemberId != ""
| extend Reason = extract("Unable[A-Za-z]+", 0, tostring(Step.details))
| extend InText = extract(" as the members? of (.+?)([.] |[.]$|$)", 1, Text)
| extend IsGroup = IdentityType !~ "user" and SourceId != ""
| extend GroupId = iff(IsGroup, SourceId, ""), GroupName = iff(IsGroup, SourceName, InText)
| extend GroupName = iff(GroupName == "", InText, GroupName)
| extend GroupKey = iff(GroupId == "", GroupName, GroupId)
| summarize GroupName = max(GroupName), Reason = max(Reason)
    by JobId, GroupKey, GroupId, MemberId, Id, ChangeId, TimeGenerated
| extend Stamp = tostring(TimeGenerated)
| summarize Attempts = count(), FirstSeen = min(TimeGenerated), LastSeen = max(TimeGenerated),
    LatestId = max(strcat(Stamp, " ", Id)),
    LatestName = max(strcat(Stamp, " ", GroupName)), Reason = max(Reason)
    by JobId, GroupKey, GroupId, MemberId
| project-away GroupKey
""")

_ORDER = ("-LastSeen", "JobId", "GroupId", "MemberId", "LatestName")


@dataclass(frozen=True)
class Group:
    """A group by its ID and its name in the source system."""

    id: str
    name: str


@dataclass(frozen=True)
class SkippedMember:
    """One member that one group lacks; `event_id` is the newest attempt's."""

    group: Group
    member_id: str
    reason: str
    attempts: int
    first_seen: datetime
    last_seen: datetime
    event_id: str


class SkippedMembers(Insight[NoOptions, SkippedMember]):
    name = "skipped-members"
    title = "Group members that could not be resolved"
    default_window = timedelta(days=10)
    columns = ("ProvisioningSteps", "Source")
    row = SkippedMember
    options = NoOptions

    def queries(
        self, question: Question, options: NoOptions, schema: TableSchema
    ) -> Sequence[Query]:
        kql = _SKIPPED_MEMBERS.fill(events=events(question, schema, self.columns))
        return [Query(kql, span(question), partial(FleetTable.read, order=_ORDER))]

    def answer(
        self, context: Context, options: NoOptions, *counted: Any
    ) -> Sequence[tuple[Job, SkippedMember]]:
        fleet: FleetTable = counted[0]
        return fleet.chosen(context).rows(context, _member)


def _member(record: dict[str, Any]) -> SkippedMember:
    return SkippedMember(
        group=Group(record["GroupId"], record["LatestName"].partition(" ")[2]),
        member_id=record["MemberId"],
        reason=record["Reason"] or UNRESOLVED,
        attempts=record["Attempts"],
        first_seen=record["FirstSeen"],
        last_seen=record["LastSeen"],
        event_id=record["LatestId"].partition(" ")[2],
    )
