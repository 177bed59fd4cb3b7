"""The chart of an insight whose rows are series."""

from __future__ import annotations

from typing import Any

from service.charts.content import Chart, ChartSeries
from service.insights.asking import Answered
from service.insights.directory import Job
from service.insights.insight import Insight
from service.insights.question import Question

_EVENTS_PER = {
    "5m": "events per 5 minutes",
    "15m": "events per 15 minutes",
    "1h": "events per hour",
    "6h": "events per 6 hours",
    "1d": "events per day",
    "7d": "events per week",
}


def series_chart(insight: Insight[Any, Any], question: Question, answered: Answered[Any]) -> Chart:
    """All series of the answer, whatever the page, as counts per bin."""
    rows = answered.rows
    one_job = question.job_id is not None
    job = rows[0][0] if one_job and rows else None
    subject = job.app.name if job else question.job_id or "all jobs"
    freshness = answered.freshness
    note = None
    if not freshness.complete:
        note = f"Incomplete: {freshness.reason}"
    elif freshness.stale:
        note = f"Not up to date: {freshness.reason}"
    return Chart(
        title=f"{insight.title}: {subject}",
        unit=_EVENTS_PER[question.window.bin.name],
        starts=question.window.starts(),
        bin_width=question.window.bin.width,
        series=[_series(job, row, with_job=not one_job) for job, row in rows],
        note=note,
    )


def _series(job: Job | None, row: Any, *, with_job: bool) -> ChartSeries:
    points = row.points
    return ChartSeries(
        name=f"{job.app.name or job.job_id}: {row.label}" if job and with_job else row.label,
        values=[point.events for point in points],
        expected=[getattr(point, "expected", None) for point in points],
        upper=[getattr(point, "upper", None) for point in points],
        spikes=[index for index, point in enumerate(points) if getattr(point, "spike", False)],
    )
