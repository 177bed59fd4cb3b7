"""Which error codes are there at all, on failures or not?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from service.insights.directory import Job
from service.insights.insight import Context, FromActivity, Insight, NoOptions
from service.insights.jobs import COLUMNS, Count, counts_query
from service.insights.question import Question
from service.table import TableSchema


@dataclass(frozen=True)
class ErrorCount:
    """Events with one error code and result; the code is empty for events without one."""

    error_code: str
    result: str
    events: int


class Errors(Insight[NoOptions, ErrorCount]):
    name = "errors"
    title = "Events by error code and result"
    default_window = timedelta(hours=24)
    columns = COLUMNS
    row = ErrorCount
    options = NoOptions

    def queries(
        self, question: Question, options: NoOptions, schema: TableSchema
    ) -> Sequence[FromActivity]:
        return [counts_query(question, schema)]

    def answer(
        self, context: Context, options: NoOptions, *counted: Any
    ) -> Sequence[tuple[Job, ErrorCount]]:
        counts: Mapping[str, list[Count]] = counted[0]
        found = []
        for job in context.jobs():
            totals: Counter[tuple[str, str]] = Counter()
            for count in counts.get(job.job_id, ()):
                totals[count.error_code, count.result] += count.events
            found += [(job, ErrorCount(*names, events)) for names, events in totals.items()]
        found.sort(
            key=lambda item: (-item[1].events, item[0].job_id, item[1].error_code, item[1].result)
        )
        return found
