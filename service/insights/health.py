"""A job's health in one word, with the reasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from service.insights.rhythm import Silence
from service.times import format_duration

Status = Literal["healthy", "degraded", "failing", "silent", "idle"]

MIN_FAILURES = 5
"""Fewer failures than this are everyday noise, whatever their share."""

DEGRADED_FROM = 0.1
FAILING_FROM = 0.4
"""Microsoft quarantines a job above 40 % failures, so from there on it is about to stop."""


@dataclass(frozen=True)
class Health:
    """`reasons` are sentences for a person; a healthy job has none.

    `silent` is the job's own rhythm broken, `failing` and `degraded` are by the share of failures
    among attempts (events without skips), `idle` is a job that had nothing to do.
    """

    status: Status
    reasons: list[str]


def assess_health(*, events: int, failures: int, skipped: int, silence: Silence) -> Health:
    """The worst that holds: silent, failing, degraded, idle, healthy."""
    reasons = []
    status: Status = "healthy" if events else "idle"
    attempts = events - skipped
    rate = failures / attempts if attempts else 0.0
    if failures >= MIN_FAILURES and rate >= DEGRADED_FROM:
        status = "failing" if rate >= FAILING_FROM else "degraded"
        reasons.append(f"{failures:,} of {attempts:,} attempts failed ({rate:.0%}).")
    if silence.silent:
        status = "silent"
        reasons.insert(
            0, f"No events for {format_duration(silence.quiet_for)}, against its rhythm."
        )
    elif not events:
        reasons.append("No events in this window.")
    return Health(status, reasons)
