"""Which jobs are there? Every job that the retention knows, with its application and systems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from service.insights.question import Question


@dataclass(frozen=True)
class App:
    """The application of a job: the ID and the name of its service principal."""

    id: str
    name: str


@dataclass(frozen=True)
class Job:
    """One provisioning job; times are those of its first and last event in the retention."""

    job_id: str
    app: App
    source_system: str
    target_system: str
    first_event: datetime
    last_event: datetime


@dataclass(frozen=True)
class Directory:
    """All jobs by ID, in the order of their IDs."""

    jobs: Mapping[str, Job]

    @cached_property
    def events_until(self) -> datetime | None:
        """The time of the newest event that the workspace has, `None` if it has none."""
        return max((job.last_event for job in self.jobs.values()), default=None)

    def since(self, instant: datetime) -> Directory:
        """The jobs that had an event since then."""
        return Directory(
            {job_id: job for job_id, job in self.jobs.items() if job.last_event >= instant}
        )

    def chosen(self, question: Question) -> Iterator[Job]:
        """The jobs that a question is about."""
        jobs, apps = question.filters.jobs, question.filters.apps
        for job in self.jobs.values():
            if (
                question.job_id in (None, job.job_id)
                and (not jobs or job.job_id.lower() in jobs)
                and (not apps or job.app.name.lower() in apps)
            ):
                yield job
