"""One check and what it found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "failed", "not tried", "does not apply"]

CHECKS = (
    "settings",
    "credential",
    "token",
    "workspace",
    "right",
    "table",
    "columns",
    "events",
    "budget",
    "clock",
)
"""The checks in their order. Each but `budget`, which the settings alone decide, needs those before
it."""


@dataclass(frozen=True)
class Finding:
    """`detail` says what was found and, where the check failed, what to do."""

    check: str
    status: Status
    detail: str
