"""How many events and failures do the latest windows hold? (What metrics show.)"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.insights.columns import events
from service.insights.insight import Query, span
from service.insights.question import Question
from service.kql.template import Template
from service.table import TableSchema
from service.times import BINS, Window
from service.workspace.protocol import Result

DAY, HOUR = timedelta(hours=24), timedelta(hours=1)

_COUNTS = Template("""
{events:query}
| summarize Day = count(), Hour = countif(TimeGenerated >= {recent:datetime})
    by JobId, Action, Result, ErrorCode
""")


@dataclass(frozen=True)
class WindowCounts:
    """Events of the windows that end at `end`, the last whole five minutes that are over.

    `events` is by window (`1h`, `24h`), job ID, action and result; `failures` by window, job ID and
    error code.
    """

    end: datetime
    events: Mapping[tuple[str, str, str, str], int]
    failures: Mapping[tuple[str, str, str], int]


def window_counts_query(now: datetime, schema: TableSchema) -> Query:
    """Counts both windows in one query, as `WindowCounts`."""
    width = BINS["5m"]
    end = width.floor(now)
    question = Question(Window(end - DAY, end, width), now)
    kql = _COUNTS.fill(
        events=events(question, schema, ("Action", "Result", "ErrorCode")), recent=end - HOUR
    )

    def read(result: Result) -> WindowCounts:
        counted: Counter[tuple[str, str, str, str]] = Counter()
        failures: Counter[tuple[str, str, str]] = Counter()
        for row in result.records():
            for window, column in (("1h", "Hour"), ("24h", "Day")):
                if row[column]:
                    counted[window, row["JobId"], row["Action"], row["Result"]] += row[column]
                    if row["Result"] == "failure":
                        failures[window, row["JobId"], row["ErrorCode"]] += row[column]
        return WindowCounts(end, counted, failures)

    return Query(kql, span(question), read)
