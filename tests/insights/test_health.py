"""A job's health in one word, with the reasons."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.insights.health import assess_health
from service.insights.rhythm import Silence

TALKING = Silence(False, None, timedelta(0), None)
SILENT = Silence(True, None, timedelta(hours=50), None)


@pytest.mark.parametrize(
    ("events", "failures", "skipped", "silence", "status"),
    [
        (100, 0, 0, TALKING, "healthy"),
        (4, 4, 0, TALKING, "healthy"),
        (100, 9, 0, TALKING, "healthy"),
        (100, 10, 0, TALKING, "degraded"),
        (100, 39, 0, TALKING, "degraded"),
        (100, 40, 0, TALKING, "failing"),
        (100, 10, 75, TALKING, "failing"),
        (100, 0, 100, TALKING, "healthy"),
        (0, 0, 0, TALKING, "idle"),
        (0, 0, 0, SILENT, "silent"),
        (100, 90, 0, SILENT, "silent"),
    ],
)
def test_worst_that_holds_is_told(
    events: int, failures: int, skipped: int, silence: Silence, status: str
) -> None:
    health = assess_health(events=events, failures=failures, skipped=skipped, silence=silence)
    assert health.status == status
    assert bool(health.reasons) is (status != "healthy")


def test_silent_job_tells_of_its_failures_too() -> None:
    health = assess_health(events=10, failures=9, skipped=0, silence=SILENT)
    assert health.reasons == [
        "No events for P2DT2H, against its rhythm.",
        "9 of 10 attempts failed (90%).",
    ]
