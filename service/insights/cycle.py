"""One run of a job, read from a row that sums it up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from service.insights.question import ACTIONS
from service.kql.template import Template

SUM_UP = Template("""
summarize Started = min(TimeGenerated), Ended = max(TimeGenerated), Events = count(),
    Failures = countif(Result == "failure"), Skipped = countif(Result == "skipped"),
    create = countif(Action == "create"), update = countif(Action == "update"),
    delete = countif(Action == "delete"), disable = countif(Action == "disable"),
    stageddelete = countif(Action == "stageddelete"), other = countif(Action == "other")
    by JobId, CycleId
""")


@dataclass(frozen=True)
class Cycle:
    """One run of a job, as far as the window holds it; `duration` is from first to last event."""

    cycle_id: str
    started: datetime
    ended: datetime
    events: int
    failures: int
    skipped: int
    by_action: dict[str, int]
    duration: timedelta


def read_cycle(record: dict[str, Any]) -> Cycle:
    """A cycle from a row that `SUM_UP` made."""
    return Cycle(
        cycle_id=record["CycleId"],
        started=record["Started"],
        ended=record["Ended"],
        events=record["Events"],
        failures=record["Failures"],
        skipped=record["Skipped"],
        by_action={action: record[action] for action in ACTIONS if record[action]},
        duration=record["Ended"] - record["Started"],
    )
