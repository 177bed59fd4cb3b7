"""How many events and failures do the latest windows hold? (What metrics show.)"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.insights.activity.cutting import cut
from service.insights.activity.keeper import Activity
from service.insights.question import Question
from service.times import BINS, Window


@dataclass(frozen=True)
class WindowCounts:
    """Events of the windows that end at `end`, the last whole five minutes that are over.

    `events` is by window, job ID, action and result; `failures` by window, job ID and error code.
    """

    end: datetime
    events: Mapping[tuple[str, str, str, str], int]
    failures: Mapping[tuple[str, str, str], int]


def window_counts(
    activity: Activity, now: datetime, windows: Mapping[str, timedelta]
) -> WindowCounts:
    """The counts of windows by name; takes milliseconds, so call it in a thread."""
    width = BINS["5m"]
    end = width.floor(now)
    events: Counter[tuple[str, str, str, str]] = Counter()
    failures: Counter[tuple[str, str, str]] = Counter()
    for name, length in windows.items():
        question = Question(Window(end - length, end, width), now)
        table = cut(activity, question, ("JobId", "Action", "Result", "ErrorCode"))
        for job_id, action, result, error_code, count in zip(
            *(column.to_pylist() for column in table.columns), strict=True
        ):
            events[name, job_id, action, result] += count
            if result == "failure":
                failures[name, job_id, error_code] += count
    return WindowCounts(end, events, failures)
