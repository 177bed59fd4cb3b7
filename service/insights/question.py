"""What a caller asks of an insight: a window, filters, and which jobs."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

from service.times import Window

Action = Literal["create", "update", "delete", "disable", "stageddelete", "other"]
Result = Literal["success", "failure", "skipped", "warning"]
ACTIONS: tuple[Action, ...] = get_args(Action)
RESULTS: tuple[Result, ...] = get_args(Result)
EVERYTHING = "everything"
"""What a caller sees to whom nothing is closed."""


@dataclass(frozen=True)
class Filters:
    """Values of one filter are OR-ed, different filters AND-ed; empty means all.

    All values are in lower case: filters ignore case. `apps` and `jobs` choose among jobs, the
    others among events.
    """

    jobs: frozenset[str] = frozenset()
    apps: frozenset[str] = frozenset()
    actions: frozenset[str] = frozenset()
    results: frozenset[str] = frozenset()
    error_codes: frozenset[str] = frozenset()
    identity_types: frozenset[str] = frozenset()
    operations: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Question:
    """One question, asked at `now`. `job_id` is that of a job's own route, `None` for the fleet.

    `sees` names what the caller may see: no answer is kept for two of whom one sees less.
    """

    window: Window
    now: datetime
    filters: Filters = field(default_factory=Filters)
    job_id: str | None = None
    sees: Hashable = EVERYTHING
