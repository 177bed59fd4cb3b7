"""Rows as they leave: on fleet routes, each also names its job and application."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, make_dataclass
from functools import cache
from typing import Any, get_type_hints

from service.insights.directory import App, Job


@cache
def fleet_row(row_type: type) -> type:
    """The row's dataclass with `job_id` and `app` in front; itself if it has both already."""
    hints = get_type_hints(row_type)
    if "job_id" in hints and "app" in hints:
        return row_type
    named = list(hints.items() if "job_id" in hints else ({"job_id": str} | hints).items())
    named.insert([name for name, _ in named].index("job_id") + 1, ("app", App))
    made: type = make_dataclass(
        f"Fleet{row_type.__name__}",
        named,
        frozen=True,
        namespace={"__doc__": f"{row_type.__doc__ or ''}\n\nWith the job it is about.".strip()},
    )
    return made


def outgoing(row_type: type, rows: Sequence[tuple[Job | None, Any]], *, fleet: bool) -> list[Any]:
    """The rows for a job's own route, or for the fleet's."""
    if not fleet:
        return [row for _, row in rows]
    made = fleet_row(row_type)
    if made is row_type:
        return [row for _, row in rows]
    others = [field.name for field in fields(row_type) if field.name != "job_id"]
    return [
        made(job_id=job.job_id, app=job.app, **{name: getattr(row, name) for name in others})
        for job, row in rows
        if job is not None
    ]
