"""Why were objects skipped, and does anybody have to act?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import orjson

from service.insights.columns import events
from service.insights.directory import Job
from service.insights.fleet_table import FleetTable
from service.insights.insight import Context, Insight, NoOptions, Query, span
from service.insights.knowledge.lookup import skip_knowledge
from service.insights.question import Question
from service.kql.template import Template
from service.table import TableSchema

# The reason stands in the details of one of the steps; taking it from the text is many times
# cheaper than taking the JSON of all steps apart. Where details are JSON held as text, its quotes
# are escaped; such a text may also stand in a description, so it comes second.
_REASON = r'(?i)"skipReason"\s*:\s*"((?:[^"\\]|\\.)+)"'
_ESCAPED_REASON = r'(?i)\\"skipReason\\"\s*:\s*\\"([^"\\]+)'
_SKIPS = Template("""
{events:query}
| where Result == "skipped"
| extend Plain = extract({reason:string}, 1, ProvisioningSteps),
    Escaped = extract({escaped:string}, 1, ProvisioningSteps)
| extend Reason = iff(Plain == "", Escaped, Plain)
| summarize Events = count() by JobId, Reason, SourceId
| summarize Events = sum(Events), Identities = countif(SourceId != "") by JobId, Reason
""")

_ORDER = ("-Events", "JobId", "Reason")


@dataclass(frozen=True)
class ReasonKnowledge:
    """What a skip reason means and what to do, if anything."""

    meaning: str
    action: str


@dataclass(frozen=True)
class Skip:
    """One reason: how often, and for how many distinct objects.

    `benign` is null where the reason is not known; `reason` is empty where an event gives none.
    """

    reason: str
    benign: bool | None
    events: int
    identities: int
    knowledge: ReasonKnowledge | None


class Skips(Insight[NoOptions, Skip]):
    name = "skips"
    title = "Skipped objects by reason"
    default_window = timedelta(hours=24)
    columns = ("Result", "Source", "ProvisioningSteps")
    row = Skip
    options = NoOptions

    def queries(
        self, question: Question, options: NoOptions, schema: TableSchema
    ) -> Sequence[Query]:
        counted = events(question, schema, self.columns)
        kql = _SKIPS.fill(events=counted, reason=_REASON, escaped=_ESCAPED_REASON)
        return [Query(kql, span(question), partial(FleetTable.read, order=_ORDER))]

    def answer(
        self, context: Context, options: NoOptions, *counted: Any
    ) -> Sequence[tuple[Job, Skip]]:
        fleet: FleetTable = counted[0]
        return fleet.chosen(context).rows(context, _skip)


def _skip(record: dict[str, Any]) -> Skip:
    reason = _unescaped(record["Reason"])
    known = skip_knowledge(reason)
    return Skip(
        reason=reason,
        benign=known.benign if known else None,
        events=record["Events"],
        identities=record["Identities"],
        knowledge=ReasonKnowledge(known.meaning, known.action) if known else None,
    )


def _unescaped(reason: str) -> str:
    """The text that stands between the quotes of a JSON string."""
    try:
        return str(orjson.loads(f'"{reason}"'))
    except orjson.JSONDecodeError:
        return reason
