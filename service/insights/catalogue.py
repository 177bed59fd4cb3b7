"""All insights there are, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from service.insights.actions import Actions
from service.insights.cycles import Cycles
from service.insights.errors import Errors
from service.insights.events import Events, IdentityEvents, OneEvent
from service.insights.failures import Failures
from service.insights.insight import Insight
from service.insights.job import OneJob
from service.insights.jobs import Jobs
from service.insights.objects import Objects
from service.insights.operations import Operations
from service.insights.silence import SilenceInsight
from service.insights.skipped_members import SkippedMembers
from service.insights.skips import Skips
from service.insights.spikes import Spikes

INSIGHTS: Mapping[str, Insight[Any, Any]] = MappingProxyType(
    {
        insight.name: insight
        for insight in (
            Jobs(),
            OneJob(),
            Failures(),
            Errors(),
            Actions(),
            Operations(),
            Spikes(),
            SkippedMembers(),
            Skips(),
            Cycles(),
            Objects(),
            Events(),
            IdentityEvents(),
            OneEvent(),
            SilenceInsight(),
        )
    }
)
