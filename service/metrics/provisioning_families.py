"""The metrics of provisioning: jobs, events and failures of the latest windows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric

from service.insights.directory import Directory
from service.insights.window_counts import WindowCounts

PREFIX = "entra_provisioning"


@dataclass(frozen=True)
class Snapshot:
    """What is shown until the next refresh. `data` is when the workspace was asked."""

    directory: Directory
    counts: WindowCounts
    data: datetime


def families(snapshot: Snapshot | None, top_errors: int, *, success: bool) -> Iterator[Metric]:
    """All families; names of jobs stand in `job_info` only, and nobody's ID in any label.

    `snapshot` is `None` before the first answer, `success` whether the last refresh got one.
    """
    if snapshot is not None:
        yield from _of_jobs(snapshot, top_errors)
    refreshed = GaugeMetricFamily(
        f"{PREFIX}_refresh_success",
        "Whether the last refresh got an answer: 1, or 0 while the values shown are older.",
        labels=["insight"],
    )
    refreshed.add_metric(["activity"], float(success))
    yield refreshed


def _of_jobs(snapshot: Snapshot, top_errors: int) -> Iterator[Metric]:
    jobs = snapshot.directory.jobs.values()
    info = GaugeMetricFamily(
        f"{PREFIX}_job_info",
        "A provisioning job's names, always 1; join it by job_id.",
        labels=["job_id", "app_id", "app_name", "source_system", "target_system"],
    )
    last = GaugeMetricFamily(
        f"{PREFIX}_last_event_timestamp_seconds",
        "When the job's newest event happened, in Unix time.",
        labels=["job_id"],
    )
    for job in jobs:
        info.add_metric(
            [job.job_id, job.app.id, job.app.name, job.source_system, job.target_system], 1
        )
        last.add_metric([job.job_id], job.last_event.timestamp())
    yield info
    yield last
    events = GaugeMetricFamily(
        f"{PREFIX}_window_events",
        "Events of the window that ended with the last whole five minutes.",
        labels=["job_id", "action", "result", "window"],
    )
    for (window, job_id, action, result), count in sorted(snapshot.counts.events.items()):
        events.add_metric([job_id, action, result, window], count)
    yield events
    yield _failures(snapshot.counts, top_errors)
    data = GaugeMetricFamily(
        f"{PREFIX}_data_timestamp_seconds",
        "When the workspace was asked for what is shown, in Unix time.",
        labels=["insight"],
    )
    data.add_metric(["activity"], snapshot.data.timestamp())
    yield data


def _failures(counts: WindowCounts, top_errors: int) -> Metric:
    family = GaugeMetricFamily(
        f"{PREFIX}_window_failures",
        "Failures of the window by error code: a job's most frequent ones, the rest as `other`.",
        labels=["job_id", "error_code", "window"],
    )
    by_job: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    for (window, job_id, error_code), count in counts.failures.items():
        by_job[window, job_id].append((-count, error_code))
    for (window, job_id), found in sorted(by_job.items()):
        found.sort()
        shown = Counter({error_code: -count for count, error_code in found[:top_errors]})
        # An application may have an error code of that name: one series must not appear twice.
        shown["other"] -= sum(count for count, _ in found[top_errors:])
        for error_code, count in (+shown).items():
            family.add_metric([job_id, error_code, window], count)
    return family
